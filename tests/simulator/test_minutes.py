"""Limits that come back bit by bit, as their callers see them: minutes and buckets."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

NOON = datetime(2026, 11, 20, 12, tzinfo=timezone(timedelta(hours=8)))
DAY_MS = 86_400_000
TOKENS = 14  # those of a call that says "hello", 6 of them the prompt's


def at(here: Any, seconds: float, **fields: Any) -> Any:
    here.go_to(NOON + timedelta(seconds=seconds))
    return here.chat(**fields)


def limit_headers(reply: Any, unit: str) -> tuple[str | None, ...]:
    names = ("limit", "remaining", "reset")
    return tuple(reply.headers.get(f"x-ratelimit-{name}-{unit}") for name in names)


def test_a_minute_slides_and_does_not_begin_with_the_clocks(world: Any) -> None:
    here = world(calls_per_minute=2)
    moments = (0, 59, 59.999, 60, 60.001, 118.999, 119)
    statuses = [at(here, moment).status_code for moment in moments]
    assert statuses == [200, 200, 429, 200, 429, 429, 200]


def test_too_many_calls_a_minute_are_a_burst(world: Any, error_of: Any) -> None:
    here = world(calls_per_minute=1)
    at(here, 0)
    refused = at(here, 1)
    error = error_of(refused)
    assert (refused.status_code, error["message"]) == (429, "Too Many Requests")
    assert error["code"] == "limit_burst_rate"


def test_too_many_tokens_a_minute_sound_like_a_spent_account(world: Any, error_of: Any) -> None:
    here = world(tokens_per_minute=2 * TOKENS)
    assert [at(here, second).status_code for second in (0, 1, 2, 59.999)] == [200, 200, 429, 429]
    error = error_of(at(here, 3))
    assert error["message"] == (
        "You exceeded your current quota, please check your plan and billing details"
    )
    assert error["code"] == "insufficient_quota"
    assert at(here, 60).status_code == 200


def test_a_call_needs_room_for_all_its_tokens(world: Any) -> None:
    assert world(tokens_per_minute=TOKENS).chat().status_code == 200
    assert world(tokens_per_minute=TOKENS - 1).chat().status_code == 429


def test_the_tokens_counted_are_those_of_the_reply(world: Any) -> None:
    here = world(tokens_per_minute=1000)
    reply = here.chat("a much longer question than hello")
    total = reply.json()["usage"]["total_tokens"]
    assert limit_headers(reply, "tokens")[:2] == ("1000", str(1000 - total))


def test_headers_tell_what_is_left_of_a_minute_and_when_it_is_whole(world: Any) -> None:
    here = world(calls_per_minute=3, tokens_per_minute=50)
    assert limit_headers(at(here, 0), "requests") == ("3", "2", "1m0s")
    reply = at(here, 30)
    assert limit_headers(reply, "requests") == ("3", "1", "1m0s")
    assert limit_headers(reply, "tokens") == ("50", str(50 - 2 * TOKENS), "1m0s")
    refused = at(here, 40.5, model="no/such")
    assert limit_headers(refused, "requests") == ("3", "1", "49.5s")
    assert limit_headers(at(here, 89.15, model="no/such"), "requests") == ("3", "2", "850ms")
    assert limit_headers(at(here, 90, model="no/such"), "requests") == ("3", "3", "0s")


def test_no_limit_a_minute_is_no_header_and_headers_can_be_switched_off(world: Any) -> None:
    plain, silent = world().chat(), world(calls_per_minute=3, headers=False).chat()
    assert [limit_headers(reply, "requests") for reply in (plain, silent)] == [(None,) * 3] * 2


def test_accounts_have_minutes_and_buckets_of_their_own(world: Any) -> None:
    for settings in ({"calls_per_minute": 1}, {"refill_calls": (1, DAY_MS)}):
        here = world(**settings)
        assert [here.chat(token=token).status_code for token in "aab"] == [200, 429, 200]


def test_refusals_take_nothing_of_a_minute(world: Any) -> None:
    here = world(calls_per_minute=1)
    assert [at(here, second).status_code for second in (0, 20, 40, 60)] == [200, 429, 429, 200]
    throttled = world(calls_per_minute=5, faults={"throttle": 1.0})
    assert [limit_headers(reply, "requests")[1] for reply in throttled.chats(3)] == ["5"] * 3


def test_a_minute_counts_failed_calls_even_where_a_day_does_not(world: Any) -> None:
    here = world(calls_per_minute=2, faults={"error_500": 1.0}, counts_failed=False)
    assert [reply.status_code for reply in here.chats(3)] == [500, 500, 429]
    assert here.simulator.stats().by_day["2026-11-20"].spent == 0


def test_a_spent_day_is_told_before_a_full_minute(world: Any, error_of: Any) -> None:
    here = world(calls_per_day=1, calls_per_minute=1)
    here.chat()
    assert "today's quota" in error_of(here.chat())["message"]


@pytest.mark.parametrize("settings", [{"calls_per_month": 2}, {"tokens_per_month": 2 * TOKENS}])
def test_a_spent_month_is_refused_until_the_first_of_the_next(
    world: Any, error_of: Any, settings: Any
) -> None:
    here = world(**settings)
    moments = [datetime(2026, 11, day, tzinfo=NOON.tzinfo) for day in (20, 21, 30)]
    first = datetime(2026, 12, 1, tzinfo=NOON.tzinfo)
    replies = []
    for moment in (*moments, first - timedelta(milliseconds=1), first):
        here.go_to(moment)
        replies.append(here.chat())
    assert [reply.status_code for reply in replies] == [200, 200, 429, 429, 200]
    message = error_of(replies[2])["message"]
    assert message == "You have exceeded this month's quota, please try again next month"


def test_a_bucket_drips_and_says_when_in_words_and_in_a_header(world: Any, error_of: Any) -> None:
    here = world(refill_calls=(1000, DAY_MS), calls_per_day_per_model=None)
    assert {reply.status_code for reply in here.chats(1000)} == {200}
    refused = here.chat()
    assert refused.status_code == 429
    message = error_of(refused)["message"]
    assert message.startswith("Rate limit reached ")
    assert message.endswith(
        "on requests per day (RPD): Limit 1000, Used 1000, Requested 1. "
        "Please try again in 1m26.4s."
    )
    assert refused.headers["retry-after"] == "87"
    assert limit_headers(refused, "requests") == ("1000", "0", "24h0m0s")
    statuses = [at(here, second).status_code for second in (86.399, 86.4, 86.401, 172.8)]
    assert statuses == [429, 200, 429, 200]


def test_a_bucket_says_when_even_where_headers_are_off(world: Any) -> None:
    here = world(refill_calls=(1, 1500), headers=False)
    here.chat()
    assert here.chat().headers["retry-after"] == "2"


def test_the_headers_tell_of_the_minute_where_there_is_a_bucket_too(world: Any) -> None:
    reply = world(refill_calls=(1000, DAY_MS), calls_per_minute=30).chat()
    assert limit_headers(reply, "requests") == ("30", "29", "1m0s")

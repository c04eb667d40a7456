"""Daily quotas as their callers see them: headers, refusals, resets, other people."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

MODEL, OTHER = "Qwen/Qwen3-8B", "Qwen/Qwen3-32B"
BEIJING = timezone(timedelta(hours=8))


def test_headers_are_right_to_the_number(world: Any, quotas: Any) -> None:
    here = world(calls_per_day=10, calls_per_day_per_model=5, model_limits={OTHER: 3})
    seen = [quotas(here.chat(model=model)) for model in (MODEL, MODEL, OTHER)]
    assert seen == [
        ["10", "9", "5", "4"],
        ["10", "8", "5", "3"],
        ["10", "7", "3", "2"],
    ]
    refused = here.chat(model="no/such")
    assert quotas(refused) == ["10", "7", "5", "5"]


def test_headers_can_be_switched_off_and_are_not_invented(world: Any, quotas: Any) -> None:
    assert quotas(world(headers=False).chat()) == [None] * 4
    assert quotas(world(calls_per_day=None).chat()) == [None, None, "500", "499"]
    assert quotas(world(calls_per_day_per_model=None).chat()) == ["2000", "1999", None, None]


def test_a_spent_model_is_refused_and_its_neighbour_is_not(
    world: Any, error_of: Any, quotas: Any
) -> None:
    here = world(calls_per_day=10, calls_per_day_per_model=2)
    assert [reply.status_code for reply in here.chats(3)] == [200, 200, 429]
    refused = here.chat()
    assert error_of(refused)["message"] == (
        f"You have exceeded today's quota for model {MODEL}, "
        "please try again tomorrow, or consider using other models"
    )
    assert quotas(refused) == ["10", "8", "2", "0"]
    assert here.chat(model=OTHER).status_code == 200


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("today", "You have exceeded today's quota, please try again tomorrow"),
        ("ambiguous", "Request limit exceeded."),
    ],
)
def test_a_spent_account_is_refused_on_every_model(
    world: Any, error_of: Any, quotas: Any, words: str, message: str
) -> None:
    here = world(calls_per_day=2, account_refusal=words)
    here.chats(2)
    for model in (MODEL, OTHER):
        refused = here.chat(model=model)
        assert (refused.status_code, error_of(refused)["message"]) == (429, message)
        assert quotas(refused)[:2] == ["2", "0"]


def test_accounts_are_counted_apart(world: Any) -> None:
    here = world(calls_per_day=1)
    assert [here.chat(token=token).status_code for token in ("a", "a", "b")] == [200, 429, 200]


@pytest.mark.parametrize("late_s", [0, 45])
def test_the_day_resets_at_midnight_in_beijing_or_a_little_later(world: Any, late_s: int) -> None:
    here = world(calls_per_day=1, reset_late_s=late_s)
    here.chat()
    reset = datetime(2026, 11, 21, tzinfo=BEIJING) + timedelta(seconds=late_s)
    here.go_to(reset - timedelta(milliseconds=1))
    assert here.chat().status_code == 429
    here.go_to(reset)
    assert [reply.status_code for reply in here.chats(2)] == [200, 429]


def test_refusals_spend_nothing(world: Any, quotas: Any) -> None:
    here = world(faults={"throttle": 1.0})
    assert {reply.status_code for reply in here.chats(5)} == {429}
    assert quotas(here.chat()) == ["2000", "2000", "500", "500"]
    assert here.simulator.stats().by_day["2026-11-20"].spent == 0


def test_someone_else_on_the_account_shows_in_the_headers_and_can_use_it_up(
    world: Any, quotas: Any
) -> None:
    here = world(calls_per_day=10, foreign_calls_per_day=9, foreign_spread_s=43_200)
    midnight = datetime(2026, 11, 20, tzinfo=BEIJING)
    here.go_to(midnight + timedelta(hours=4))
    assert quotas(here.chat())[:2] == ["10", "6"]
    here.go_to(midnight + timedelta(hours=12))
    assert here.chat().status_code == 429
    assert here.simulator.stats().by_day["2026-11-20"].spent == 1


def test_a_retired_model_is_refused_for_good(world: Any, error_of: Any) -> None:
    here = world(retired=frozenset({"old/one"}))
    refused = here.chat(model="old/one")
    error = error_of(refused)
    assert refused.status_code == 429
    assert error["message"] == "insufficient balance (1008)"
    assert error["http_code"] == "429"


def test_more_at_once_than_allowed_are_throttled_and_spend_nothing(
    world: Any, error_of: Any
) -> None:
    here = world(max_concurrency=2, latency_ms=(10, 10))
    replies = here.together(5)
    refused = [reply for reply in replies if reply.status_code == 429]
    assert len(refused) == 3
    for reply in refused:
        assert error_of(reply)["message"].startswith(
            f"We have to rate limit you for model {MODEL}."
        )
    stats = here.simulator.stats()
    assert (stats.answered, stats.in_flight, stats.max_in_flight) == (2, 0, 5)
    assert stats.by_day["2026-11-20"].spent == 2
    assert here.chat().status_code == 200, "the slots are free again"


@pytest.mark.parametrize("envelope", ["error", "errors", "flat"])
def test_an_error_comes_in_the_envelope_that_was_chosen(world: Any, envelope: str) -> None:
    for reply in world(envelope=envelope, calls_per_day=0).chats(8):
        content = reply.json()
        inner = content if envelope == "flat" else content[envelope]
        assert inner["message"] == "You have exceeded today's quota, please try again tomorrow"
        assert "request_id" in content or "request_id" in inner
        assert ("code" in inner) == (envelope == "flat")


def test_mixed_envelopes_are_all_met_with_the_request_id_inside_and_outside(world: Any) -> None:
    contents = [reply.json() for reply in world(calls_per_day=0).chats(60)]
    shapes = {tuple(sorted(content)) for content in contents}
    assert shapes == {
        ("error",),
        ("error", "request_id"),
        ("errors",),
        ("errors", "request_id"),
        ("code", "message", "request_id"),
    }

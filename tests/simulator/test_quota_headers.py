"""Unreliable quota headers, and zones, limits and models that change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from runner.simulator.quota_headers import MALFORMED_VALUES

MODEL = "Qwen/Qwen3-8B"
UNRELIABLE = ("missing", "malformed", "wrong")
LIMITS = {"calls_per_minute": 1000, "tokens_per_minute": 10**6}


def limit_headers(reply: Any) -> dict[str, str]:
    return {name: value for name, value in reply.headers.items() if "ratelimit" in name}


@pytest.mark.parametrize("behaviour", UNRELIABLE)
def test_unreliable_headers_change_nothing_else(world: Any, behaviour: str) -> None:
    faults = {"error_500": 0.2, "throttle": 0.2}
    runs = [
        [(reply.status_code, reply.content) for reply in here.chats(40)]
        for here in (
            world(faults=faults, header_behaviour="correct"),
            world(faults=faults, header_behaviour=behaviour),
        )
    ]
    assert runs[0] == runs[1]


@pytest.mark.parametrize("behaviour", UNRELIABLE)
def test_the_same_seed_gives_the_same_headers(world: Any, behaviour: str) -> None:
    def run(seed: int) -> list[Any]:
        here = world(header_behaviour=behaviour, seed=seed, **LIMITS)
        return [limit_headers(reply) for reply in here.chats(30)]

    assert run(1) == run(1)
    assert (run(1) == run(2)) == (behaviour == "wrong")


def test_either_all_headers_are_missing_or_none(world: Any) -> None:
    names = [
        len(limit_headers(reply))
        for reply in world(header_behaviour="missing", **LIMITS).chats(200)
    ]
    assert set(names) == {0, 10}
    assert 70 <= names.count(0) <= 130


def test_malformed_headers_are_every_kind_of_garbage_beside_the_truth(world: Any) -> None:
    true = world(**LIMITS).chats(60)
    malformed = world(header_behaviour="malformed", **LIMITS).chats(60)
    seen, right = [], 0
    for expected, given in zip(
        map(limit_headers, true), map(limit_headers, malformed), strict=True
    ):
        assert expected.keys() == given.keys()
        for name, value in given.items():
            if value == expected[name]:
                right += 1
            else:
                seen.append(value)
    assert set(seen) == set(MALFORMED_VALUES)
    assert 0.4 < right / (right + len(seen)) < 0.6


def test_wrong_headers_say_that_everything_is_left(world: Any) -> None:
    here = world(calls_per_day=2, header_behaviour="wrong", **LIMITS)
    for reply in here.chats(3):
        headers = limit_headers(reply)
        assert headers["modelscope-ratelimit-requests-remaining"] == "2"
        assert headers["modelscope-ratelimit-model-requests-remaining"] == "500"
        assert headers["x-ratelimit-remaining-requests"] == "1000"
        assert headers["x-ratelimit-remaining-tokens"] == "1000000"
    assert reply.status_code == 429


def test_a_throttle_says_when_to_come_again_in_seconds_or_by_the_clock(world: Any) -> None:
    here = world(calls_per_minute=1, retry_after=True)
    noon = datetime(2026, 11, 20, 4, tzinfo=UTC)
    assert "retry-after" not in here.chat().headers
    seen = set()
    for ms in range(100, 4100, 100):
        here.go_to(noon + timedelta(milliseconds=ms))
        value = here.chat().headers["retry-after"]
        seen.add(value.isdigit())
        if value.isdigit():
            assert int(value) == -(-(60_000 - ms) // 1000)
        else:
            assert parsedate_to_datetime(value) == noon + timedelta(seconds=60)
    assert seen == {True, False}


@pytest.mark.parametrize(
    ("settings", "carries"),
    [
        ({"retry_after": True, "faults": {"throttle": 1.0}}, True),
        ({"retry_after": True, "tokens_per_minute": 0}, True),
        ({"retry_after": True, "calls_per_day": 0}, False),
        ({"retry_after": True, "calls_per_month": 0}, False),
        ({"retry_after": True, "credits": 0}, False),
        ({"retry_after": True, "retired": frozenset({MODEL})}, False),
        ({"retry_after": True, "faults": {"error_500": 1.0}}, False),
        ({"retry_after": False, "faults": {"throttle": 1.0}}, False),
    ],
)
def test_only_what_clears_by_itself_in_seconds_says_when(
    world: Any, settings: Any, *, carries: bool
) -> None:
    reply = world(**settings).chat()
    assert reply.status_code in {429, 500}
    assert ("retry-after" in reply.headers) == carries


@pytest.mark.parametrize("day", ["2026-03-08", "2026-11-01"])
@pytest.mark.parametrize("late_s", [0, 45])
def test_a_day_of_a_zone_whose_clocks_change_ends_with_its_midnight(
    world: Any, day: str, late_s: int
) -> None:
    zone = ZoneInfo("America/Los_Angeles")
    start = datetime.fromisoformat(day).replace(tzinfo=zone)
    late = timedelta(seconds=late_s)
    end = (start + timedelta(days=1)).astimezone(UTC) + late
    here = world(calls_per_day=1, zone=zone.key, reset_late_s=late_s)
    statuses = []
    for moment in (start + late, end - timedelta(milliseconds=1), end):
        here.go_to(moment)
        statuses.append(here.chat().status_code)
    assert statuses == [200, 429, 200]
    following = (start + timedelta(days=1)).date().isoformat()
    assert list(here.simulator.stats().by_day) == [day, following]


def test_a_limit_that_falls_in_the_middle_of_a_day_falls_for_everyone(
    world: Any, quotas: Any
) -> None:
    noon = datetime(2026, 11, 20, 12, tzinfo=timezone(timedelta(hours=8)))
    at = int(noon.timestamp() * 1000)
    here = world(calls_per_day=5, limit_changes=((at + 1000, 2),))
    assert [quotas(reply)[:2] for reply in here.chats(3)][-1] == ["5", "2"]
    here.go_to(noon + timedelta(seconds=1))
    refused = here.chat()
    assert (refused.status_code, quotas(refused)[:2]) == (429, ["2", "0"])
    assert [here.chat(token="b").status_code for _ in range(3)] == [200, 200, 429]  # noqa: S106


def test_a_model_that_retires_in_the_middle_of_a_day_is_refused_from_then_on(
    world: Any, error_of: Any
) -> None:
    noon = datetime(2026, 11, 20, 12, tzinfo=timezone(timedelta(hours=8)))
    here = world(retired_at={MODEL: int(noon.timestamp() * 1000) + 1000})
    here.go_to(noon + timedelta(milliseconds=999))
    assert here.chat().status_code == 200
    here.go_to(noon + timedelta(seconds=1))
    assert error_of(here.chat())["message"] == "insufficient balance (1008)"
    assert here.chat(model="Qwen/Qwen3-32B").status_code == 200

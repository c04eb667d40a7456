"""The counts of the calls are exact."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import anyio


def test_every_call_is_counted_once_and_by_day(world: Any) -> None:
    here = world(calls_per_day=3, tokens=("ms-somebody",))
    here.chats(4)
    here.chat(token="ms-stranger")  # noqa: S106
    here.chat(model="no/such")
    here.go_to(datetime(2026, 11, 21, tzinfo=timezone(timedelta(hours=8))))
    here.chat("question 0")
    here.chat("something new")
    reply = here.get("/simulator/stats")
    assert reply.json() == {
        "now": "2026-11-20T16:00:00.000+00:00",
        "calls": 8,
        "answered": 5,
        "refused": 1,
        "by_day": {
            "2026-11-20": {"calls": 6, "answered": 3, "refused": 1, "spent": 3},
            "2026-11-21": {"calls": 2, "answered": 2, "refused": 0, "spent": 2},
        },
        "in_flight": 0,
        "max_in_flight": 1,
        "prompts": 4,
        "images": 0,
        "image_prompts": 0,
    }


def test_calls_under_way_are_in_flight(world: Any) -> None:
    here = world(latency_ms=(1000, 1000))

    async def main() -> Any:
        async with anyio.create_task_group() as group:
            group.start_soon(here.send, "one")
            group.start_soon(here.send, "two")
            await anyio.sleep(0.5)
            return here.simulator.stats()

    during = here.run(main)
    after = here.simulator.stats()
    assert (during.calls, during.answered, during.in_flight) == (2, 0, 2)
    assert (after.calls, after.answered, after.in_flight, after.max_in_flight) == (2, 2, 0, 2)


def test_an_answer_counts_for_the_day_its_call_arrived(world: Any) -> None:
    here = world(latency_ms=(2000, 2000))
    here.go_to(datetime(2026, 11, 20, 23, 59, 59, tzinfo=timezone(timedelta(hours=8))))
    here.chat()
    assert {day: seen.answered for day, seen in here.simulator.stats().by_day.items()} == {
        "2026-11-20": 1
    }


def test_no_token_is_in_what_the_simulator_sends(world: Any) -> None:
    here = world(calls_per_day=1, tokens=("ms-secret",))
    replies = here.chats(2, token="ms-secret")  # noqa: S106
    replies += [here.chat(token="ms-other"), here.get("/simulator/stats")]  # noqa: S106
    for reply in replies:
        assert "ms-" not in reply.text + repr(reply.headers)

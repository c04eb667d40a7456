"""The end of the engine: which calls are settled, and which are given up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from runner.engine.draining import drain
from runner.engine.event_log import EventLog
from runner.engine.trouble import Trouble
from runner.engine.wake_event import WakeEvent
from runner.errors import BusyError, MovedDatabaseError


class Calls:
    """Some calls that have ended, and others in flight."""

    def __init__(self, ended: int, in_flight: int) -> None:
        self.ended = [*range(ended)]
        self.in_flight = in_flight

    def __bool__(self) -> bool:
        return bool(self.ended or self.in_flight)


async def drained(calls: Any, failures: list[Exception]) -> Trouble:
    """Drains after the deadline; the first attempts to settle raise `failures`."""

    async def settle() -> None:
        await anyio.lowlevel.checkpoint()
        if failures:
            raise failures.pop()
        calls.ended.clear()

    wake, trouble = WakeEvent(), Trouble(Path(), EventLog())
    with anyio.fail_after(60):
        failure = await drain(calls, settle, wake, trouble, lambda: float("-inf"))
    assert failure is None
    return trouble


@pytest.mark.anyio
@pytest.mark.parametrize("in_flight", [0, 9])
async def test_calls_that_have_ended_by_the_deadline_are_settled(in_flight: int) -> None:
    calls = Calls(3, in_flight)
    trouble = await drained(calls, [])
    assert (calls.ended, calls.in_flight, trouble.what) == ([], in_flight, None)


@pytest.mark.anyio
async def test_a_database_that_was_moved_is_written_once_more() -> None:
    calls = Calls(3, 9)
    await drained(calls, [MovedDatabaseError("moved")])
    assert calls.ended == []


@pytest.mark.anyio
async def test_what_a_locked_database_refuses_at_the_deadline_is_trouble() -> None:
    """So the engine keeps it in a file."""
    calls = Calls(3, 9)
    trouble = await drained(calls, [BusyError("locked")])
    assert (len(calls.ended), trouble.what) == (3, "locked")

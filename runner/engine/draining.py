"""The end of the engine: what is in flight finishes and is settled, or is kept in a file."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio

from runner.engine.alarm import Alarm
from runner.engine.open_calls import OpenCalls
from runner.engine.trouble import RETRY_WRITE_S, Trouble, defect
from runner.errors import DiskError, MovedDatabaseError, RunnerError, UnavailableError

log = logging.getLogger(__name__)


async def drain(
    calls: OpenCalls,
    settle: Callable[[], Awaitable[object]],
    alarm: Alarm,
    trouble: Trouble,
    deadline: float,
) -> RunnerError | None:
    """Let calls in flight finish, and settle them; returns what hindered it.

    Args:
        calls: Those that are not settled yet.
        settle: Stores what has ended.
        alarm: Rings when a call has ended.
        trouble: Is told when the database cannot be written.
        deadline: When they are given up, in the loop's time (s).
    """
    with anyio.CancelScope(deadline=deadline):
        while calls:
            alarm.arm()
            if not calls.ended:
                await alarm.rings()
                continue
            try:
                await settle()
            except UnavailableError as error:
                trouble.write_failed(error)
                await anyio.sleep(RETRY_WRITE_S)
            except MovedDatabaseError:  # it takes what has ended all the same
                await anyio.lowlevel.checkpoint()
            except RunnerError as error:
                return error
            except Exception as error:  # noqa: BLE001 - what has ended is kept in a file
                return defect(error)
    return None


def keep_unstored(
    calls: OpenCalls, database: Path, failure: RunnerError | None, trouble: str | None
) -> RunnerError:
    """Keep what has ended in a file, since the database does not take it.

    Returns the error that says so: `failure` if there is one, else one of the `trouble`.
    """
    shown = failure or DiskError(trouble or "")
    place = calls.keep(database, shown.what)
    log.error("%s", place)
    added = type(shown)(f"{shown.what}; {place}", where=shown.where, remedy=shown.remedy)
    added.__cause__ = shown.__cause__
    return added

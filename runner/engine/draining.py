"""The shutdown of the engine: calls in flight finish and are settled, or are saved in a file."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio

from runner.engine.open_calls import OpenCalls
from runner.engine.trouble import RETRY_WRITE_S, Trouble, defect
from runner.engine.wake_event import WakeEvent
from runner.errors import DiskError, MovedDatabaseError, RunnerError, UnavailableError

log = logging.getLogger(__name__)


async def drain(
    calls: OpenCalls,
    settle: Callable[[], Awaitable[object]],
    wake: WakeEvent,
    trouble: Trouble,
    deadline: Callable[[], float],
) -> RunnerError | None:
    """Lets calls in flight finish, and settles them; returns the error that prevented it, if any.

    A call that has ended by the deadline is settled after it.

    Args:
        calls: The calls that are not settled yet.
        settle: Stores the calls that have ended.
        wake: Set when a call has ended, or the deadline has changed.
        trouble: Notified when the database cannot be written.
        deadline: Returns when the calls in flight are given up, in the loop's time (s).
    """
    while calls:
        wake.clear()
        left = deadline() - anyio.current_time()
        if not calls.ended:
            if left <= 0:
                return None
            await wake.wait(left)
            continue
        try:
            await settle()
        except UnavailableError as error:
            trouble.write_failed(error)
            if left <= 0:
                return None
            await wake.wait(min(left, RETRY_WRITE_S))
        except MovedDatabaseError:  # raised once only: the next attempt writes
            continue
        except RunnerError as error:
            return error
        except Exception as error:  # noqa: BLE001 - ended calls are saved in a file
            return defect(error)
    return None


def give_up(
    calls: OpenCalls, database: Path, failure: RunnerError | None, trouble: Trouble
) -> RunnerError | None:
    """Gives up the calls in flight, and saves in a file what the database does not accept.

    Returns an error that names the file, if there is one. It is based on `failure`, or else on
    `trouble`.
    """
    calls.give_up()
    shown = failure or (DiskError(trouble.what) if trouble.what else None)
    if shown is None or not calls.ended:
        return None
    place = calls.keep(database, shown.what)
    log.error("%s", place)
    added = type(shown)(f"{shown.what}; {place}", where=shown.where, remedy=shown.remedy)
    added.__cause__ = shown.__cause__
    return added

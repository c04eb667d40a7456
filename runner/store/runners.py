"""Registration of runners in the database, and retirement of dead ones."""

from __future__ import annotations

import os
import platform
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
from sqlalchemy import case, insert, update

from runner.errors import BusyError, UnavailableError
from runner.language import _
from runner.store.database import Database
from runner.store.liveness import acquired, lock_of, release, remove
from runner.store.rescue import rescue
from runner.store.tables import runners

if TYPE_CHECKING:
    from filelock import FileLock

Now = Callable[[], int]
"""Returns the present moment, in ms since the epoch."""


@asynccontextmanager
async def registered(database: Database, now: Now) -> AsyncIterator[int]:
    """Registers this runner with a fresh epoch, which ends on exit.

    The lock is taken before the row is committed, so that no other process ever sees the epoch of
    a living runner without its lock.

    After an UnavailableError in the block nothing is written: that would wait for the database once
    more. The next runner rescues this one.
    """
    async with database.write() as connection:
        values = {"pid": os.getpid(), "host": platform.node(), "started_at_ms": now()}
        added = insert(runners).values(values).returning(runners.c.id)
        runner_id = (await connection.execute(added)).scalar_one()
        lock = lock_of(database, runner_id)
        if not acquired(lock):
            raise _held(lock)
        database.watch.learn(lock.lock_file)
    can_write = True
    try:
        yield runner_id
    except UnavailableError:
        can_write = False
        raise
    finally:
        database.watch.forget([lock.lock_file])
        finish = release  # while the epoch has not ended: the next runner will rescue it
        try:
            if can_write:
                with anyio.CancelScope(shield=True):
                    await _retire(database, runner_id, now(), died=False)
                finish = remove
        finally:
            finish(lock)


async def rescue_dead(database: Database, suspects: Iterable[int], now: int) -> int:
    """Takes back the jobs of the suspects that have died; returns the number of jobs."""
    rescued = 0
    for runner_id in suspects:
        lock = lock_of(database, runner_id)
        if not acquired(lock):
            continue  # it is alive
        try:
            rescued += await _retire(database, runner_id, now, died=True)
        finally:
            remove(lock)
    return rescued


async def _retire(database: Database, runner_id: int, now: int, *, died: bool) -> int:
    """Ends an epoch and takes back its jobs; returns their number."""
    async with database.write() as connection:
        rescued = await rescue(connection, runner_id, now, died=died)
        # The clock may have been set back since: an epoch must not end before it began.
        ended_at = case((runners.c.started_at_ms > now, runners.c.started_at_ms), else_=now)
        await connection.execute(
            update(runners)
            .where(runners.c.id == runner_id, runners.c.ended_at_ms.is_(None))
            .values(ended_at_ms=ended_at)
        )
    return rescued


def _held(lock: FileLock) -> BusyError:
    """Returns the error for a lock of a new epoch that is held: by a runner on another database."""
    return BusyError(
        _("a runner on another database has this lock: the database was replaced under it"),
        where=lock.lock_file,
        remedy=_("stop that runner with Ctrl-C, and run the same command again"),
    )

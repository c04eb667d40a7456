"""The life of a runner in the database: its epoch begins and ends, and the dead are retired."""

from __future__ import annotations

import os
import platform
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
from sqlalchemy import case, insert, update

from runner.errors import BusyError, StoreError
from runner.language import _
from runner.store.database import Database
from runner.store.liveness import acquired, lock_of, release, remove
from runner.store.rescue import rescue
from runner.store.tables import runners

if TYPE_CHECKING:
    from filelock import FileLock

Now = Callable[[], int]
"""Tells the present moment, in ms since the epoch."""


@asynccontextmanager
async def registered(database: Database, now: Now) -> AsyncIterator[int]:
    """Give this runner a fresh epoch, and end it on the way out.

    The lock is taken before the row is committed: nobody ever sees a living runner unlocked.
    """
    async with database.write() as connection:
        values = {"pid": os.getpid(), "host": platform.node(), "started_at_ms": now()}
        added = insert(runners).values(values).returning(runners.c.id)
        runner_id = (await connection.execute(added)).scalar_one()
        lock = lock_of(database, runner_id)
        if not acquired(lock):
            raise _held(lock)
        database.watch.learn(lock.lock_file)
    try:
        yield runner_id
    finally:
        database.watch.forget([lock.lock_file])
        try:
            with anyio.CancelScope(shield=True):
                await _retire(database, runner_id, now(), died=False)
        except StoreError:
            release(lock)  # it is not retired: whoever comes next finds it dead
            raise
        remove(lock)


async def rescue_dead(database: Database, suspects: Iterable[int], now: int) -> int:
    """Take back the jobs of those runners that have died; returns how many there were."""
    rescued = 0
    for runner_id in suspects:
        lock = lock_of(database, runner_id)
        if not acquired(lock):
            continue  # it lives
        try:
            rescued += await _retire(database, runner_id, now, died=True)
        finally:
            remove(lock)
    return rescued


async def _retire(database: Database, runner_id: int, now: int, *, died: bool) -> int:
    """End an epoch and take back its jobs; returns how many there were."""
    async with database.write() as connection:
        rescued = await rescue(connection, runner_id, now, died=died)
        # A clock may have been set back since: no epoch ends before it began.
        ended_at = case((runners.c.started_at_ms > now, runners.c.started_at_ms), else_=now)
        await connection.execute(
            update(runners)
            .where(runners.c.id == runner_id, runners.c.ended_at_ms.is_(None))
            .values(ended_at_ms=ended_at)
        )
    return rescued


def _held(lock: FileLock) -> BusyError:
    """No runner of this database can hold the lock of an epoch that is only being given."""
    return BusyError(
        _("a runner on another database has this lock: the database was replaced under it"),
        where=lock.lock_file,
        remedy=_("stop that runner with Ctrl-C, and run the same command again"),
    )

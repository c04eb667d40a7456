"""The runners on this database: registration, and detection of dead ones.

Each runner has an epoch (a row) and an OS lock on a file of its own, which the kernel releases
when the process ends in any way. So dead runners are detected at once, without time-outs.
"""

from __future__ import annotations

import os
import platform
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from sqlalchemy import bindparam, case, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.errors import BusyError, StoreError
from runner.language import _
from runner.store.database import Database
from runner.store.rescue import rescue
from runner.store.statement import Statement
from runner.store.tables import runners

if TYPE_CHECKING:
    from filelock import FileLock

_UNENDED = Statement(
    select(runners.c.id)
    .where(runners.c.ended_at_ms.is_(None), runners.c.id != bindparam("own"))
    .order_by(runners.c.id)
)

Now = Callable[[], int]
"""Returns the present moment, in ms since the epoch."""


@asynccontextmanager
async def registered(database: Database, now: Now) -> AsyncIterator[int]:
    """Registers this runner with a fresh epoch, which ends on exit.

    The lock is taken before the row is committed, so that no other process ever sees the epoch of
    a living runner without its lock.
    """
    async with database.write() as connection:
        values = {"pid": os.getpid(), "host": platform.node(), "started_at_ms": now()}
        added = insert(runners).values(values).returning(runners.c.id)
        runner_id = (await connection.execute(added)).scalar_one()
        lock = _lock(database, runner_id)
        if not _acquired(lock):
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
            _release(lock)  # the epoch has not ended: the next runner will rescue it
            raise
        _remove(lock)


async def unended(connection: AsyncConnection, own_id: int = 0) -> list[int]:
    """Returns the epochs without an end, except `own_id`: those of living and of dead runners."""
    return [row.id for row in await _UNENDED.fetch(connection, own=own_id)]


async def rescue_dead(database: Database, suspects: Iterable[int], now: int) -> int:
    """Takes back the jobs of the suspects that have died; returns the number of jobs."""
    rescued = 0
    for runner_id in suspects:
        lock = _lock(database, runner_id)
        if not _acquired(lock):
            continue  # it is alive
        try:
            rescued += await _retire(database, runner_id, now, died=True)
        finally:
            _remove(lock)
    return rescued


async def alive(database: Database) -> list[int]:
    """Returns the epochs of the runners that are at work on this database now."""
    living = []
    async with database.read() as connection:
        suspects = await unended(connection)
    for runner_id in suspects:
        lock = _lock(database, runner_id)
        if _acquired(lock):
            _release(lock)
        else:
            living.append(runner_id)
    return living


async def living_processes(database: Database, connection: AsyncConnection) -> list[int]:
    """Returns the process ids of the runners at work, read in the caller's transaction."""
    living = await alive(database)
    query = select(runners.c.pid).where(runners.c.id.in_(living)).order_by(runners.c.id)
    return list((await connection.scalars(query)).all()) if living else []


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


def _lock(database: Database, runner_id: int) -> FileLock:
    from filelock import FileLock  # noqa: PLC0415 - a status rarely needs one

    folder = Path(f"{database.path}-runners")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise _unlockable(folder, error) from error
    return FileLock(folder / f"{runner_id}.lock", thread_local=False)


def _acquired(lock: FileLock) -> bool:
    """Takes `lock` if it is free; whether it was."""
    from filelock import Timeout  # noqa: PLC0415

    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    except (OSError, NotImplementedError) as error:  # the latter: a file system without locks
        raise _unlockable(Path(lock.lock_file), error) from error
    return True


def _unlockable(path: Path, error: Exception) -> StoreError:
    reason = getattr(error, "strerror", None) or str(error)
    return StoreError(
        _("the lock of a runner cannot be made ({reason})").format(reason=reason),
        where=str(path),
        remedy=_(
            "check the disk and the permissions of its folder, or choose another database "
            "with --db or MIDNIGHT_DB"
        ),
    )


def _held(lock: FileLock) -> BusyError:
    """Returns the error for a lock of a new epoch that is held: by a runner on another database."""
    return BusyError(
        _("a runner on another database has this lock: the database was replaced under it"),
        where=lock.lock_file,
        remedy=_("stop that runner with Ctrl-C, and run the same command again"),
    )


def _release(lock: FileLock) -> None:
    with suppress(OSError):  # a file system that fails even then: the process's end releases it
        lock.release()


def _remove(lock: FileLock) -> None:
    _release(lock)
    with suppress(OSError):
        Path(lock.lock_file).unlink(missing_ok=True)

"""Detection of living and dead runners on this database.

Each runner has an epoch (a row) and an OS lock on a file of its own, which the kernel releases
when the process ends in any way. So dead runners are detected at once, without time-outs.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.errors import StoreError
from runner.language import _
from runner.store.database import Database
from runner.store.statement import Statement
from runner.store.tables import runners

if TYPE_CHECKING:
    from filelock import FileLock

_UNENDED = Statement(
    select(runners.c.id)
    .where(runners.c.ended_at_ms.is_(None), runners.c.id != bindparam("own"))
    .order_by(runners.c.id)
)


async def unended(connection: AsyncConnection, own_id: int = 0) -> list[int]:
    """Returns the epochs without an end, except `own_id`: those of living and of dead runners."""
    return [row.id for row in await _UNENDED.fetch(connection, own=own_id)]


async def alive(database: Database) -> list[int]:
    """Returns the epochs of the runners that are at work on this database now."""
    async with database.read() as connection:
        suspects = await unended(connection)
    return [runner_id for runner_id in suspects if _is_alive(database, runner_id)]


async def living_processes(database: Database, connection: AsyncConnection) -> list[int]:
    """Returns the process ids of the runners at work, read in the caller's transaction.

    It opens no other one: several callers would wait for each other's connections for ever.
    """
    suspects = await unended(connection)
    living = [runner_id for runner_id in suspects if _is_alive(database, runner_id)]
    query = select(runners.c.pid).where(runners.c.id.in_(living)).order_by(runners.c.id)
    return list((await connection.scalars(query)).all()) if living else []


def _is_alive(database: Database, runner_id: int) -> bool:
    lock = lock_of(database, runner_id)
    if not acquired(lock):
        return True
    release(lock)
    return False


def lock_of(database: Database, runner_id: int) -> FileLock:
    """Returns the lock of a runner: a file in a folder beside the database, which is created."""
    from filelock import FileLock  # a status rarely needs one

    folder = Path(f"{database.path}-runners")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise _unlockable(folder, error) from error
    return FileLock(folder / f"{runner_id}.lock", thread_local=False)


def acquired(lock: FileLock) -> bool:
    """Takes `lock` if it is free; whether it was."""
    from filelock import Timeout

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


def release(lock: FileLock) -> None:
    """Releases `lock`; its file stays."""
    with suppress(OSError):  # a file system that fails even then: the process's end releases it
        lock.release()


def remove(lock: FileLock) -> None:
    """Releases `lock` and deletes its file, after its runner has ended."""
    release(lock)
    with suppress(OSError):
        Path(lock.lock_file).unlink(missing_ok=True)

"""Opening the database: its file is made or brought up to date, and closed on the way out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import anyio
from sqlalchemy.ext.asyncio import AsyncEngine

from runner.errors import StoreError
from runner.store import sqlite
from runner.store.database import Database
from runner.store.migrate import bring_up_to_date


@asynccontextmanager
async def open_database(
    path: Path,
    *,
    inline: bool = False,
    durable: bool = True,
    on_upgrade: Callable[[Path], None] | None = None,
) -> AsyncIterator[Database]:
    """The database at `path`, created or migrated if need be.

    Args:
        path: Of the file; its folder is made.
        inline: Call SQLite on the loop's own thread, under a virtual clock (see sqlite_inline.py).
        durable: Whether a commit survives a power cut; a rehearsal's need not.
        on_upgrade: Told, before it is migrated, where a copy of it as it was is kept.

    Raises:
        StoreError: It is not a database of ours, damaged, locked, or cannot be opened.
        BusyError: A runner of an older version is at work on it.
        NewerDatabaseError: A newer version of the program has written it.
    """
    _make_folder(path)
    with sqlite.translated(path):
        sqlite.create(path)
    async with AsyncExitStack() as stack:
        engines = []
        for pool_size, writes in ((1, True), (2, False)):
            engine = sqlite.engine(
                path, pool_size=pool_size, writes=writes, durable=durable, inline=inline
            )
            stack.push_async_callback(_dispose, engine)
            engines.append(engine)
        database = Database(path, *engines)
        await bring_up_to_date(database, on_upgrade)
        yield database


async def _dispose(engine: AsyncEngine) -> None:
    with anyio.CancelScope(shield=True):
        await engine.dispose()


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"its folder cannot be made ({error.strerror})",
            where=str(path),
            remedy="name another place with --db or MIDNIGHT_DB",
        ) from None

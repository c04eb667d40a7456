"""Opens the database: its file is created or migrated, and closed on exit."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import anyio
from sqlalchemy.ext.asyncio import AsyncEngine

from runner.errors import MovedDatabaseError, StoreError
from runner.language import _
from runner.store import sqlite, sqlite_errors
from runner.store.database import Database
from runner.store.migrate import bring_up_to_date, copy_to


@asynccontextmanager
async def open_database(
    path: Path,
    *,
    inline: bool = False,
    durable: bool = True,
    on_upgrade: Callable[[Path], None] | None = None,
) -> AsyncIterator[Database]:
    """Opens the database at `path`, which is created or migrated if needed.

    Args:
        path: The path of the file; its folder is created.
        inline: Whether SQLite runs on the loop's own thread, under a virtual clock (see
            sqlite_inline.py).
        durable: Whether a commit survives a power cut; a rehearsal's need not.
        on_upgrade: Called before a migration with the path of the copy of the old database.

    Raises:
        StoreError: It is damaged, locked, of another program, or cannot be opened.
        BusyError: A runner of an older version is at work on it.
        NewerDatabaseError: A newer version of the program has written it.
    """
    path = _real(path)
    _make_folder(path)
    with sqlite_errors.translated(path):
        sqlite.create(path)
    _refuse_second_name(path)
    async with AsyncExitStack() as stack:
        engines = []
        for pool_size, writes in ((1, True), (2, False)):
            engine = sqlite.engine(
                path, pool_size=pool_size, writes=writes, durable=durable, inline=inline
            )
            stack.push_async_callback(_dispose, engine)
            engines.append(engine)
        database = Database(path, *engines)
        stack.push_async_callback(_close, database)
        await bring_up_to_date(database, on_upgrade)
        async with _kept_if_moved(database):
            yield database


@asynccontextmanager
async def _kept_if_moved(database: Database) -> AsyncIterator[None]:
    """Saves a copy of the file that SQLite has open, if it was moved.

    Raises:
        MovedDatabaseError: It was moved; the error names the copy.
    """
    failure: Exception | None = None
    try:
        yield
        if database.has_written:
            database.check_files()
    except Exception as error:  # noqa: BLE001 - raised below, or as the cause of another error
        failure = error
    if database.moved is not None and database.has_written:
        raise await _rescued(database) from failure
    if failure is not None:
        raise failure


async def _rescued(database: Database) -> MovedDatabaseError:
    """Writes the copy, and returns the error that names it."""
    moved = database.moved_error()
    copy = _place_beside(database.path)
    try:
        await copy_to(database, copy)
    except StoreError as error:
        what = _("{what}; what was in it could not be kept: {reason}").format(
            what=moved.what, reason=error.what
        )
        return MovedDatabaseError(what, where=moved.where, remedy=moved.remedy)
    what = _("{what}; no call was made since, and all that was in it is kept in {copy}").format(
        what=moved.what, copy=copy
    )
    remedy = _("go on with --db {copy}, or move it to {path}").format(
        copy=shlex.quote(str(copy)), path=database.path
    )
    return MovedDatabaseError(what, where=moved.where, remedy=remedy)


def _place_beside(path: Path) -> Path:
    """Returns an unused path in the folder of `path`, or in the temporary folder without it."""
    folder = path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        folder = Path(tempfile.gettempdir())
    names = (f"{path.name}.kept{number}" for number in ("", *(f"-{n}" for n in range(2, 1000))))
    return next(place for name in names if not (place := folder / name).exists())


async def _close(database: Database) -> None:
    with anyio.CancelScope(shield=True):
        await database.close()


async def _dispose(engine: AsyncEngine) -> None:
    with anyio.CancelScope(shield=True):
        await engine.dispose()


def _refuse_second_name(path: Path) -> None:
    """Refuses a file with several hard links: the WAL's name depends on the name of the file.

    Programs that open it by different names would not see each other's WAL.

    Raises:
        StoreError: The file has several hard links.
    """
    try:
        names = path.stat().st_nlink
    except OSError as error:
        raise sqlite_errors.cannot_open(path, error) from error
    if names > 1:
        raise StoreError(
            _(
                "the database's file has a second name (a hard link), under which another program "
                "could damage it"
            ),
            where=str(path),
            remedy=_(
                "remove the other name, or copy the file: cp {name} copy.db && mv copy.db {name}"
            ).format(name=path.name),
        )


def _real(path: Path) -> Path:
    """Returns `path` with symbolic links resolved, so that all runners use the same lock files."""
    return Path(os.path.realpath(path))


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            _("its folder cannot be made ({reason})").format(reason=error.strerror),
            where=str(path),
            remedy=_("name another place with --db or MIDNIGHT_DB"),
        ) from None

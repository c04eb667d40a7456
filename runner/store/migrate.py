"""Migrations of the database: applied on open; a newer database is refused.

The revisions themselves are in migrations/.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.schema import CreateIndex, CreateTable

from runner.errors import BusyError, NewerDatabaseError, StoreError
from runner.language import _
from runner.resources import shipped
from runner.store import api_tables, sqlite, tables, total_tables  # noqa: F401 - their tables
from runner.store.columns import metadata
from runner.store.database import Database
from runner.store.liveness import living_processes

# As Alembic creates it.
_VERSION = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


async def bring_up_to_date(
    database: Database, on_upgrade: Callable[[Path], None] | None = None
) -> None:
    """Applies the revisions that the database lacks.

    They are one transaction: a crash leaves the old database or the new one. Before a revision
    changes existing data, a copy of the file is stored beside it, and `on_upgrade` is called with
    its path. If two programs open an old database at once, the second finds it migrated.

    Raises:
        NewerDatabaseError: Its revision is unknown to this version of the program.
        BusyError: A runner of an older version is at work on it.
        StoreError: The file is a database of another program.
    """
    known = revisions()
    async with database.read() as connection:
        revision = await current_revision(connection, database.path)
    if revision == known[-1]:
        return
    if revision is not None:
        _refuse_unknown(revision, known, database.path)
    async with database.write() as connection:
        revision = await current_revision(connection, database.path)
        if revision is None:
            await connection.run_sync(_create, known[-1])
        elif revision != known[-1]:
            await _refuse_living(connection, database)
            await _keep_copy(database, revision, on_upgrade)
            await connection.run_sync(_upgrade)


def revisions() -> list[str]:
    """Returns the revisions of this program, oldest first: the numbers of the migration files."""
    files = (shipped("migrations") / "versions").glob("[0-9]*.py")
    return sorted(file.name.split("_")[0] for file in files)


async def current_revision(connection: AsyncConnection, path: Path) -> str | None:
    """Returns the database's revision; None when the file is empty.

    Raises:
        StoreError: It has tables of another program.
    """
    names = await sqlite.table_names(connection)
    if not names:
        return None
    if not {"alembic_version", "batches"} <= names:
        raise StoreError(
            _("this is the database of another program"),
            where=str(path),
            remedy=_("choose another file with --db or MIDNIGHT_DB"),
        )
    revision: str | None = await connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def _refuse_unknown(revision: str, known: list[str], path: Path) -> None:
    if revision not in known:
        raise NewerDatabaseError(
            _(
                "a newer midnight-runner has written this database (revision {revision}; "
                "this one knows up to {known})"
            ).format(revision=revision, known=known[-1]),
            where=str(path),
            remedy=_("upgrade with: pip install --upgrade midnight-runner"),
        )


async def _refuse_living(connection: AsyncConnection, database: Database) -> None:
    """Raises BusyError if a runner of the old version is at work.

    It could not store the answers to its calls, which were paid. No runner can register meanwhile,
    as the caller has the write lock; one that waits for it cannot reserve a call afterwards, since
    its statements fail, and so sends none.
    """
    pids = await living_processes(database, connection)
    if not pids:
        return
    raise BusyError(
        _("a runner of an older version is at work on this database (process {pids})").format(
            pids=", ".join(map(str, pids))
        ),
        where=str(database.path),
        remedy=_("stop it with Ctrl-C, which loses nothing, and run the same command again"),
    )


async def _keep_copy(
    database: Database, revision: str, on_upgrade: Callable[[Path], None] | None
) -> None:
    copy = database.path.with_name(f"{database.path.name}.revision-{revision}.bak")
    if on_upgrade is not None:
        on_upgrade(copy)
    copy.unlink(missing_ok=True)  # from a failed upgrade, after which the database was used
    await copy_to(database, copy)


async def copy_to(database: Database, target: Path) -> None:
    """Writes a consistent copy of the database to `target`, while others use it.

    The file is renamed to `target` when it is complete, so that a crash leaves no partial copy.

    Raises:
        StoreError: `target` exists, or the copy cannot be written.
    """
    _refuse_target(target)
    part = target.with_name(f"{target.name}.part")
    try:
        part.unlink(missing_ok=True)
        await database.write_copy(part)
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.rename(target)
    except OSError as error:
        raise StoreError(
            _("the copy cannot be written ({reason})").format(reason=error.strerror),
            where=str(target),
            remedy=_("free some space, or choose another place"),
        ) from None
    finally:
        with suppress(OSError):  # the rest of a copy that has failed
            part.unlink(missing_ok=True)


def _refuse_target(target: Path) -> None:
    if target.is_dir():
        remedy = _("name a file in it: {target}").format(target=target / "backup.db")
        raise StoreError(_("this is a folder"), where=str(target), remedy=remedy)
    if target.exists():
        raise StoreError(
            _("there is such a file already"), where=str(target), remedy=_("name another")
        )
    if not target.parent.is_dir():
        remedy = _("make the folder, or name another place")
        raise StoreError(_("there is no such folder"), where=str(target.parent), remedy=remedy)


def _create(connection: Connection, revision: str) -> None:
    """Creates the tables in the state after all revisions, which a test compares.

    Alembic itself would cost 13 MB of memory and a third of a second. The indexes of a table are a
    set: in the order of their names, a new database has the same bytes each time.
    """
    for table in metadata.sorted_tables:
        connection.execute(CreateTable(table))
        for index in sorted(table.indexes, key=lambda one: str(one.name)):
            connection.execute(CreateIndex(index))
    _VERSION.create(connection)
    connection.execute(_VERSION.insert().values(version_num=revision))


def _upgrade(connection: Connection, to: str = "head") -> None:
    from alembic import command  # a third of a second, rarely needed
    from alembic.config import Config

    sqlite.prepare_upgrade(connection)
    config = Config()
    config.set_main_option("script_location", str(shipped("migrations")))
    config.attributes["connection"] = connection
    command.upgrade(config, to)

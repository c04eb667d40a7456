"""The database's version: brought up to date on open, refused when it is newer.

It knows revisions, not tables: those are in migrations/.
"""

from __future__ import annotations

import os
from collections.abc import Callable
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

from runner.errors import BusyError, NewerDatabaseError, StoreError
from runner.language import _
from runner.resources import shipped
from runner.store import api_tables, sqlite, tables  # noqa: F401 - they enter their tables
from runner.store.columns import metadata
from runner.store.database import Database
from runner.store.liveness import living_processes

# As Alembic makes it.
_VERSION = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


async def bring_up_to_date(
    database: Database, on_upgrade: Callable[[Path], None] | None = None
) -> None:
    """Apply the revisions that the database lacks.

    They are one transaction: what a crash leaves is the old database, or the new one. A copy of
    the file is kept beside it before a revision touches existing data; `on_upgrade` is told
    where. Two programs that open an old database at once migrate it once: the second finds it
    done.

    Raises:
        NewerDatabaseError: Its revision is unknown to this version of the program.
        BusyError: A runner of an older version is at work on it.
        StoreError: The file is a database of something else.
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
    """The revisions this program knows, oldest first: the numbers of the migration files."""
    files = (shipped("migrations") / "versions").glob("[0-9]*.py")
    return sorted(file.name.split("_")[0] for file in files)


async def current_revision(connection: AsyncConnection, path: Path) -> str | None:
    """The database's revision; None when the file is empty.

    Raises:
        StoreError: It has tables, but not ours.
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
    found: str | None = await connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


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
    """A runner of the old version could not record the answers to its calls: they were paid.

    None begins meanwhile: it needs the transaction that the caller has. One that waits for it can
    reserve no call afterwards, since its statements fail; so it sends none.
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
    copy.unlink(missing_ok=True)  # of an upgrade that came to nothing: the database went on
    await copy_to(database, copy)


async def copy_to(database: Database, target: Path) -> None:
    """Write a consistent copy of the database to `target`, while others use it.

    It takes that name when it is whole: what a crash leaves half-written has another.

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
    """Make the tables as all revisions together make them, which a test compares.

    Alembic itself would cost the run that follows 13 MB and a third of a second.
    """
    metadata.create_all(connection)
    _VERSION.create(connection)
    connection.execute(_VERSION.insert().values(version_num=revision))


def _upgrade(connection: Connection, to: str = "head") -> None:
    from alembic import command  # noqa: PLC0415 - a third of a second, seldom needed
    from alembic.config import Config  # noqa: PLC0415

    sqlite.prepare_upgrade(connection)
    config = Config()
    config.set_main_option("script_location", str(shipped("migrations")))
    config.attributes["connection"] = connection
    command.upgrade(config, to)

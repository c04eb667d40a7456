"""The database's version: brought up to date on open, refused when it is newer."""

import os
import sqlite3
import subprocess
import sys
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from random import Random

import anyio
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from support.waiting import PATIENCE_S

from runner.errors import NewerDatabaseError, StoreError
from runner.resources import shipped
from runner.store import migrate
from runner.store.columns import metadata
from runner.store.database import Database
from runner.store.migrate import copy_to, revisions
from runner.store.opening import open_database
from tests.store.kit import OURS, SqliteStore, start, submit
from tests.store.promises import broken_promises
from tests.store.releases import raw, rows, schema

LATEST = revisions()[-1]
NEXT = f"""
from alembic import op

revision = "9001"
down_revision = "{LATEST}"


def upgrade():
    op.execute("CREATE TABLE visits (id INTEGER PRIMARY KEY)")
    op.execute("INSERT INTO visits DEFAULT VALUES")
"""


def opening(path: Path, *, inline: bool = False) -> None:
    async def main() -> None:
        async with open_database(path, inline=inline):
            pass

    anyio.run(main)


@pytest.fixture
def next_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program as its next version will be, with one more revision."""
    source, folder = shipped("migrations"), tmp_path / "next" / "migrations"
    (folder / "versions").mkdir(parents=True)
    for file in [*source.glob("*.*"), *source.glob("versions/*.py")]:
        (folder / file.relative_to(source)).write_text(file.read_text())
    (folder / "versions" / "9001_next.py").write_text(NEXT)
    monkeypatch.setattr(migrate, "shipped", lambda _name: folder)


@pytest.fixture
def revised(tmp_path: Path) -> Path:
    """A database that was made by the revisions, one after the other."""
    made = tmp_path / "revised.db"
    engine = create_engine(f"sqlite:///{made}")
    with engine.begin() as connection:
        migrate._upgrade(connection)
    engine.dispose()
    return made


def test_the_revisions_make_the_tables_of_tables_py(revised: Path) -> None:
    engine = create_engine(f"sqlite:///{revised}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_a_new_database_is_what_the_revisions_make(path: Path, revised: Path) -> None:
    """Checks and partial indexes too, which comparing metadata does not see."""
    version = "SELECT * FROM alembic_version"
    assert schema(path) == schema(revised)
    assert rows(path, version) == rows(revised, version) == [(revisions()[-1],)]


def test_the_indexes_of_a_new_table_are_made_in_the_order_of_their_names(path: Path) -> None:
    """The order of a set would be another one in each process, and so would the file's bytes."""
    made = rows(path, "SELECT tbl_name, name FROM sqlite_master WHERE sql LIKE 'CREATE%INDEX%'")
    for _table, indexes in groupby(made, key=itemgetter(0)):
        names = [name for _, name in indexes]
        assert names == sorted(names)


def test_a_database_of_a_newer_version_is_refused_and_left_alone(sqlite_store: SqliteStore) -> None:
    with raw(sqlite_store.path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = sqlite_store.path.read_bytes()
    with pytest.raises(NewerDatabaseError, match="9999") as refused:
        opening(sqlite_store.path, inline=sqlite_store.inline)
    assert "upgrade" in str(refused.value)
    assert sqlite_store.path.read_bytes() == before


def test_the_database_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "photos.db"
    with raw(path) as connection:
        connection.execute("CREATE TABLE photos (id INTEGER PRIMARY KEY)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another program"):
        opening(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize(
    "content",
    [b"name,stars\nGrand,5\n" * 100, b"xy", b"\0" * 8192, Random(7).randbytes(4096)],
    ids=["csv", "two bytes", "zeros", "noise"],
)
def test_what_is_no_database_is_one_clear_error(
    tmp_path: Path, content: bytes, *, inline: bool
) -> None:
    path = tmp_path / "queue.db"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"queue\.db.*\n  try: "):
        opening(path, inline=inline)
    assert path.read_bytes() == content


def test_an_empty_file_becomes_a_database(tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    path.touch()
    opening(path)
    assert broken_promises(path) == []


@pytest.mark.parametrize("kept", [100, 1000, 5000, 20_000, 40_000])
def test_a_truncated_database_is_one_clear_error(path: Path, kept: int) -> None:
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(StoreError):
        rewriting(path)


def rewriting(path: Path) -> None:
    async def main() -> None:
        async with open_database(path) as database, database.write() as connection:
            await start(connection, await submit(connection))

    anyio.run(main)


def test_a_directory_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened"):
        opening(tmp_path)


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="folder cannot be made"):
        opening(tmp_path / "file" / "queue.db")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_one_clear_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="cannot be opened"):
        opening(tmp_path / "queue.db")


def test_many_openers_at_once_make_one_database(tmp_path: Path) -> None:
    path = tmp_path / "queue.db"

    async def opened() -> None:
        async with open_database(path):
            pass

    async def main() -> None:
        async with anyio.create_task_group() as openers:
            for _ in range(8):
                openers.start_soon(opened)

    anyio.run(main)
    assert rows(path, "SELECT version_num FROM alembic_version") == [(revisions()[-1],)]


def test_several_programs_at_once_make_one_database(tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    program = (
        "import anyio, sys; from pathlib import Path\n"
        "from runner.store.opening import open_database\n"
        "async def main():\n"
        "    async with open_database(Path(sys.argv[1])): pass\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()\n"
        "anyio.run(main)\n"
    )
    openers = [
        subprocess.Popen(
            [sys.executable, "-c", program, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(4)
    ]
    for opener in openers:
        assert opener.stdout.readline() == b"ready\n"
    for opener in openers:
        opener.stdin.close()
    assert [opener.stderr.read() for opener in openers] == [b""] * 4
    assert [opener.wait(timeout=PATIENCE_S) for opener in openers] == [0] * 4
    for opener in openers:
        opener.stdout.close()
        opener.stderr.close()
    assert rows(path, "SELECT version_num FROM alembic_version") == [(revisions()[-1],)]


@pytest.mark.usefixtures("next_version")
def test_a_copy_is_kept_before_a_revision_touches_what_was_there(sqlite_store: SqliteStore) -> None:
    copy = sqlite_store.path.with_name(f"queue.db.revision-{LATEST}.bak")
    with raw(sqlite_store.path) as connection:
        connection.execute("INSERT INTO runners VALUES (7, 1, 'here', 0, NULL)")
    opening(sqlite_store.path, inline=sqlite_store.inline)
    assert sqlite_store.one("SELECT version_num FROM alembic_version") == "9001"
    assert rows(copy, "SELECT version_num FROM alembic_version") == [(LATEST,)]
    assert (
        rows(copy, "SELECT id FROM runners")
        == sqlite_store.rows("SELECT id FROM runners")
        == [(7,)]
    )
    assert sorted(copy.parent.glob("*.part")) == []


@pytest.mark.usefixtures("next_version")
def test_many_openers_of_an_old_database_migrate_it_once(path: Path) -> None:
    copy = path.with_name(f"queue.db.revision-{LATEST}.bak")

    async def opened() -> None:
        async with open_database(path):
            pass

    async def main() -> None:
        async with anyio.create_task_group() as openers:
            for _ in range(6):
                openers.start_soon(opened)

    anyio.run(main)
    assert rows(path, "SELECT count(*) FROM visits") == [(1,)]
    assert rows(copy, "SELECT version_num FROM alembic_version") == [(LATEST,)]


@pytest.mark.usefixtures("next_version")
def test_a_copy_half_written_by_a_crash_is_written_anew(path: Path) -> None:
    path.with_name(f"queue.db.revision-{LATEST}.bak.part").write_bytes(b"half")
    opening(path)
    copy = path.with_name(f"queue.db.revision-{LATEST}.bak")
    assert rows(copy, "SELECT version_num FROM alembic_version") == [(LATEST,)]


@pytest.mark.usefixtures("next_version")
def test_a_revision_that_fails_leaves_the_database_as_it_was(path: Path) -> None:
    with raw(path) as connection:
        connection.execute("CREATE TABLE visits (id TEXT)")  # in the way of the revision
    with pytest.raises(Exception, match="already exists"):
        opening(path)
    assert rows(path, "SELECT version_num FROM alembic_version") == [(LATEST,)]


def test_a_copy_is_whole_while_the_database_is_in_use(sqlite_store: SqliteStore) -> None:
    target = sqlite_store.path.with_name("backup.db")

    async def main(database: Database) -> None:
        async with database.write() as connection:
            await start(connection, await submit(connection))
        async with database.write() as connection:
            await submit(connection, digest="not committed yet")
            await copy_to(database, target)
        async with database.read() as connection:  # and the reader is only a reader again
            with pytest.raises(Exception, match="readonly"):
                await connection.exec_driver_sql("DELETE FROM jobs")

    sqlite_store.run(main)
    assert broken_promises(target) == []
    assert rows(target, "SELECT runner_id FROM jobs WHERE state = 'running'") == [(OURS,)]
    assert rows(target, "SELECT count(*) FROM batches") == [(1,)]


def test_a_copy_never_takes_the_place_of_another_file(sqlite_store: SqliteStore) -> None:
    target = sqlite_store.path.with_name("backup.db")
    target.write_text("precious")

    async def main(database: Database) -> None:
        with pytest.raises(StoreError, match="already"):
            await copy_to(database, target)

    sqlite_store.run(main)
    assert target.read_text() == "precious"


def test_a_copy_into_no_folder_is_one_clear_error(sqlite_store: SqliteStore) -> None:
    async def main(database: Database) -> None:
        with pytest.raises(StoreError):
            await copy_to(database, sqlite_store.path.parent / "nowhere" / "backup.db")
        async with database.write() as connection:
            await submit(connection)

    sqlite_store.run(main)


def test_a_database_that_is_locked_while_it_is_opened_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No connection, no thread: or the program would never end."""
    monkeypatch.setattr("runner.store.sqlite.BUSY_TIMEOUT_S", 0.05)
    path = tmp_path / "queue.db"
    with raw(path) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked"):
            opening(path)
    opening(path)
    assert sqlite3.connect(path).close() is None

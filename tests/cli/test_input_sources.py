"""Which input a batch is of: its files, what of them is read, and how they are named again."""

from __future__ import annotations

import shlex
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.main import get_command

from runner.app.submitting.submission import check_submission
from runner.cli import run_commands
from runner.cli.arguments import DatasetArguments
from runner.files import ReadOptions, parse_selection
from runner.files.input_source import InputSource
from tests.cli.test_lineage import batches, edit, write_rows

pytestmark = pytest.mark.usefixtures("work")

SHEETS = {"Jan": ("a", "b"), "Feb": ("c", "d")}


@pytest.fixture
def book(tmp_path: Path) -> str:
    """A workbook of two sheets with the same columns and as many rows."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, texts in SHEETS.items():
        sheet = book.create_sheet(name)
        for row in (("text",), *((text,) for text in texts)):
            sheet.append(row)
    book.save(tmp_path / "book.xlsx")
    return "book.xlsx"


def submitted(midnight: Any, *words: object) -> int:
    said = midnight("submit", "job.toml", *words, "--json")
    assert said.code == 0, said
    return int(said.json["batch"]["id"])


def states(midnight: Any) -> dict[int, str]:
    return {number: one["state"] for number, one in batches(midnight).items()}


def texts(path: str) -> list[str]:
    return [line.split(",")[0] for line in Path(path).read_text().splitlines()[1:]]


def statement(sql: str, *values: object) -> None:
    with closing(sqlite3.connect("midnight.db")) as database, database:
        database.execute(sql, values)


def as_earlier_release(batch: int, *files: str, options: ReadOptions | None = None) -> None:
    """Leave a batch as a release did that kept its first file and a digest of its bytes only."""
    paths = [Path(name) for name in files]
    checked = check_submission(Path("job.toml"), paths, options=options or ReadOptions())
    sql = "UPDATE batches SET input_json = '', digest = ? WHERE id = ?"
    statement(sql, checked.content_digest, batch)


def test_each_sheet_is_a_batch_of_its_own(midnight: Any, book: str, provider: Any) -> None:
    provider()
    for name in SHEETS:
        said = midnight("run", "job.toml", book, "--sheet", name, "-o", f"{name}.csv")
        assert said.code == 0, said
    assert (texts("Jan.csv"), texts("Feb.csv")) == (["a", "b"], ["c", "d"])
    assert midnight("status").out.count("--sheet Feb") == 1


def test_a_sheet_does_not_replace_the_batch_of_another(midnight: Any, book: str) -> None:
    submitted(midnight, book, "--sheet", "Jan")
    submitted(midnight, book, "--sheet", "Feb")
    assert states(midnight) == {1: "active", 2: "active"}
    edit("Review:", "This review:")
    submitted(midnight, book, "--sheet", "2")
    assert states(midnight) == {1: "active", 2: "cancelled", 3: "active"}


def test_a_sheet_is_the_same_however_it_is_named(midnight: Any, book: str) -> None:
    assert submitted(midnight, book) == submitted(midnight, book, "--sheet", "Jan") == 1
    assert submitted(midnight, book, "--sheet", "1") == 1
    assert submitted(midnight, book, "--sheet", "2") == submitted(midnight, book, "--sheet", "Feb")


def test_the_same_bytes_in_another_format_are_another_batch(midnight: Any, work: Any) -> None:
    Path("data.txt").write_text('text\n"a"\n')
    first = submitted(midnight, "data.txt", "--format", "csv")
    assert submitted(midnight, "data.txt", "--format", "tsv") != first
    assert submitted(midnight, work[1]) == submitted(midnight, work[1], "--format", "csv")


def test_the_same_bytes_in_another_encoding_are_another_batch(midnight: Any) -> None:
    """The second replaces the first, whose texts were wrong."""
    Path("data.csv").write_bytes("text\nCafé\n".encode("cp1252"))
    submitted(midnight, "data.csv", "--encoding", "cp1250")
    submitted(midnight, "data.csv", "--encoding", "mac_roman")
    assert states(midnight) == {1: "cancelled", 2: "active"}


def test_a_file_alone_does_not_replace_the_batch_of_several(midnight: Any) -> None:
    for name in "abc":
        write_rows(3, f"{name}.csv", first="abc".index(name))
    submitted(midnight, "a.csv", "b.csv")
    submitted(midnight, "a.csv")
    assert states(midnight) == {1: "active", 2: "active"}
    submitted(midnight, "a.csv", "b.csv", "c.csv")
    assert batches(midnight)[2]["replaced_by"] == 3
    assert states(midnight)[1] == "active"


def test_files_that_are_added_replace_the_batch_of_those_before(midnight: Any) -> None:
    write_rows(3, "b.csv")
    submitted(midnight, "b.csv")
    write_rows(9, "a.csv", first=3)
    submitted(midnight, "a.csv", "b.csv")
    assert states(midnight) == {1: "cancelled", 2: "active"}


def test_an_export_replaces_none_of_the_files(midnight: Any) -> None:
    for name in ("a.csv", "b.csv"):
        write_rows(3, name)
    submitted(midnight, "a.csv", "b.csv")
    before = Path("b.csv").read_text()
    said = midnight("export", "1", "-o", "b.csv")
    assert (said.code, "would replace the dataset" in said.err) == (2, True)
    assert Path("b.csv").read_text() == before


def test_the_command_that_failures_gives_is_of_the_same_input(
    midnight: Any, book: str, provider: Any
) -> None:
    edit("[prompt]", "[limits]\nmax_attempts = 1\n[prompt]")
    provider(faults={"error_500": 1})
    Path("more.xlsx").write_bytes(Path(book).read_bytes())
    options = ("--sheet", "Feb", "--where", "text in c,'it \"is\"'", "--sample", "1000000")
    assert midnight("run", "job.toml", book, "more.xlsx", *options).code == 1
    said = midnight("failures", "1").out
    (line,) = [one for one in said.splitlines() if "--retry-failed" in one]
    words = shlex.split(line[line.index("midnight ") :])
    assert words[-1] == "--retry-failed"
    provider()
    assert midnight(*words[1:]).code == 0
    assert [one["succeeded"] for one in batches(midnight).values()] == [2]


def test_the_sheets_of_an_earlier_release_are_told_apart_by_their_rows(
    midnight: Any, book: str
) -> None:
    """It did not keep which sheet a batch was of, and gave each the same digest."""
    submitted(midnight, book, "--sheet", "Feb")
    as_earlier_release(1, book, options=ReadOptions(sheet="Feb"))
    assert submitted(midnight, book) == submitted(midnight, book, "--sheet", "Jan") == 2
    assert submitted(midnight, book, "--sheet", "Feb") == 1
    assert states(midnight) == {1: "active", 2: "active"}


def test_a_sheet_of_an_earlier_release_is_found_at_once_and_with_its_parts(
    midnight: Any, book: str
) -> None:
    edit("[prompt]", "votes = 2\n[prompt]")
    submitted(midnight, book, "--sheet", "Feb")
    as_earlier_release(1, book, options=ReadOptions(sheet="Feb"))
    statement(
        "UPDATE batches SET digest = (SELECT digest FROM batches WHERE id = 1) || '/' || part,"
        " input_json = '' WHERE part_of = 1"
    )
    assert submitted(midnight, book, "--sheet", "Feb") == 1
    assert len(batches(midnight)) == 2
    assert submitted(midnight, book, "--sheet", "Jan") == 3


@pytest.mark.parametrize("files", [("data.csv",), ("data.csv", "more.csv")])
def test_a_batch_of_an_earlier_release_is_found_and_replaced_as_before(
    midnight: Any, files: tuple[str, ...]
) -> None:
    write_rows(3, "more.csv")
    submitted(midnight, *files)
    as_earlier_release(1, *files)
    assert submitted(midnight, *files) == 1
    as_earlier_release(1, *files)
    edit("Review:", "This review:")
    write_rows(9)
    submitted(midnight, *files)
    assert states(midnight) == {1: "cancelled", 2: "active"}


def test_edited_rows_replace_those_of_an_earlier_release(midnight: Any, book: str) -> None:
    write_rows(6)
    submitted(midnight, "data.csv")
    as_earlier_release(1, "data.csv")
    rows = [f"{line},5" for line in Path("data.csv").read_text().splitlines()[1:]]
    Path("data.csv").write_text("\n".join(["id,text,stars", "9,the newest,5", *rows]) + "\n")
    submitted(midnight, "data.csv")
    assert states(midnight) == {1: "cancelled", 2: "active"}
    submitted(midnight, book, "--sheet", "Feb")
    as_earlier_release(3, book, options=ReadOptions(sheet="Feb"))
    edited = openpyxl.load_workbook(book)
    edited["Feb"].insert_rows(2)
    edited["Feb"]["A2"] = "the newest"
    edited.save(book)
    submitted(midnight, book, "--sheet", "Feb")
    assert states(midnight) == {1: "cancelled", 2: "active", 3: "cancelled", 4: "active"}


def test_a_file_alone_does_not_replace_several_of_an_earlier_release(midnight: Any) -> None:
    write_rows(3, "more.csv")
    submitted(midnight, "data.csv", "more.csv")
    as_earlier_release(1, "data.csv", "more.csv")
    submitted(midnight, "data.csv")
    assert states(midnight) == {1: "active", 2: "active"}


_WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)
_NAMES = _WORDS.filter(lambda name: not set("/*?[") & set(name))  # not patterns
_OPTIONS = st.builds(
    ReadOptions,
    st.sampled_from([None, "csv", "xlsx"]),
    st.sampled_from([None, "big5", "utf-16"]),
    st.none() | _WORDS,
)
_CONDITIONS = st.sampled_from(
    ["stars >= 4", "zip in '007',7", '"a=b" contains x == y', "text == 'say \"hi\"'", "text =="]
)
_SELECTIONS = st.builds(
    parse_selection,
    st.lists(_CONDITIONS, max_size=3),
    st.none() | st.integers(1, 2**53).map(str) | st.floats(0.001, 100).map(lambda n: f"{n}%"),
    st.none() | st.integers(1, 2**53),
)


@given(_OPTIONS, _SELECTIONS, st.sets(_NAMES, min_size=1, max_size=3))
def test_any_input_is_kept_and_named_as_it_is(
    options: ReadOptions, selection: Any, names: set[str]
) -> None:
    paths = sorted(Path("/nowhere", f"{name}.csv") for name in names)
    source = InputSource(tuple(paths), options, selection)
    assert InputSource.from_json(source.to_json()) == source
    assert parsed(source.to_argv()) == source


def parsed(words: list[Any]) -> InputSource:
    """What the command line finds in the arguments."""
    program: Any = get_command(run_commands.app)
    given = program.commands["submit"].make_context("submit", ["job.toml", *map(str, words)]).params
    names = ("dataset", "input_format", "encoding", "sheet", "where", "sample", "limit")
    return DatasetArguments.of(*(given[name] for name in names)).find()

"""What the rows of a dataset look like when they are handed out."""

import csv
import io
import json
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.errors import InputError
from runner.files import check, read_rows

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
CELLS = TEXT | st.sampled_from(
    ['"', "\n", "\r", "\r\n", ",", "\t", "\u2028", "''", "\ufeff", "é中"]
)


def dataset(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_bytes(content.encode())
    return path


def rows(path: Path, start: int = 0) -> list[str]:
    return list(read_rows(check(path), start))


def test_a_row_of_a_table_is_an_object_of_texts_in_column_order(tmp_path: Path) -> None:
    path = dataset(tmp_path, "rows.csv", '\ufeffb,a\r\n1,"x, ""y""\n"\r\n\r\né,\r\n')
    assert rows(path) == ['{"b":"1","a":"x, \\"y\\"\\n"}', '{"b":"é","a":""}']


def test_cells_separated_by_tabs_may_hold_commas(tmp_path: Path) -> None:
    assert rows(dataset(tmp_path, "rows.tsv", "a\tb\n1,5\t2\n")) == ['{"a":"1,5","b":"2"}']


def test_a_single_column_may_be_empty_if_it_is_quoted(tmp_path: Path) -> None:
    assert rows(dataset(tmp_path, "rows.csv", 'a\n""\n\nx\n')) == ['{"a":""}', '{"a":"x"}']


def test_reading_may_start_at_any_row(tmp_path: Path) -> None:
    table = dataset(tmp_path, "rows.csv", "a\n0\n\n1\n2\n")
    lines = dataset(tmp_path, "rows.jsonl", '{"a":0}\n\n{"a":1}\n{"a":2}\n')
    assert rows(table, 1) == ['{"a":"1"}', '{"a":"2"}']
    assert rows(lines, 2) == ['{"a":2}']
    assert rows(lines, 3) == []


def test_a_cell_may_be_megabytes_long(tmp_path: Path) -> None:
    long = "word\n" * 500_000
    path = dataset(tmp_path, "rows.csv", f'a,b\n1,"{long}"\n')
    assert json.loads(rows(path)[0])["b"] == long


def test_a_line_of_json_is_passed_through_unchanged(tmp_path: Path) -> None:
    lines = ['{"n": 12345678901234567890123, "f":1.50}', '{ "t":"\u2028\\u00e9" }']
    path = dataset(tmp_path, "rows.jsonl", f"\ufeff{lines[0]}\r\n\n  {lines[1]}\t\n")
    assert rows(path) == lines


@pytest.mark.parametrize(
    ("name", "text"), [("rows.csv", "a\n1\n1\n"), ("rows.jsonl", '{"a":1}\n{"a":1}\n')]
)
def test_a_file_that_changed_since_it_was_checked_is_refused(
    tmp_path: Path, name: str, text: str
) -> None:
    path = dataset(tmp_path, name, text)
    found = check(path)
    os.utime(path, ns=(1, 1))
    with pytest.raises(InputError, match="changed since"):
        next(read_rows(found))


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = dataset(tmp_path, "rows.csv", "a\n1\n2\n")
    reading = read_rows(check(path))
    next(reading)
    os.utime(path, ns=(1, 1))
    with pytest.raises(InputError, match="changed while"):
        list(reading)


def test_a_file_that_went_away_is_refused(tmp_path: Path) -> None:
    path = dataset(tmp_path, "rows.csv", "a\n1\n")
    found = check(path)
    path.unlink()
    with pytest.raises(InputError, match="no such file"):
        next(read_rows(found))


@settings(max_examples=80, deadline=None)
@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1, max_size=6), st.booleans())
def test_any_text_survives_a_table(cells: list[list[str]], tabs: bool) -> None:  # noqa: FBT001
    with tempfile.TemporaryDirectory() as folder:
        buffer = io.StringIO(newline="")
        writer = csv.writer(buffer, delimiter="\t" if tabs else ",", lineterminator="\r\n")
        writer.writerows([["x", "y"], *cells])
        path = dataset(Path(folder), "rows.tsv" if tabs else "rows.csv", buffer.getvalue())
        assert [list(json.loads(row).values()) for row in rows(path)] == cells


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, width=32) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
KEYS = TEXT.filter(bool)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.dictionaries(KEYS, VALUES, max_size=4), min_size=1), st.booleans())
def test_any_line_of_json_passes_through(
    objects: list[dict[str, object]],
    escaped: bool,  # noqa: FBT001
) -> None:
    objects = [
        {key: value for key, value in item.items() if "Infinity" not in json.dumps(value)}
        for item in objects
    ]
    lines = [json.dumps(item, ensure_ascii=escaped) for item in objects]
    with tempfile.TemporaryDirectory() as folder:
        path = dataset(Path(folder), "rows.jsonl", "\n".join(lines))
        assert rows(path) == lines

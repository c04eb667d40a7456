"""What the rows of other files than plain text look like, and how files become one dataset."""

import gzip
import io
import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any

import openpyxl
import pyarrow as pa
import pytest
import zstandard
from pyarrow import parquet

from runner.errors import InputError
from runner.files import Dataset, ReadOptions, check, find_inputs, read_rows

PNG = b"\x89PNG\r\n\x1a\n rest"
TABLE = "a,b\n" + "".join(f"{number},text {number}\n" for number in range(5))


def rows(dataset: Dataset, start: int = 0) -> list[Any]:
    return [json.loads(row) for row in read_rows(dataset, start)]


def refused(path: Path, *more: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        check([path, *more])
    return caught.value


def write_parquet(path: Path, count: int = 5, **columns: list[Any]) -> Path:
    table = pa.table(columns or {"a": list(range(count)), "b": [f"text {n}" for n in range(count)]})
    parquet.write_table(table, path, row_group_size=2)
    return path


def write_excel(path: Path, *lines: list[Any]) -> Path:
    book = openpyxl.Workbook()
    sheet: Any = book.active
    for line in lines:
        sheet.append(line)
    book.create_sheet("second").append(["other"])
    book.save(path)
    return path


def test_parquet_values_keep_their_types_where_json_has_them(tmp_path: Path) -> None:
    path = write_parquet(
        tmp_path / "rows.parquet",
        number=[1, None],
        share=[0.5, float("nan")],
        true=[True, False],
        nested=[{"x": [1, 2]}, {"x": None}],
        price=pa.array([Decimal("1.50"), Decimal("-2.25")]),
        day=[date(2026, 1, 31), None],
        at=pa.array([datetime(2026, 1, 31, 12, tzinfo=UTC), None], pa.timestamp("ns", "UTC")),
        took=[timedelta(seconds=1.5), None],
        image=[PNG, b"\x00\x01"],
        kind=pa.array(["k", "k"]).dictionary_encode(),
        fine=pa.array([[{"at": 1}], None], pa.large_list(pa.struct({"at": pa.timestamp("ns")}))),
        pairs=pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int64())),
    )
    assert rows(check(path)) == [
        {
            "number": 1,
            "share": 0.5,
            "true": True,
            "nested": {"x": [1, 2]},
            "price": "1.50",
            "day": "2026-01-31",
            "at": "2026-01-31T12:00:00+00:00",
            "took": "PT1.5S",
            "image": "data:image/png;base64,iVBORw0KGgogcmVzdA==",
            "kind": "k",
            "fine": [{"at": "1970-01-01T00:00:00"}],
            "pairs": {"a": 1},
        },
        {
            "number": None,
            "share": None,
            "true": False,
            "nested": {"x": None},
            "price": "-2.25",
            "day": None,
            "at": None,
            "took": None,
            "image": "AAE=",
            "kind": "k",
            "fine": None,
            "pairs": None,
        },
    ]


def test_a_sheet_has_whole_numbers_and_dates_and_its_first_row_names_the_columns(
    tmp_path: Path,
) -> None:
    path = write_excel(
        tmp_path / "rows.xlsx",
        [],
        ["id", "text", "day", None],
        [1.0, "é", datetime(2026, 1, 31)],  # noqa: DTZ001 - Excel knows no zones
        [],
        [2.5, None, datetime(2026, 1, 31, 9, 30)],  # noqa: DTZ001
        [3, "no day"],
    )
    found = check(path, required=frozenset({"text"}))
    assert (found.columns, found.rows) == (("id", "text", "day"), 3)
    assert rows(found) == [
        {"id": 1, "text": "é", "day": "2026-01-31"},
        {"id": 2.5, "text": None, "day": "2026-01-31T09:30:00"},
        {"id": 3, "text": "no day", "day": None},
    ]
    assert rows(found, 2) == rows(found)[2:]


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        ([], "the first sheet is empty"),
        ([["a"]], "the file has no rows"),
        ([["a", None, "a"], [1, 2, 3]], 'two columns are named "a"'),
        ([["a", "a"], [1, 2]], 'two columns are named "a"'),
        ([["a"], [1, 2]], "2 cells, where the header has 1"),
    ],
)
def test_a_sheet_that_is_no_table_is_refused(
    tmp_path: Path, lines: list[list[Any]], what: str
) -> None:
    assert refused(write_excel(tmp_path / "rows.xlsx", *lines)).what == what


@pytest.mark.parametrize("start", [0, 1, 2, 3, 5])
def test_reading_parquet_may_start_at_any_row(tmp_path: Path, start: int) -> None:
    found = check(write_parquet(tmp_path / "rows.parquet"))
    assert [row["a"] for row in rows(found, start)] == list(range(5))[start:]


def test_a_damaged_parquet_file_is_refused_when_it_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    table = pa.table({"b": ["x" * 100]})
    parquet.write_table(table, path, compression="none", use_dictionary=False)
    path.write_bytes(path.read_bytes().replace(b"x" * 50, b"y" * 49 + b"\xff"))
    assert refused(path).what.startswith('the column "b" (string) cannot be read')


def test_a_missing_column_is_told_before_the_rows_are_read(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "rows.parquet")
    with pytest.raises(InputError, match='there is no column "c"; the columns are "a", "b"'):
        check(path, required=frozenset({"c"}))


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "zst": zstandard.ZstdCompressor().compress,
}


@pytest.mark.parametrize("packing", PACKERS)
def test_packed_text_has_the_rows_and_the_digest_of_what_it_unfolds_to(
    tmp_path: Path, packing: str
) -> None:
    plain, folded = tmp_path / "rows.csv", tmp_path / f"rows.csv.{packing}"
    plain.write_text(TABLE)
    first, second = TABLE[:30].encode(), TABLE[30:].encode()
    folded.write_bytes(PACKERS[packing](first) + PACKERS[packing](second))
    assert check(folded).digest == check(plain).digest
    assert rows(check(folded), 2) == rows(check(plain), 2)


@pytest.mark.parametrize("packing", PACKERS)
def test_packed_text_that_is_cut_or_damaged_is_refused(tmp_path: Path, packing: str) -> None:
    path = tmp_path / f"rows.jsonl.{packing}"
    whole = PACKERS[packing](b'{"a":1}\n' * 100)
    for content in (whole[:-5], b"never packed", whole + b"\1\2\3\4\5\6"):
        path.write_bytes(content)
        assert "truncated" in refused(path).what


def test_several_files_are_one_dataset(tmp_path: Path) -> None:
    table, packed = tmp_path / "1.csv", tmp_path / "2.csv.gz"
    table.write_text(TABLE)
    packed.write_bytes(gzip.compress(b"b,a\nlast,6\n"))
    lines = tmp_path / "3.jsonl"
    lines.write_text('{"c":7}\n')
    found = check([table, packed, lines])
    assert (found.columns, found.rows) == (("a", "b", "c"), 7)
    assert rows(found, 4) == [{"a": "4", "b": "text 4"}, {"b": "last", "a": "6"}, {"c": 7}]
    assert rows(found, 6) == [{"c": 7}]
    assert rows(found, 7) == []
    assert found.digest != check([table, lines, packed]).digest


def test_tables_with_different_columns_are_not_one_dataset(tmp_path: Path) -> None:
    for name, text in (("1.csv", "a,b\n1,2\n"), ("2.csv", "a,c\n1,2\n")):
        (tmp_path / name).write_text(text)
    error = refused(tmp_path / "1.csv", tmp_path / "2.csv")
    assert error.what.endswith('1.csv: only one has "b", "c"')


def test_progress_goes_on_over_all_files(tmp_path: Path) -> None:
    paths = [tmp_path / "1.csv", tmp_path / "2.csv"]
    for path in paths:
        path.write_text("a\n" + "x\n" * 10_000)
    seen: list[tuple[int, int]] = []
    check(paths, on_progress=lambda read, size: seen.append((read, size)))
    assert seen == [(20_002, 40_004), (40_004, 40_004), (40_004, 40_004)]


def test_a_format_may_be_named_instead_of_a_suffix(tmp_path: Path) -> None:
    path = tmp_path / "rows.txt"
    path.write_text(TABLE)
    assert check(path, options=ReadOptions("csv")).rows == 5


@pytest.mark.parametrize(
    ("name", "module", "extra"),
    [
        ("rows.parquet", "pyarrow", "parquet"),
        ("rows.xlsx", "openpyxl", "excel"),
        ("rows.csv.zst", "zstandard", "zstd"),
    ],
)
def test_a_missing_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, module: str, extra: str
) -> None:
    (tmp_path / name).write_text("x")
    for loaded in ("runner.files.readers.parquet_reader", "runner.files.readers.excel_reader"):
        monkeypatch.delitem(sys.modules, loaded, raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    assert refused(tmp_path / name).remedy == f"pip install 'midnight-runner[{extra}]'"


def test_a_pattern_stands_for_the_files_that_match_in_order(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "c.txt", "d[1].csv"):
        (tmp_path / name).write_text(TABLE)
    names = [path.name for path in find_inputs([tmp_path / "*.csv", tmp_path / "a.csv"])]
    assert names == ["a.csv", "b.csv", "d[1].csv"]
    assert find_inputs([tmp_path / "d[1].csv"]) == (tmp_path / "d[1].csv",)
    (tmp_path / "folder").mkdir()
    assert find_inputs([tmp_path / "folder" / ".." / "a.?sv"])[0].name == "a.csv"
    assert len(find_inputs([tmp_path / "**" / "*.csv"])) == 3
    with pytest.raises(InputError, match="no file matches"):
        find_inputs([tmp_path / "*.tsv"])


@pytest.mark.parametrize(
    ("content", "suffixes"),
    [
        (TABLE.encode(), ".csv"),
        (b"one column\nx\n", ".csv"),
        (b"a\tb,c\n1\t2\n", ".tsv"),
        (b'\xef\xbb\xbf\n{"a":1}\n', ".jsonl"),
        (gzip.compress(b'{"a":1}\n'), ".jsonl.gz"),
        (gzip.compress(TABLE.encode()), ".csv.gz"),
        (gzip.compress(Random(1).randbytes(200_000).hex().encode() + b"\t\nx\t"), ".csv.gz"),
        (zstandard.ZstdCompressor().compress(b'{"a":1}\n'), ".jsonl.zst"),
    ],
    # What is packed has the hour in it, and what is random differs: names must not.
    ids=["table", "column", "tabs", "lines", "lines.gz", "table.gz", "long.gz", "lines.zst"],
)
def test_standard_input_is_kept_as_what_it_looks_like(content: bytes, suffixes: str) -> None:
    (path,) = find_inputs([Path("-")], stdin=io.BytesIO(content))
    assert path.name == f"stdin{suffixes}"
    assert path.read_bytes() == content
    (again,) = find_inputs([Path("-")], stdin=io.BytesIO(content))
    assert check(path).digest == check(again).digest


def test_what_standard_input_is_may_be_said(tmp_path: Path) -> None:
    workbook = write_excel(tmp_path / "rows.xlsx", ["a"], [1]).read_bytes()
    (path,) = find_inputs([Path("-")], stdin=io.BytesIO(workbook))
    assert rows(check(path)) == [{"a": 1}]
    (path,) = find_inputs([Path("-")], "tsv", io.BytesIO(b"a b\n1\n"))
    assert path.name == "stdin.tsv"


def test_standard_input_that_cannot_be_kept_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    with pytest.raises(InputError, match="cannot be copied") as caught:
        find_inputs([Path("-")], stdin=io.BytesIO(b"a\n1\n"))
    assert caught.value.remedy == "save it to a file first, and name that file"


def test_a_pipe_is_read_as_what_its_name_or_its_beginning_says(tmp_path: Path) -> None:
    for name, content in [("in.tsv", "a,b\n1\n"), ("pipe", '{"a,b":"1"}')]:
        pipe = tmp_path / name
        os.mkfifo(pipe)
        writer = Thread(target=pipe.write_text, args=(content,))
        writer.start()
        (path,) = find_inputs([pipe])
        writer.join()
        assert rows(check(path)) == [{"a,b": "1"}]


def test_an_open_file_of_the_process_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "data").write_text(TABLE)
    with (tmp_path / "data").open() as first, (tmp_path / "data").open() as second:
        first.readline()
        names = [Path(f"/dev/fd/{file.fileno()}") for file in (second, first)]
        found = find_inputs([tmp_path / "data", *names])
    assert [path.name for path in found] == ["data", "stdin.csv", "stdin.csv"]
    assert found[1].read_text() == TABLE


def test_a_folder_is_the_dataset_that_spark_wrote_into_it(tmp_path: Path) -> None:
    """Without its markers and checksums; its empty parts are told."""
    folder = tmp_path / "out.csv"
    for name, content in {
        "lang=en/part-1.csv": "a\n1\n",
        "lang=__HIVE_DEFAULT_PARTITION__/part-0.csv": "a\n2\n",
        "lang=en/part-2.csv": "",
        "lang=en/.part-1.csv.crc": "crc",
        "_SUCCESS": "",
        "_temporary/part-1.csv": "a\n3\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    found = check(find_inputs([folder]))
    assert rows(found) == [{"a": "2", "lang": None}, {"a": "1", "lang": "en"}]
    assert "part-2.csv: the file is empty" in found.remarks[-1]
    assert len(find_inputs([folder / "*" / "*"])) == 4


@pytest.mark.parametrize(
    ("files", "what", "remedy"),
    [
        (["a.csv", "b.json"], "files of several kinds (.csv, .json)", "*.csv"),
        (["a.csv", "README"], "files of several kinds (no suffix, .csv)", "*.csv"),
        (["_SUCCESS"], "the folder holds no file", "check the path"),
        (["_delta_log/0.json", "a.parquet"], "a table of Delta Lake", "export it"),
    ],
)
def test_a_folder_that_is_not_one_dataset_is_told(
    tmp_path: Path, files: list[str], what: str, remedy: str
) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a\n1\n")
    with pytest.raises(InputError) as caught:
        find_inputs([tmp_path])
    assert what in caught.value.what
    assert remedy in str(caught.value.remedy)


def test_standard_input_that_is_empty_or_not_alone_is_refused() -> None:
    with pytest.raises(InputError, match="empty"):
        find_inputs([Path("-")], stdin=io.BytesIO(b"\n"))
    with pytest.raises(InputError, match="cannot be combined with other files"):
        find_inputs([Path("-"), Path("a.csv")])

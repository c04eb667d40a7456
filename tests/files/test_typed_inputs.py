"""What exporters write into Parquet files, workbooks and zstd, and what it is read as."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID
from zipfile import ZipFile

import openpyxl
import pandas as pd
import pyarrow as pa
import pytest
import zstandard
from pyarrow import ipc, parquet

from runner.errors import InputError
from runner.files import ReadOptions, check, read_rows


def column(folder: Path, array: Any) -> list[Any]:
    """Return the values of a column of Parquet as they are handed out."""
    path = folder / "rows.parquet"
    parquet.write_table(pa.table({"c": array}), path)
    return [json.loads(row)["c"] for row in read_rows(check(path))]


def workbook(folder: Path, *rows: list[Any], **formats: str) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)  # type: ignore[union-attr]
    for cell, name in formats.items():
        book.active[cell].number_format = name  # type: ignore[index]
    book.save(folder / "rows.xlsx")
    return folder / "rows.xlsx"


@pytest.mark.parametrize(
    ("kind", "key", "text"),
    [
        (pa.string(), "a", "a"),
        (pa.int64(), -5, "-5"),
        (pa.bool_(), True, "true"),
        (pa.binary(), b"ab", "YWI="),
        (pa.decimal128(9, 2), Decimal("1.50"), "1.50"),
        (pa.date32(), date(2024, 1, 2), "2024-01-02"),
        (pa.timestamp("us"), datetime(2024, 1, 2), "2024-01-02T00:00:00"),  # noqa: DTZ001
    ],
)
def test_a_map_is_an_object_whatever_the_type_of_its_keys(
    tmp_path: Path, kind: Any, key: Any, text: str
) -> None:
    values = [[(key, 1)], None, []]
    assert column(tmp_path, pa.array(values, pa.map_(kind, pa.int64()))) == [{text: 1}, None, {}]


@pytest.mark.parametrize(
    ("kind", "pairs"),
    [
        (pa.list_(pa.string()), [(["a"], 1)]),
        (pa.struct([("x", pa.int64())]), [({"x": 1}, 1), ({"x": 2}, 2)]),
        (pa.string(), [("k", 1), ("k", 2)]),
    ],
)
def test_a_map_that_no_object_can_hold_is_a_list_of_pairs(
    tmp_path: Path, kind: Any, pairs: list[Any]
) -> None:
    found = column(tmp_path, pa.array([[("z", 0)][:0], pairs], pa.map_(kind, pa.int64())))
    assert found == [{}, [list(pair) for pair in pairs]]


def moments(*counts: int | None, unit: str = "us", zone: str | None = None) -> Any:
    return pa.array(counts, pa.int64()).view(pa.timestamp(unit, zone))


DAY = 86_400 * 10**6
END = 2_932_897 * DAY  # the first moment of the year 10000


@pytest.mark.parametrize(
    ("array", "texts"),
    [
        (moments(0, None, zone="tzutc()"), ["1970-01-01T00:00:00+00:00", None]),
        (moments(0, zone="W. Europe Standard Time"), ["1970-01-01T00:00:00+00:00"]),
        (moments(0, zone="+05:30"), ["1970-01-01T05:30:00+05:30"]),
        (moments(0, zone="-0330"), ["1969-12-31T20:30:00-03:30"]),
        (moments(0, zone="Asia/Shanghai"), ["1970-01-01T08:00:00+08:00"]),
        (moments(END - 1, zone="Asia/Shanghai"), ["9999-12-31T23:59:59.999999+00:00"]),
        (moments(END), ["+10000-01-01T00:00:00"]),
        (moments(END, 1, None), ["+10000-01-01T00:00:00", "1970-01-01T00:00:00.000001", None]),
        (moments(-719_163 * DAY), ["0000-12-31T00:00:00"]),
        (moments(-(366 + 719_163) * DAY), ["-0001-12-31T00:00:00"]),
        (moments(1_500, unit="ns"), ["1970-01-01T00:00:00.000001"]),
        (pa.array([2_932_897, None]).cast(pa.int32()).view(pa.date32()), ["+10000-01-01", None]),
        (pa.array([0], pa.int64()).view(pa.date64()), ["1970-01-01"]),
        (pa.array([1_500], pa.int64()).view(pa.time64("ns")), ["00:00:00.000001"]),
        (pa.array([1_500_000_000], pa.int64()).view(pa.duration("ns")), ["PT1.5S"]),
    ],
)
def test_a_moment_is_a_text_whatever_its_year_and_zone(
    tmp_path: Path, array: Any, texts: list[Any]
) -> None:
    assert column(tmp_path, array) == texts


def test_moments_are_read_at_every_depth(tmp_path: Path) -> None:
    far, text = moments(END, 1, 2, 3), "+10000-01-01T00:00:00"
    pairs = pa.MapArray.from_arrays([0, 2, 4], pa.array(["a", "b", "c", "d"]), far)
    found = column(tmp_path, pairs)
    assert found[0]["a"] == text
    fixed = pa.FixedSizeListArray.from_arrays(moments(1_000, 2_000, 3_000, 4_000, unit="ns"), 2)
    assert column(tmp_path, fixed)[1][1] == "1970-01-01T00:00:00.000004"
    nested = pa.StructArray.from_arrays([far], ["at"])
    assert column(tmp_path, pa.ListArray.from_arrays([0, 1, 4], nested))[0] == [{"at": text}]
    assert column(tmp_path, far.dictionary_encode())[0] == text


def test_a_column_of_texts_in_a_dictionary_is_one_of_texts(tmp_path: Path) -> None:
    array = pa.array(["a", None, "a"]).dictionary_encode()
    assert column(tmp_path, array) == ["a", None, "a"]


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        ("80241446968629135069", "80241446968629135069"),
        ("-9223372036854775809", "-9223372036854775809"),
        ("1.5E20", "150000000000000000000"),
        ("1.2345678901234568E18", "1234567890123456800"),
        ("1e300", "1e+300"),
        ("0.1", "0.1"),
        ("3.0", "3"),
    ],
)
def test_a_number_of_a_workbook_keeps_its_digits(tmp_path: Path, stored: str, text: str) -> None:
    path = workbook(tmp_path, ["n", "text"], [12345, "a"])  # openpyxl itself writes 16 digits
    with ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    with ZipFile(path, "w") as book:
        for name, part in parts.items():
            book.writestr(name, part.replace(b"<v>12345</v>", f"<v>{stored}</v>".encode()))
    [row] = read_rows(check(path))
    assert row.replace(" ", "") == f'{{"n":{text},"text":"a"}}'


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        ("a_x000D_b", "a\rb"),
        ("_x005F_x000D_", "_x000D_"),
        ("_xD83D__xDE00_", "😀"),
        ("_xD83D_", "\ufffd"),
        ("max_x_", "max_x_"),
    ],
)
def test_the_escapes_of_a_workbook_are_characters(tmp_path: Path, stored: str, text: str) -> None:
    [row] = read_rows(check(workbook(tmp_path, ["n"], [stored])))
    assert json.loads(row) == {"n": text}


def test_a_cell_whose_date_is_none_is_named(tmp_path: Path) -> None:
    path = workbook(tmp_path, ["id", "at"], [1, 99_999_999], B2="yyyy-mm-dd")
    with pytest.raises(InputError, match="the cell B2 is formatted as a date"):
        check(path)


def test_a_sheet_is_chosen_and_the_others_are_told(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["a"])  # type: ignore[union-attr]
    book.active.append([1])  # type: ignore[union-attr]
    book.create_sheet("More data").append(["b"])
    book["More data"].append([2])
    book.save(tmp_path / "two.xlsx")
    first = check(tmp_path / "two.xlsx")
    assert list(read_rows(first)) == ['{"a":1}']
    assert first.remarks == (
        'two.xlsx: the sheet "Sheet" is read, and not "More data"; --sheet names another',
    )
    for name in ("More data", "2"):
        chosen = check(tmp_path / "two.xlsx", options=ReadOptions(sheet=name))
        assert (list(read_rows(chosen)), chosen.remarks) == (['{"b":2}'], ())
    with pytest.raises(InputError, match='there is no sheet "x"; the sheets are "Sheet"'):
        check(tmp_path / "two.xlsx", options=ReadOptions(sheet="x"))


@pytest.mark.parametrize("window_log", [27, 28, 31])
def test_zstd_is_read_whatever_its_window(tmp_path: Path, window_log: int) -> None:
    parameters = zstandard.ZstdCompressionParameters.from_level(
        1, window_log=window_log, enable_ldm=True
    )
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    path = tmp_path / "rows.jsonl.zst"
    path.write_bytes(packer.compress(b'{"a":1}\n') + packer.flush())
    assert list(read_rows(check(path))) == ['{"a":1}']


def test_times_of_python_are_read_as_before(tmp_path: Path) -> None:
    at = datetime(2024, 5, 6, 7, 8, 9, 10, UTC)
    assert column(tmp_path, pa.array([at])) == ["2024-05-06T07:08:09.000010+00:00"]
    assert column(tmp_path, pa.array([timedelta(seconds=90)])) == ["PT90S"]


def test_the_columns_that_folders_name_are_kept(tmp_path: Path) -> None:
    for lang in ("en", "zh%20CN"):
        folder = tmp_path / "year=2024" / f"lang={lang}"
        folder.mkdir(parents=True)
        parquet.write_table(pa.table({"text": [lang[:2]]}), folder / "part-0.parquet")
    paths = sorted(tmp_path.glob("*/*/*.parquet"))
    found = check(paths, required=frozenset({"text", "lang"}))
    assert found.columns == ("text", "year", "lang")
    assert [json.loads(row) for row in read_rows(found)] == [
        {"text": "en", "year": "2024", "lang": "en"},
        {"text": "zh", "year": "2024", "lang": "zh CN"},
    ]


def ods(path: Path, *rows: str) -> Path:
    """A minimal OpenDocument sheet; each row is the XML of its cells."""
    kinds = "urn:oasis:names:tc:opendocument:xmlns"
    names = " ".join(f'xmlns:{name}="{kinds}:{name}:1.0"' for name in ("office", "table", "text"))
    table = "".join(f"<table:table-row>{row}</table:table-row>" for row in rows)
    content = (
        f"<office:document-content {names}><office:body><office:spreadsheet>"
        f'<table:table table:name="S">{table}</table:table>'
        "</office:spreadsheet></office:body></office:document-content>"
    )
    with ZipFile(path, "w") as book:
        book.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        book.writestr("META-INF/manifest.xml", "<x/>")
        book.writestr("content.xml", content)
    return path


def ods_text(text: str) -> str:
    return (
        f'<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>'
    )


def test_an_empty_cell_of_any_workbook_is_null_and_a_text_stays_as_it_is(tmp_path: Path) -> None:
    """To the library for old workbooks it is an empty text; only .xlsx has escapes in texts."""
    number = '<table:table-cell office:value-type="float" office:value="3"/>'
    path = ods(
        tmp_path / "a.ods",
        ods_text("a") + ods_text("b"),
        "<table:table-cell/>" + ods_text("_x0041_"),
        number + "<table:table-cell/>",
    )
    found = [json.loads(row) for row in read_rows(check(path))]
    assert found == [{"a": None, "b": "_x0041_"}, {"a": 3, "b": None}]


def test_values_that_python_has_no_type_for_are_texts(tmp_path: Path) -> None:
    """Infinities, UUIDs, calendar intervals, and the dictionaries of Polars."""
    inf, uuid = float("inf"), "12345678-1234-5678-1234-567812345678"
    interval = pa.MonthDayNano([1, 2, 3_500_000_000])
    words = pa.array(["x", None], pa.string_view())
    table = pa.table(
        {
            "inf": [inf, -inf],
            "list": [[inf, float("nan")], None],
            "uuid": pa.array([UUID(uuid).bytes, None], pa.uuid()),
            "interval": pa.array([interval, None]),
            "word": pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.uint32()), words),
        }
    )
    path = tmp_path / "rows.arrow"
    with ipc.new_stream(path, table.schema) as stream:
        stream.write_table(table)
    first, second = (json.loads(row) for row in read_rows(check(path)))
    assert first == {
        "inf": "Infinity",
        "list": ["Infinity", None],
        "uuid": uuid,
        "interval": "P1M2DT3.5S",
        "word": "x",
    }
    assert second == {**dict.fromkeys(first), "inf": "-Infinity"}


def test_columns_whose_stored_values_mean_nothing_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    kind = {"ARROW:extension:name": "pandas.period", "ARROW:extension:metadata": '{"freq": "M"}'}
    field = pa.field("when", pa.int64(), metadata=kind)
    parquet.write_table(pa.table([pa.array([648])], schema=pa.schema([field])), path)
    with pytest.raises(InputError, match='"when" holds periods of pandas') as caught:
        check(path)
    assert "astype" in str(caught.value.remedy)
    pd.DataFrame({"when": pd.period_range("2024-01", periods=2, freq="M")}).to_parquet(path)
    with pytest.raises(InputError, match='"when" holds periods of pandas'):
        check(path)


def test_the_first_version_of_feather_is_told(tmp_path: Path) -> None:
    path = tmp_path / "rows.feather"
    path.write_bytes(b"FEA1" + bytes(40))
    with pytest.raises(InputError, match="the first version of Feather"):
        check(path)

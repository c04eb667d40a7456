"""Result files with types, packed ones, and matrices of embeddings."""

import errno
import gzip
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pyarrow as pa
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from runner.errors import OutputError
from runner.files import CellValue, check, check_output, open_output, read_rows
from runner.files.writers import parquet_writer

Row = tuple[dict[str, Any], Sequence[CellValue]]
ADDED = ("answer", "agreement", "review")


def written(
    path: Path, rows: Sequence[Row], *, added: Sequence[str] = ADDED, vectors: bool = False
) -> Path:
    columns = list(dict.fromkeys(name for row, _ in rows for name in row))
    with open_output(path, columns, added, vectors=vectors) as out:
        for row, values in rows:
            out.write(json.dumps(row), values)
    return path


def plain(rows: Sequence[dict[str, Any]]) -> list[Row]:
    return [(row, ("good", 0.5, True)) for row in rows]


def kinds(path: Path) -> dict[str, str]:
    return {field.name: str(field.type) for field in parquet.read_schema(path)}


def interrupted(path: Path) -> None:
    with open_output(path, ["a"], ()) as out:
        out.write('{"a":1}', ())
        raise KeyboardInterrupt


@pytest.fixture
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_writer, "_MAX_BUFFERED_ROWS", 2)


def test_parquet_columns_have_the_types_of_their_values(tmp_path: Path) -> None:
    row = {"n": 1, "f": 1.5, "b": True, "t": "é", "l": [1, 2], "o": {"x": [{"y": 1}]}, "z": None}
    path = written(tmp_path / "out.parquet", plain([row, {}]))
    assert kinds(path) == {
        "n": "int64",
        "f": "double",
        "b": "bool",
        "t": "string",
        "l": "list<element: int64>",
        "o": "struct<x: list<element: struct<y: int64>>>",
        "z": "string",
        "answer": "string",
        "agreement": "double",
        "review": "bool",
    }
    first, second = parquet.read_table(path).to_pylist()
    assert first == {**row, "answer": "good", "agreement": 0.5, "review": True}
    assert second["n"] is None


@pytest.mark.usefixtures("small_groups")
@pytest.mark.parametrize(
    ("values", "kind", "read"),
    [
        ([None, None, None, 7], "int64", [None, None, None, 7]),
        ([1, 2, 3, 0.5], "double", [1.0, 2.0, 3.0, 0.5]),
        ([1, None, 3, "x"], "string", ["1", None, "3", "x"]),
        ([True, False, 1, 2], "string", ["true", "false", "1", "2"]),
        ([1, 2, 2**63, 3], "string", ["1", "2", "9223372036854775808", "3"]),
        ([[1], [], ["a"], None], "string", ["[1]", "[]", '["a"]', None]),
        ([[], [], [1], None], "list<element: int64>", [[], [], [1], None]),
        ([{"a": 1}, None, {"b": "x"}, {}], "struct<a: int64, b: string>", None),
        ([{}, {}, {"a": 1}, {}], "string", ["{}", "{}", '{"a":1}', "{}"]),
        ([{"a": 1}, {"a": 1}, "x", None], "string", ['{"a":1}', '{"a":1}', "x", None]),
    ],
)
def test_a_type_is_widened_when_a_later_row_does_not_fit(
    tmp_path: Path, values: list[Any], kind: str, read: list[Any] | None
) -> None:
    path = written(tmp_path / "out.parquet", plain([{"a": value, "n": 1} for value in values]))
    found = kinds(path)
    assert (found["a"], found["n"]) == (kind, "int64")
    table = parquet.read_table(path)
    assert read is None or table.column("a").to_pylist() == read
    assert table.column("answer").to_pylist() == ["good"] * 4
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.parquet"]


def test_an_object_with_endlessly_many_keys_is_kept_as_text(tmp_path: Path) -> None:
    rows = [{"a": {f"key {number}": number}} for number in range(300)]
    assert kinds(written(tmp_path / "out.parquet", plain(rows)))["a"] == "string"


def test_parquet_without_rows_has_its_columns(tmp_path: Path) -> None:
    with open_output(tmp_path / "out.parquet", ["a"]):
        pass
    assert kinds(tmp_path / "out.parquet") == dict.fromkeys(
        ("a", "answer", "model", "state", "error"), "string"
    )


SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text("aé=\n", max_size=3)
VALUES = st.recursive(
    SCALARS | st.floats(allow_nan=False, allow_infinity=False, width=32),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab"), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=6))
def test_any_rows_can_be_written_as_parquet_and_as_a_sheet(values: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet_writer, "_MAX_BUFFERED_ROWS", 2)
        for name in ("out.parquet", "out.xlsx"):
            path = written(Path(folder) / name, plain([{"a": value} for value in values]))
            assert [json.loads(row)["answer"] for row in read_rows(check(path))] == [
                "good" for _ in values
            ]


def test_a_sheet_has_numbers_and_truth_and_never_a_formula(tmp_path: Path) -> None:
    row = {"n": 1, "f": 0.5, "b": True, "t": "=1+1", "o": {"x": 1}, "big": 12345678901234567890123}
    odd = "a\0\r\n_x0041_"
    rows: list[Row] = [(row, ("#N/A", 1, None)), ({"t": odd}, ("", None, False))]
    path = written(tmp_path / "out.xlsx", rows)
    sheet: Any = openpyxl.load_workbook(path).active
    assert [[cell.value for cell in line] for line in sheet.iter_rows()] == [
        ["n", "f", "b", "t", "o", "big", "answer", "agreement", "review"],
        [1, 0.5, True, "=1+1", '{"x":1}', "12345678901234567890123", "#N/A", 1, None],
        [None, None, None, "a_x0000__x000D_\n_x005F_x0041_", None, None, None, None, False],
    ]
    assert {cell.data_type for cell in (sheet["D2"], sheet["G2"])} == {"s"}
    (_, second) = read_rows(check(path))
    assert json.loads(second)["t"] == odd


def test_a_text_too_long_for_a_cell_is_told_not_cut(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="row 2: a text has 40,000 characters") as caught:
        written(tmp_path / "out.xlsx", plain([{"a": "short"}, {"a": "x" * 40_000}]))
    assert caught.value.remedy == "export to a .jsonl or .csv file"
    assert list(tmp_path.iterdir()) == []


def test_more_rows_than_a_sheet_holds_are_known_before(tmp_path: Path) -> None:
    check_output(tmp_path / "out.xlsx", rows=1_048_575)
    check_output(tmp_path / "out.parquet", rows=1_048_576)
    with pytest.raises(OutputError, match="1,048,576 rows with its header"):
        check_output(tmp_path / "out.xlsx", rows=1_048_576)


@pytest.mark.parametrize("packing", ["gz", "zst"])
@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl"])
def test_text_may_be_packed(tmp_path: Path, form: str, packing: str) -> None:
    rows = plain([{"a": "x" * 50, "n": str(number)} for number in range(10_000)])
    folded = written(tmp_path / f"out.{form}.{packing}", rows)
    text = written(tmp_path / f"out.{form}", rows).read_bytes()
    content = folded.read_bytes()
    unpack = (
        gzip.decompress
        if packing == "gz"
        else zstandard.ZstdDecompressor().decompressobj().decompress
    )
    assert unpack(content) == text
    assert check(folded).rows == 10_000
    assert written(folded, rows).read_bytes() == content


@pytest.mark.parametrize("name", ["out.csv.gz", "out.csv.zst", "out.parquet", "out.xlsx"])
def test_nothing_appears_when_the_block_fails(tmp_path: Path, name: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupted(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["out.csv.gz", "out.parquet", "out.xlsx"])
def test_a_disk_that_fails_the_sync_is_told(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError, match="no room left"):
        written(tmp_path / name, plain([{"a": 1}]))
    assert list(tmp_path.iterdir()) == []


EMBEDDINGS: list[Row] = [
    ({"a": 1}, (None,)),
    ({"a": 2}, ("[0.5, -1, 2e3]",)),
    ({"a": 3}, (None,)),
    ({"a": 4}, ("[1,2,3]",)),
]


def test_embeddings_are_a_matrix_with_a_row_for_each_row(tmp_path: Path) -> None:
    path = written(tmp_path / "out.npy", EMBEDDINGS, added=("answer",), vectors=True)
    matrix = np.load(path, mmap_mode="r")
    assert (matrix.shape, matrix.dtype) == ((4, 3), np.float32)
    assert matrix[1].tolist() == [0.5, -1, 2000]
    assert np.isnan(matrix).all(axis=1).tolist() == [True, False, True, False]


def test_a_matrix_without_an_answer_has_no_columns(tmp_path: Path) -> None:
    path = written(tmp_path / "out.npy", EMBEDDINGS[:1], added=("answer",), vectors=True)
    assert np.load(path).shape == (1, 0)


def test_embeddings_in_parquet_are_lists_of_floats(tmp_path: Path) -> None:
    path = written(tmp_path / "out.parquet", EMBEDDINGS, added=("answer",), vectors=True)
    assert kinds(path)["answer"] == "list<element: float>"
    answers = parquet.read_table(path).column("answer").to_pylist()
    assert answers == [None, [0.5, -1.0, 2000.0], None, [1.0, 2.0, 3.0]]


@pytest.mark.parametrize("name", ["out.npy", "out.parquet"])
@pytest.mark.parametrize("answer", ["good", "{}", '["a"]', "[true]"])
def test_an_answer_that_is_no_embedding_is_told(tmp_path: Path, name: str, answer: str) -> None:
    rows: list[Row] = [*EMBEDDINGS, ({"a": 5}, (answer,))]
    with pytest.raises(OutputError, match="row 5: the answer is not a list of numbers"):
        written(tmp_path / name, rows, added=("answer",), vectors=True)


def test_embeddings_of_different_lengths_are_no_matrix(tmp_path: Path) -> None:
    rows: list[Row] = [*EMBEDDINGS, ({"a": 5}, ("[1]",))]
    with pytest.raises(OutputError, match="has 1 numbers, where the first has 3"):
        written(tmp_path / "out.npy", rows, added=("answer",), vectors=True)


def test_a_matrix_is_for_embeddings_only(tmp_path: Path) -> None:
    check_output(tmp_path / "out.npy")
    with pytest.raises(OutputError, match="holds embeddings"):
        check_output(tmp_path / "out.npy", vectors=False)


@pytest.mark.parametrize(
    ("name", "module", "extra"),
    [
        ("out.parquet", "pyarrow", "parquet"),
        ("out.xlsx", "openpyxl", "excel"),
        ("out.csv.zst", "zstandard", "zstd"),
    ],
)
def test_a_missing_extra_is_named_before_anything_is_spent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, module: str, extra: str
) -> None:
    monkeypatch.setattr("runner.files.target.find_spec", lambda sought: sought != module or None)
    with pytest.raises(OutputError) as caught:
        check_output(tmp_path / name)
    assert caught.value.remedy == f"pip install 'midnight-runner[{extra}]'"


def test_looking_whether_an_extra_is_there_does_not_load_it(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from runner.files import check_output;"
        f"check_output(Path({str(tmp_path / 'out.parquet')!r})); print('pyarrow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_parquet_in_is_parquet_out(tmp_path: Path) -> None:
    before = tmp_path / "in.parquet"
    inf = float("inf")
    table = pa.table(
        {
            "n": [1, 2],
            "o": [{"x": 1.5}, {"x": None}],
            "l": [["a"], []],
            "f": pa.array([inf, -inf], pa.float32()),
            "fs": [[inf, 0.5], None],
            "u": pa.array([b"1234567890abcdef", None], pa.uuid()),
            "d": pa.array(["x", "y"]).dictionary_encode(),
        }
    )
    parquet.write_table(table, before)
    found = check(before)
    with open_output(tmp_path / "out.parquet", found.columns, (), source=before) as out:
        for row in read_rows(found):
            out.write(row, ())
    after = parquet.read_table(tmp_path / "out.parquet")
    assert after.to_pylist() == table.to_pylist()
    assert after.schema.types == table.schema.types


@pytest.mark.usefixtures("small_groups")
def test_moments_before_one_that_python_lacks_are_written_as_the_input_has_them(
    tmp_path: Path,
) -> None:
    days = pa.array([1, 2, None, 3, 10**7, 4], pa.int32()).view(pa.date32())
    moments = pa.array([1, 2 * 10**9, None, 3, 9 * 10**17, 4], pa.int64())
    exact = moments.view(pa.timestamp("us", "Asia/Shanghai"))
    table = pa.table({"day": days, "at": exact, "all": pa.array([[one] for one in exact])})
    parquet.write_table(table, tmp_path / "in.parquet")
    source = check(tmp_path / "in.parquet")
    rows = list(read_rows(source))
    with open_output(
        tmp_path / "out.parquet", source.columns, (), source=tmp_path / "in.parquet"
    ) as out:
        for row in rows:
            out.write(row, ())
    found = list(map(json.loads, read_rows(check(tmp_path / "out.parquet"))))
    wanted = list(map(json.loads, rows))
    assert [(row["day"], row["at"]) for row in found] == [(row["day"], row["at"]) for row in wanted]
    assert [json.loads(row["all"]) for row in found] == [row["all"] for row in wanted]

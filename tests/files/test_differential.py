"""Generated datasets through every reader and writer, against what other libraries read.

``MIDNIGHT_FUZZ=100000`` in the environment generates so many datasets for each test, and
``MIDNIGHT_FUZZ_FROM`` says with which seed to begin.
"""

import csv
import io
import json
import math
import os
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import openpyxl
import pyarrow as pa
import pytest
from pyarrow import ipc, parquet

from runner import exact_json
from runner.files import check, open_output, read_rows
from runner.files.writers.encode import RESULT_COLUMNS
from runner.jobfile.template import compile_template

DATASETS = int(os.environ.get("MIDNIGHT_FUZZ", "60"))
FIRST = int(os.environ.get("MIDNIGHT_FUZZ_FROM", "0"))
SEEDS = range(FIRST, FIRST + DATASETS)
SIGNS = "aé\"',;\t\\ 0中😀\u2028\ufeff=#_x000D_{}[]\r\n"
NUMBERS = ["0", "-0", "-0.0", "0.1000", "1e5", "1E400", "1e-400", "18446744073709551616"]
NUMBERS += ["-9223372036854775809", "12345678901234567.89", "0.1", "3", "1.5", "9007199254740993"]
ADDED = ("good", "m", "succeeded", None)


def text(rng: Random, signs: str = SIGNS) -> str:
    return "".join(rng.choices(signs, k=rng.randrange(6)))


def names(rng: Random) -> list[str]:
    return [f"c{number}{rng.choice(['', ' x', 'é', 'model', '.'])}" for number in range(1, 4)]


def spelled(rng: Random, depth: int = 0) -> str:
    """The JSON text of any value, spelled in any way."""
    kind = rng.randrange(7 if depth < 2 else 4)
    if kind == 0:
        return rng.choice(["null", "true", "false"])
    if kind in {1, 2}:
        digits = str(rng.randrange(10 ** rng.randrange(1, 40)))
        return rng.choice([*NUMBERS, digits, f"-{digits}", f"{digits}.{digits}", f"{digits}e7"])
    if kind in {3, 4}:
        return json.dumps(text(rng), ensure_ascii=rng.random() < 0.5)
    items = [spelled(rng, depth + 1) for _ in range(rng.randrange(3))]
    if kind == 5:
        return f"[{' , '.join(items)}]"
    return "{" + ",".join(f'"k{at}": {item}' for at, item in enumerate(items)) + "}"


def reference(row: str) -> Any:
    """What Python's own JSON reads, with numbers as the texts that they are."""
    return json.loads(row, parse_int=str, parse_float=str)


def ours(value: Any) -> Any:
    """A value of ours with numbers as texts."""
    if isinstance(value, dict):
        return {key: ours(item) for key, item in value.items()}
    if isinstance(value, list):
        return [ours(item) for item in value]
    return exact_json.encode(value) if type(value) in {int, float, exact_json.Number} else value


def written(path: Path, columns: list[str], rows: list[str]) -> Path:
    with open_output(path, columns, RESULT_COLUMNS) as output:
        for row in rows:
            output.write(row, ADDED)
    return path


def test_json_keeps_every_value_through_every_text_format(tmp_path: Path) -> None:
    for seed in SEEDS:
        rng = Random(seed)
        columns = names(rng)
        rows = [
            "{" + ", ".join(f"{json.dumps(c)}: {spelled(rng)}" for c in columns) + "}"
            for _ in range(rng.randrange(1, 5))
        ]
        expected = [reference(row) for row in rows]
        source = tmp_path / rng.choice(["in.jsonl", "in.json"])
        as_list = rng.random() < 0.5
        source.write_text(f"[{','.join(rows)}]" if as_list else "\n".join(rows), "utf-8")
        found = list(read_rows(check(source)))
        assert [ours(exact_json.loads(row)) for row in found] == expected, seed
        again = list(read_rows(check(written(tmp_path / "out.jsonl", columns, found))))
        assert [list(reference(row).values())[:3] for row in again] == [
            list(row.values()) for row in expected
        ], seed
        for name, delimiter in (("out.csv", ","), ("out.tsv", "\t")):
            path = written(tmp_path / name, columns, found)
            table = list(
                csv.reader(io.StringIO(path.read_bytes().decode(), newline=""), delimiter=delimiter)
            )
            cells = [[cell(value, row) for value in row.values()] for row in expected]
            if not any("[" in c or "{" in c for line in cells for c in line):
                assert [line[:3] for line in table[1:]] == cells, seed
            back = [list(json.loads(row).values()) for row in read_rows(check(path))]
            assert back == table[1:], seed
        template = compile_template('{{ row["' + columns[0] + '"] }}')
        for row, want in zip(found, expected, strict=True):
            value = want[columns[0]]
            if isinstance(value, str) and exact_json.loads(row)[columns[0]].__class__ is not str:
                assert template.render(exact_json.loads(row)) == value, seed


def cell(value: Any, _row: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def column(rng: Random, rows: int) -> pa.Array:
    """A column of any type, with nulls."""
    kind, values = rng.choice(
        [
            (pa.int64(), lambda: rng.randrange(-(2**63), 2**63)),
            (pa.uint64(), lambda: rng.randrange(2**64)),
            (pa.int8(), lambda: rng.randrange(-128, 128)),
            (pa.float64(), lambda: rng.choice([rng.random(), 1e300, -0.0, 5e-324, 3.0])),
            (pa.bool_(), lambda: rng.random() < 0.5),
            (pa.string(), lambda: text(rng)),
            (pa.large_string(), lambda: text(rng)),
            (pa.decimal128(38, 5), lambda: Decimal(rng.randrange(10**30)).scaleb(-5)),
            (pa.date32(), lambda: date(2000, 1, 1) + timedelta(rng.randrange(-9999, 9999))),
            (pa.timestamp("us", "UTC"), lambda: datetime.fromtimestamp(rng.randrange(2**31), UTC)),
            (pa.time64("us"), lambda: time(rng.randrange(24), rng.randrange(60))),
            (pa.list_(pa.int64()), lambda: [rng.randrange(9) for _ in range(rng.randrange(3))]),
            (pa.struct([("x", pa.int64()), ("y", pa.string())]), lambda: {"x": 1, "y": text(rng)}),
            (pa.map_(pa.string(), pa.int64()), lambda: [("a", 1), ("b", rng.randrange(9))]),
        ]
    )
    return pa.array([None if rng.random() < 0.2 else values() for _ in range(rows)], kind)


def plain(value: Any) -> Any:
    """A value of PyArrow as JSON has it."""
    match value:
        case datetime() | date() | time():
            return value.isoformat()
        case Decimal():
            return format(value, "f")
        case [(str(), _), *_]:
            return dict(value)
        case float() if math.isnan(value):
            return None
    return value


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_typed_columns_are_what_pyarrow_reads(tmp_path: Path, suffix: str) -> None:
    for seed in SEEDS:
        rng = Random(seed)
        count = rng.randrange(1, 9)
        table = pa.table({name: column(rng, count) for name in names(rng)})
        path = tmp_path / f"in.{suffix}"
        if suffix == "parquet":
            parquet.write_table(table, path, row_group_size=rng.randrange(1, 5))
        else:
            with ipc.new_file(path, table.schema) as file:
                file.write_table(table, max_chunksize=rng.randrange(1, 5))
        expected = [{k: plain(v) for k, v in row.items()} for row in table.to_pylist()]
        dataset = check(path)
        assert [json.loads(row) for row in read_rows(dataset)] == expected, seed
        start = rng.randrange(count)
        assert [json.loads(row) for row in read_rows(dataset, start)] == expected[start:], seed


def test_results_in_parquet_hold_the_numbers_of_the_rows(tmp_path: Path) -> None:
    for seed in SEEDS:
        rng = Random(seed)
        rows = [f'{{"n": {rng.choice([*NUMBERS, "null"])}}}' for _ in range(rng.randrange(1, 5))]
        found = parquet.read_table(written(tmp_path / "out.parquet", ["n"], rows))["n"].to_pylist()
        for row, value in zip(rows, found, strict=True):
            text = reference(row)["n"]
            same = value is None if text is None else Decimal(str(value)) == Decimal(text)
            assert same, (seed, rows, found)


def test_workbooks_are_what_openpyxl_reads(tmp_path: Path) -> None:
    for seed in SEEDS[::3]:
        rng = Random(seed)
        book = openpyxl.Workbook()
        sheet: Any = book.active
        columns = names(rng)
        sheet.append(columns)
        safe = "aé\"',;\t\\ 0中😀=#{}[]\n"
        rows: list[list[Any]] = [
            [
                rng.choice(
                    [None, rng.randrange(10**15), rng.random(), True, text(rng, safe) or "x"]
                )
                for _ in columns
            ]
            for _ in range(rng.randrange(1, 5))
        ]
        rows = [row for row in rows if any(value is not None for value in row)] or [["x"] * 3]
        for row in rows:
            sheet.append([None] * 0 + row)
            for at in sheet[sheet.max_row]:
                at.data_type = "s" if isinstance(at.value, str) else at.data_type
        book.save(tmp_path / "in.xlsx")
        read: Any = openpyxl.load_workbook(tmp_path / "in.xlsx").active
        expected = [dict(zip(columns, row, strict=True)) for row in read.values][1:]
        found = list(read_rows(check(tmp_path / "in.xlsx")))
        assert [json.loads(row) for row in found] == expected, seed
        path = written(tmp_path / "out.xlsx", columns, found)
        again = [json.loads(row) for row in read_rows(check(path))]
        assert [{name: row[name] for name in columns} for row in again] == expected, seed


def test_types_survive_from_parquet_to_parquet(tmp_path: Path) -> None:
    for seed in SEEDS:
        rng = Random(seed)
        count = rng.randrange(1, 9)
        table = pa.table({name: column(rng, count) for name in names(rng)})
        source = tmp_path / "in.parquet"
        parquet.write_table(table, source)
        with open_output(tmp_path / "out.parquet", table.column_names, source=source) as output:
            for row in read_rows(check(source)):
                output.write(row, ADDED)
        assert parquet.read_table(tmp_path / "out.parquet", columns=table.column_names) == table, (
            seed
        )

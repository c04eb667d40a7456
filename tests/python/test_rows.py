"""Rows as Python has them: what they become, and what is said of those that cannot be used."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from support.library import letters, rows, simulator

from runner import Batch, InputError, Job, JobFileError, open_midnight
from runner.api.rows import Rows

PNG = b"\x89PNG\r\n\x1a\n rest"


def submitted(*several: Rows, job: Job[Any] | None = None) -> list[Batch[Any]]:
    """Each of `several` rows, submitted."""

    async def main() -> list[Batch[Any]]:
        async with open_midnight(simulator=provider) as midnight:
            return [await midnight.submit(job or letters(), one) for one in several]

    provider = simulator()
    return provider.rehearse(main)


def kept(given: Rows) -> list[dict[str, Any]]:
    """The rows as they are queued."""

    async def main() -> list[dict[str, Any]]:
        async with open_midnight(simulator=provider) as midnight:
            batch = await midnight.submit(letters(), given)
            return [dict(result.row) for result in await midnight.collect(batch)]

    provider = simulator()
    return provider.rehearse(main)


class Timestamp(datetime):
    """As pandas has it."""


class NaTType(datetime):
    """As pandas has it."""


class NAType:
    """As pandas has it."""


def test_values_become_what_json_has() -> None:
    row = {
        "text": "a",
        "day": date(2026, 1, 5),
        "at": datetime(2026, 1, 5, 12, tzinfo=UTC),
        "price": Decimal("1.20"),
        "photo": PNG,
        "raw": bytearray(b"abc"),
        "score": np.float64(0.5),
        "count": np.int64(3),
        "vector": np.array([1.0, 2.0]),
        "nothing": float("nan"),
        "seen": Timestamp(2026, 1, 5, 12),
        "never": NaTType(1, 1, 1),
        "unknown": NAType(),
        "nested": {"tags": ["x", None]},
    }
    assert kept([row]) == [
        {
            "text": "a",
            "day": "2026-01-05",
            "at": "2026-01-05T12:00:00+00:00",
            "price": "1.20",
            "photo": "data:image/png;base64,iVBORw0KGgogcmVzdA==",
            "raw": "YWJj",
            "score": 0.5,
            "count": 3,
            "vector": [1.0, 2.0],
            "nothing": None,
            "seen": "2026-01-05T12:00:00",
            "never": None,
            "unknown": None,
            "nested": {"tags": ["x", None]},
        }
    ]


class Polar:
    """As Polars has it."""

    columns = ("text",)

    def iter_rows(self, *, named: bool) -> Iterator[dict[str, str]]:
        assert named
        return rows(3)


class LargeBatch:
    """A batch of PyArrow's with too many rows to be converted at once."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self._batch = batch
        self.num_rows = batch.num_rows

    def slice(self, at: int, length: int) -> pa.RecordBatch:
        assert length < self.num_rows
        return self._batch.slice(at, length)


class LargeTable:
    """A table of PyArrow's that was made at once."""

    columns = ("text",)

    def __init__(self, number: int) -> None:
        self._batch = LargeBatch(pa.RecordBatch.from_pylist(list(rows(number))))

    def to_batches(self) -> list[LargeBatch]:
        return [self._batch]


def test_a_large_table_is_converted_in_parts() -> None:
    assert kept(LargeTable(2_500)) == list(rows(2_500))


def test_the_same_rows_are_the_same_batch_however_they_are_given(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows(3)))
    table = pa.Table.from_pylist(list(rows(3)))
    found = submitted(
        list(rows(3)),
        rows(3),
        pd.DataFrame(list(rows(3))),
        Polar(),
        table,
        file,
        str(file),
        rows(4),
    )
    assert [batch.created for batch in found] == [True, *[False] * 6, True]
    assert {batch.id for batch in found[:-1]} == {found[0].id}
    assert [batch.rows for batch in found[-2:]] == [3, 4]


class Counted(dict[str, Any]):
    """A row that counts those that are held."""

    alive = 0

    def __init__(self, **values: Any) -> None:
        super().__init__(values)
        Counted.alive += 1

    def __del__(self) -> None:
        Counted.alive -= 1


def test_rows_are_read_one_by_one_and_let_go() -> None:
    most = 0

    def given() -> Iterator[Counted]:
        nonlocal most
        for number in range(5_000):
            most = max(most, Counted.alive)
            yield Counted(text=f"row {number}")

    [batch] = submitted(given())
    assert batch.rows == 5_000
    assert most <= 2


@pytest.mark.parametrize(
    ("given", "where", "told"),
    [
        ([], "rows", "there are no rows"),
        ([{"text": "a"}, "b"], "rows:2", "str, not a mapping"),
        ([{"text": "a"}, {"txet": "b"}], "rows:2", 'lacks "text"'),
        ([{"txet": "a"}], "rows", 'there is no column "text"'),
        ([{"text": "a"}, {"txet": "b"}, {"": 1}], "rows:2", "\n  row 3: the row lacks"),
        ([{"text": {1, 2}.__iter__}, {"text": "\ud800"}], "rows:2", "cannot be said in JSON"),
        ({"text": "a"}, "rows", "given as a dict"),
        (3, "rows", "given as a int"),
    ],
)
def test_rows_that_cannot_be_used_are_told_by_their_number(
    given: Any, where: str, told: str
) -> None:
    with pytest.raises(InputError) as caught:
        submitted(given)
    assert caught.value.where == where
    assert told in caught.value.what
    assert caught.value.remedy
    assert "/tmp" not in str(caught.value)  # noqa: S108 - nobody knows that file


def test_an_iterable_that_fails_fails_the_submission_as_it_is() -> None:
    def broken() -> Iterator[dict[str, str]]:
        yield {"text": "a"}
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        submitted(broken())


def test_gold_that_the_prompt_reads_is_refused() -> None:
    with pytest.raises(JobFileError, match="gold"):
        submitted(rows(2), job=letters(gold="text"))


def test_images_are_shown_from_bytes_and_from_paths_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = simulator()
    monkeypatch.chdir(tmp_path)
    job = Job(model="Qwen/Qwen3-VL-8B-Instruct", user="What is this?", images=["{{ photo }}"])
    png = bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
        "0000000c4944415408d763f8ffff3f0005fe02fedccc59e70000000049454e44ae426082"
    )

    (tmp_path / "one.png").write_bytes(png)

    async def main() -> None:
        async with open_midnight(simulator=provider) as midnight:
            batch = await midnight.submit(job, [{"photo": png}, {"photo": "one.png"}])
            assert [result.ok async for result in midnight.results(batch)] == [True, True]
            with pytest.raises(InputError, match=r"row 1: two\.png"):
                await midnight.submit(job, [{"photo": "two.png"}])

    provider.rehearse(main)


def test_a_table_of_pandas_is_converted_a_part_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """All rows as dictionaries take many times the memory of the table."""
    convert, sizes = pd.DataFrame.to_dict, []

    def counted(self: Any, orient: str) -> Any:
        sizes.append(len(self))
        return convert(self, orient)

    monkeypatch.setattr(pd.DataFrame, "to_dict", counted)
    table = pd.DataFrame({"text": [f"row {n}" for n in range(2_500)], "n": range(2_500)})
    assert kept(table) == [{"text": f"row {n}", "n": n} for n in range(2_500)]
    assert (sum(sizes), max(sizes)) == (2_500, 1_000)

"""What a plan counts exactly, what it estimates, and that its memory stays flat."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.files import write_job

from runner.app.previews import distinct
from runner.app.previews.distinct import DistinctKeys
from runner.app.previews.planning import SAMPLED, Plan, make_plan
from runner.app.submitting.submission import check_submission
from runner.errors import JobFileError, OutputError

JOB = '[job]\nmodel = "m"\n{more}[prompt]\nuser = """{prompt}"""\n'


def key(number: int) -> bytes:
    return bytes([number % 251, number // 251 % 256]) + number.to_bytes(14, "big")


def counted(keys: Iterable[bytes], expected: int) -> tuple[int, list[bytes]]:
    """How many are distinct, and which."""
    with DistinctKeys(expected) as found:
        found.add(keys)
        return found.count(), sorted(one for part in found.partitions() for one in part)


def plan(
    folder: Path, rows: Iterable[object], prompt: str = "Is it {{ text }}?", more: str = ""
) -> Plan:
    """The plan of a batch in which nothing has been answered before."""
    path = folder / "in.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    job = write_job(folder, JOB.format(more=more, prompt=prompt))
    checked = check_submission(job, path)

    async def main() -> Plan:
        return await make_plan(checked, foretell, known)

    return anyio.run(main)


async def foretell(_calls: int) -> Any:
    """Tell nothing: the forecast is not what is tested here."""


async def known(_fingerprints: Sequence[bytes]) -> set[bytes]:
    return set()


@given(st.lists(st.integers(0, 5_000)), st.sampled_from([0, 100, 1_000, 10**9]))
def test_distinct_keys_are_counted_exactly_in_memory_and_on_disk(
    numbers: list[int], expected: int
) -> None:
    keys = list(map(key, numbers))
    assert counted(keys, expected) == (len(set(keys)), sorted(set(keys)))


def test_a_partition_of_many_holds_about_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distinct, "KEYS_IN_MEMORY", 1_000)
    with DistinctKeys(8_000) as found:
        for _ in range(2):
            found.add(key(number) for number in range(8_000))
        sizes = [len(part) for part in found.partitions()]
    assert (len(sizes), sum(sizes)) == (8, 8_000)
    assert max(sizes) < 1_100


def test_no_room_for_temporary_files_is_one_clear_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(OutputError, match="a temporary file cannot be written") as caught:
        counted([], 10**9)
    assert caught.value.remedy == "free some space, or set TMPDIR to another folder"


def test_rows_that_ask_the_same_are_counted_once_whatever_else_is_in_them(tmp_path: Path) -> None:
    found = plan(tmp_path, ({"id": n, "text": n % 7} for n in range(50)))
    assert (found.rows, found.distinct, found.calls) == (50, 7, 7)


def test_a_check_of_every_third_row_is_counted_across_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.app.previews.planning.CHUNK", 10)
    monkeypatch.setattr(distinct, "KEYS_IN_MEMORY", 4)
    more = "pack = 5\ncheck = 0.33\n"
    found = plan(tmp_path, ({"text": n} for n in range(100)), more=more)
    assert found.calls == 100 // 5 + 34


def test_the_tokens_of_few_rows_are_those_of_all_distinct_prompts(tmp_path: Path) -> None:
    long, short = "long" * 1_000, "short"
    found = plan(tmp_path, [{"text": long}, {"text": short}, {"text": short}])
    messages = [[{"role": "user", "content": f"Is it {text}?"}] for text in (long, short)]
    size = sum(len(json.dumps(each, separators=(",", ":"))) for each in messages)
    assert found.prompt_tokens == size // 4


def test_the_tokens_of_many_rows_are_estimated_from_rows_all_over_the_dataset(
    tmp_path: Path,
) -> None:
    rows = [{"text": f"{n:05d}" + "x" * (n // 10)} for n in range(SAMPLED * 6)]
    found = plan(tmp_path, rows)
    exact = sum(len(row["text"]) + 39 for row in rows) / 4
    assert found.distinct == len(rows)
    assert abs(found.prompt_tokens - exact) < exact / 100


def test_a_row_whose_prompt_fails_is_told_if_it_is_among_the_first(tmp_path: Path) -> None:
    rows = [{"text": 1}] * (SAMPLED - 1) + [{"text": 0}]
    with pytest.raises(JobFileError, match="division by zero"):
        plan(tmp_path, rows * 5, "{{ 1 / text }}")

"""Results as they come: each row once, whoever brought it, and nothing lost on the way."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import tracemalloc
from contextlib import closing
from pathlib import Path

import anyio
import pytest
from support.library import MODEL, letters, right_answer, rows, simulator

from runner import Answer, ConfigError, Job, UnauthorisedError, open_midnight


def test_each_row_comes_once_with_its_answer() -> None:
    provider = simulator()

    async def main() -> None:
        async with open_midnight(simulator=provider) as midnight:
            batch = await midnight.submit(letters(), rows(120))
            found = [result async for result in midnight.results(batch)]
            assert sorted(result.number for result in found) == list(range(1, 121))
            assert all(result.answer == right_answer(result.row["text"]) for result in found)
            assert {result.model for result in found} == {MODEL}
            assert (await midnight.refresh(batch)).done

    provider.rehearse(main)
    assert provider.stats().calls == 120


def test_results_come_before_the_batch_is_done() -> None:
    """Also over days: each day's rows are there when its allowance is spent."""
    provider = simulator(calls_per_day=40)

    async def main() -> None:
        async with open_midnight(simulator=provider) as midnight:
            batch = await midnight.submit(letters(), rows(100))
            left = [(await midnight.refresh(batch)).left async for _ in midnight.results(batch)]
            assert left[0] > 90
            assert 60 in left
            assert left[-1] == 0
            assert batch.state == "done"

    provider.rehearse(main)


def test_whoever_leaves_the_loop_stops_the_run_and_loses_nothing() -> None:
    provider = simulator()

    async def main() -> None:
        async with open_midnight(simulator=provider) as midnight:
            batch = await midnight.submit(letters(), rows(200))
            async for result in midnight.results(batch):
                if result.number > 5:
                    break
            await anyio.sleep(60)
            stood = await midnight.refresh(batch)
            assert 0 < stood.succeeded < 50
            assert stood.succeeded == stood.calls  # those under way have ended
            calls = stood.calls
            await anyio.sleep(60)
            assert (await midnight.refresh(batch)).calls == calls
            again = [result.number async for result in midnight.results(batch)]
            assert sorted(again) == list(range(1, 201))
            assert await midnight.retry(batch) == 0

    provider.rehearse(main)
    assert provider.stats().calls == 200


def test_an_exception_in_the_loop_reaches_the_caller_as_it_is() -> None:
    provider = simulator()

    async def main() -> None:
        async with open_midnight(simulator=provider) as midnight:
            batch = await midnight.submit(letters(), rows(30))
            async for _ in midnight.results(batch):
                raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        provider.rehearse(main)


def test_another_instance_goes_on_where_one_was_cancelled(tmp_path: Path) -> None:
    """What came before comes first, and no row that has its result is asked again."""
    provider, db, enough = simulator(), tmp_path / "queue.db", asyncio.Event()
    seen: list[int] = []

    async def begin() -> None:
        async with open_midnight(db=db, simulator=provider) as midnight:
            batch = await midnight.submit(letters(), rows(100))
            async for result in midnight.results(batch):
                seen.append(result.number)
                if len(seen) == 20:
                    enough.set()

    async def main() -> None:
        task = asyncio.create_task(begin())
        await enough.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with open_midnight(db=db, simulator=provider) as midnight:
            batch = await midnight.submit(letters(), rows(100))
            assert not batch.created
            assert batch.succeeded >= len(seen)
            found = [result.number async for result in midnight.results(batch)]
            assert sorted(found) == list(range(1, 101))
            assert set(found[: batch.succeeded]) >= set(seen)

    provider.rehearse(main)
    assert provider.stats().calls <= 100 + provider.stats().max_in_flight


DYING = """
import asyncio, os, sys
from support.library import letters, rows
from runner import Simulator, open_midnight

async def main():
    async with open_midnight(db=sys.argv[1], simulator=Simulator()) as midnight:
        seen = 0
        async for result in midnight.results(await midnight.submit(letters(), rows(60))):
            seen += 1
            if seen == 10:
                os._exit(9)

asyncio.run(main())
"""


def test_another_process_goes_on_where_one_died(tmp_path: Path) -> None:
    provider, db, here = simulator(), tmp_path / "queue.db", Path(__file__).parents[1]
    paths = os.pathsep.join([str(here), str(here.parent)])
    env = os.environ | {"PYTHONPATH": paths}
    died = subprocess.run([sys.executable, "-c", DYING, str(db)], env=env, check=False)
    assert died.returncode == 9

    async def main() -> None:
        async with open_midnight(db=db, simulator=provider) as midnight:
            batch = await midnight.submit(letters(), rows(60))
            assert batch.succeeded >= 10
            found = [result async for result in midnight.results(batch)]
            assert sorted(result.number for result in found) == list(range(1, 61))
            assert all(result.answer == right_answer(result.row["text"]) for result in found)

    provider.rehearse(main)
    assert provider.stats().calls <= 50


@pytest.mark.parametrize("way", ["run", "results"])
def test_a_token_that_is_refused_is_told_to_the_caller(way: str) -> None:
    provider = simulator(tokens=("another",))

    async def main() -> None:
        async with open_midnight(simulator=provider) as midnight:
            batch = await midnight.submit(letters(), rows(5))
            if way == "run":
                await midnight.run(batch)
            async for _ in midnight.results(batch):
                pass

    with pytest.raises(UnauthorisedError):
        provider.rehearse(main)


@pytest.mark.filterwarnings("ignore::runner.RunnerWarning")  # what the provider may do with data
def test_a_missing_token_is_told_and_results_that_are_there_need_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("MODELSCOPE_API_KEY", "MODELSCOPE_API_TOKEN", "MODELSCOPE_SDK_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    db, config = tmp_path / "queue.db", tmp_path / "midnight.toml"
    config.write_text('[accounts.mine]\ntoken = "env:MODELSCOPE_API_KEY"\n')
    provider = simulator()

    async def first() -> None:
        async with open_midnight(db=db, simulator=provider) as midnight:
            await midnight.run(await midnight.submit(letters(), rows(3)))

    async def then() -> None:
        async with open_midnight(db=db, config=config) as midnight:
            batch = await midnight.batch("letters")
            assert len([result async for result in midnight.results(batch)]) == 3
            assert (await midnight.run(batch)).done
            more = await midnight.submit(letters(), rows(4))
            async for _ in midnight.results(more):
                pass

    provider.rehearse(first)
    with pytest.raises(ConfigError, match="MODELSCOPE_API_KEY"):
        anyio.run(then)


def test_without_waiting_it_ends_when_the_allowance_is_spent() -> None:
    provider = simulator(calls_per_day=10)

    async def main() -> None:
        async with open_midnight(simulator=provider) as midnight:
            batch = await midnight.submit(letters(), rows(25))
            found = [r async for r in midnight.results(batch, wait=False, pace="asap")]
            assert len(found) == 10
            assert (await midnight.refresh(batch)).left == 15
            assert [r.state for r in await midnight.collect(batch)].count("queued") == 15

    provider.rehearse(main)


def test_rows_that_ask_the_same_are_asked_once_and_each_has_its_result() -> None:
    provider = simulator()

    async def main() -> None:
        async with open_midnight(simulator=provider) as midnight:
            batch = await midnight.submit(letters(), [*rows(10), *rows(10), {"text": "row 3"}])
            found = [result async for result in midnight.results(batch)]
            assert len(found) == 21
            assert sum(result.reused for result in found) == 11
            assert len({(r.row["text"], r.answer, r.call) for r in found}) == 10

    provider.rehearse(main)
    assert provider.stats().calls == 10


def test_failures_come_too_with_every_reply() -> None:
    provider = simulator(faults={"bad_answer": 1.0})

    async def main() -> None:
        async with open_midnight(simulator=provider) as midnight:
            batch = await midnight.submit(letters(max_asks=2), rows(3))
            for result in [result async for result in midnight.results(batch)]:
                assert (result.ok, result.state, result.answer) == (False, "failed", None)
                assert result.error
                assert len(result.replies) == 2
            assert await midnight.retry(batch) == 3

    provider.rehearse(main)


def test_a_row_that_is_voted_on_comes_when_every_vote_is_in() -> None:
    provider = simulator()

    async def main() -> None:
        async with open_midnight(simulator=provider) as midnight:
            job = letters(votes=3, pack=4)
            batch = await midnight.submit(job, rows(60))
            assert batch.left == 180
            found = [result async for result in midnight.results(batch)]
            assert sorted(result.number for result in found) == list(range(1, 61))
            assert all(result.votes == (result.answer,) * 3 for result in found)
            assert {(result.agreement, result.review) for result in found} == {(1.0, False)}
            assert (await midnight.quality(batch)).agreement is not None

    provider.rehearse(main)


def test_results_that_are_there_come_in_order_before_any_call() -> None:
    provider = simulator()

    async def main() -> None:
        async with open_midnight(simulator=provider) as midnight:
            job = letters(pack=100)
            await midnight.run(await midnight.submit(job, rows(2_345)))
            calls = provider.stats().calls
            batch = await midnight.submit(job, rows(2_345))
            numbers = [result.number async for result in midnight.results(batch)]
            assert numbers == list(range(1, 2_346))
            assert provider.stats().calls == calls

    provider.rehearse(main)


def test_rows_that_end_long_after_their_neighbours_come_once_too() -> None:
    """Those of a pack that were missing or wrong are asked again, over days."""
    faults = {"item_missing": 0.1, "item_wrong": 0.1, "error_500": 0.2}
    provider = simulator(calls_per_day=60, faults=faults)

    async def main() -> None:
        async with open_midnight(simulator=provider) as midnight:
            batch = await midnight.submit(letters(pack=50), rows(1_300))
            numbers = [result.number async for result in midnight.results(batch)]
            assert numbers != sorted(numbers)
            assert sorted(numbers) == list(range(1, 1_301))

    provider.rehearse(main)


def test_two_batches_are_watched_at_once() -> None:
    provider = simulator()

    async def main() -> None:
        async with open_midnight(simulator=provider) as midnight:

            async def drain(start: int, found: list[int]) -> None:
                batch = await midnight.submit(letters(), rows(40, start))
                async for result in midnight.results(batch):
                    found.append(result.number)  # noqa: PERF401 - while the other one runs

            one: list[int] = []
            other: list[int] = []
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(drain, 0, one)
                tasks.start_soon(drain, 1000, other)
            assert sorted(one) == sorted(other) == list(range(1, 41))

    provider.rehearse(main)
    assert provider.stats().calls == 80


def engines_of(db: Path) -> int:
    """How many engines have ever been started on a database: each registers as a runner."""
    with closing(sqlite3.connect(db)) as database:
        number: int = database.execute("SELECT count(*) FROM runners").fetchone()[0]
        return number


def test_all_loops_and_runs_of_an_open_queue_share_one_engine(tmp_path: Path) -> None:
    """So they share its concurrency, its connections and what it has learned, too."""
    provider, db = simulator(), tmp_path / "queue.db"

    async def main() -> None:
        async with open_midnight(db=db, simulator=provider) as midnight:

            async def drain(start: int) -> None:
                batch = await midnight.submit(letters(), rows(30, start))
                async for _ in midnight.results(batch):
                    pass

            async with anyio.create_task_group() as tasks:
                for start in (0, 1_000, 2_000):
                    tasks.start_soon(drain, start)
            assert (await midnight.run(await midnight.submit(letters(), rows(5, 3_000)))).done
            assert engines_of(db) == 1

    provider.rehearse(main)
    assert provider.stats().calls == 95


def test_whoever_only_reads_starts_no_engine(tmp_path: Path) -> None:
    """Nor does one who queues rows, or asks for the results that are there."""
    provider, db = simulator(), tmp_path / "queue.db"

    async def run() -> None:
        async with open_midnight(db=db, simulator=provider) as midnight:
            await midnight.run(await midnight.submit(letters(), rows(5)))

    async def read() -> None:
        async with open_midnight(db=db, simulator=provider) as midnight:
            batch = await midnight.submit(letters(), rows(5))
            assert len([result async for result in midnight.results(batch)]) == 5
            assert (await midnight.run(batch)).done
            await midnight.plan(letters(), rows(9))
            await midnight.submit(letters(), rows(9))
            await midnight.collect(batch)
            await midnight.export(batch, tmp_path / "out.csv")
            for query in (midnight.quota, midnight.report, midnight.batches):
                assert await query()
            await midnight.pause(await midnight.batch(2))

    provider.rehearse(run)
    assert engines_of(db) == 1
    provider.rehearse(read)
    assert engines_of(db) == 1


def test_ten_thousand_rows_take_no_more_memory_than_a_few() -> None:
    provider = simulator()

    async def main() -> None:
        async with open_midnight(simulator=provider) as midnight:
            job = letters(pack=100)
            await midnight.run(await midnight.submit(job, rows(100)))
            tracemalloc.start()
            long = ({"text": f"{n} {'x' * 300}"} for n in range(10_000))
            batch = await midnight.submit(job, long)
            number = 0
            async for _ in midnight.results(batch):
                number += 1
            assert number == 10_000
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert peak < 15_000_000

    provider.rehearse(main)


def test_json_that_a_validator_refuses_is_a_failure_with_its_words() -> None:
    from pydantic import BaseModel, field_validator  # of this test alone

    class Picky(BaseModel):
        name: str

        @field_validator("name")
        @classmethod
        def _refuse(cls, _name: str) -> str:
            raise ValueError("never good enough")

    provider = simulator()

    async def main() -> None:
        async with open_midnight(simulator=provider) as midnight:
            job = Job(model=MODEL, user="{{ text }}", answer=Answer.json(Picky))
            batch = await midnight.submit(job, rows(2))
            async for result in midnight.results(batch):
                assert result.state == "failed"
                assert "never good enough" in (result.error or "")

    provider.rehearse(main)

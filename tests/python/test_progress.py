"""What a program sees of a run: `on_progress`, the bar, and a batch that is up to date."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from support.library import letters, rows, simulator
from support.waiting import PATIENCE_S

from runner import Batch, BatchProgress, open_midnight, run

ROOT = Path(__file__).parents[2]

SCRIPT = """
from datetime import UTC, datetime
from runner import Job, Simulator, run

midday = Simulator(calls_per_day=30, start=datetime(2026, 1, 5, 4, tzinfo=UTC))
job = Job(name="stories", model="Qwen/Qwen3-8B", user="{{ text }}")
run(job, [{"text": f"story {n}"} for n in range(50)], simulator=midday)
"""


def test_progress_is_told_until_all_is_done() -> None:
    told: list[BatchProgress] = []
    run(letters(), rows(60), simulator=simulator(), on_progress=told.append)
    assert [one.share for one in told] == sorted(one.share for one in told)
    assert told[0].share < 1
    last = told[-1]
    assert (last.rows, last.succeeded, last.failed, last.done) == (60, 60, 0, 60)
    assert (last.share, last.calls, last.in_flight, last.waiting) == (1.0, 60, 0, "")


def test_progress_says_until_when_it_sleeps() -> None:
    told: list[BatchProgress] = []
    run(letters(), rows(50), simulator=simulator(calls_per_day=30), on_progress=told.append)
    asleep = [one for one in told if "00:00" in one.waiting or "sleeping" in one.waiting]
    assert asleep
    midnight = datetime(2026, 1, 5, 16, tzinfo=UTC)
    assert asleep[-1].until is not None
    assert timedelta() <= asleep[-1].until - midnight < timedelta(minutes=15)
    assert asleep[-1].finish is not None
    assert asleep[-1].at.tzinfo is not None


def test_votes_are_part_of_the_share_and_rows_are_counted_once() -> None:
    told: list[BatchProgress] = []
    job = letters(votes=3, parameters={"temperature": 1})
    run(job, rows(20), simulator=simulator(), on_progress=told.append)
    assert {one.rows for one in told} == {20}
    assert (told[-1].share, told[-1].done) == (1.0, 20)


def test_a_function_that_raises_stops_the_run_and_its_error_is_raised(tmp_path: Path) -> None:
    provider, db = simulator(), tmp_path / "queue.db"

    def tell(progress: BatchProgress) -> None:
        if progress.done:
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        run(letters(), rows(200), db=db, simulator=provider, on_progress=tell)
    assert provider.stats().calls < 150
    found = run(letters(), rows(200), db=db, simulator=provider)
    assert all(result.ok for result in found)
    assert provider.stats().calls == 200


def test_an_error_of_the_function_reaches_the_loop_over_results() -> None:
    provider = simulator()

    def tell(_progress: BatchProgress) -> None:
        raise LookupError("mine")

    async def main() -> None:
        async with open_midnight(simulator=provider) as midnight:
            batch = await midnight.submit(letters(), rows(200))
            with pytest.raises(LookupError, match="mine"):
                async for _ in midnight.results(batch, on_progress=tell):
                    pass

    provider.rehearse(main)


def test_a_batch_is_up_to_date_in_the_loop_and_after_it() -> None:
    provider = simulator()

    async def main() -> None:
        async with open_midnight(simulator=provider) as midnight:
            batch = await midnight.submit(letters(), rows(100))
            assert (batch.left, batch.calls, batch.done) == (100, 0, False)
            seen = [batch.succeeded async for _ in midnight.results(batch)]
            assert all(count > 0 for count in seen)
            assert seen == sorted(seen)
            assert (batch.succeeded, batch.left, batch.calls, batch.done) == (100, 0, 100, True)

    provider.rehearse(main)


def test_a_batch_is_up_to_date_when_it_was_run_and_paused() -> None:
    provider = simulator()

    async def main() -> Batch[str]:
        async with open_midnight(simulator=provider) as midnight:
            batch = await midnight.submit(letters(), rows(10))
            await midnight.pause(batch)
            assert batch.state == "paused"
            await midnight.resume(batch)
            assert await midnight.run(batch) is batch
            assert batch.created_at.tzinfo is not None
            return batch

    batch = provider.rehearse(main)
    assert batch.succeeded == 10
    assert "10 succeeded, 0 failed, 0 left" in repr(batch)


def test_without_waiting_what_today_allows_is_asked_at_once() -> None:
    """As for `--no-wait`: a pace that spreads the calls would wait."""
    provider = simulator(calls_per_day=10)

    async def main() -> None:
        async with open_midnight(simulator=provider) as midnight:
            batch = await midnight.submit(letters(), rows(25))
            assert (await midnight.run(batch, wait=False)).succeeded == 10
            assert batch.left == 15

    provider.rehearse(main)


ASLEEP = """
import asyncio
from runner import Job, Simulator, open_midnight

async def main():
    job = Job(name="stories", model="Qwen/Qwen3-8B", user="{{ text }}")
    async with open_midnight(simulator=Simulator(calls_per_day=3)) as midnight:
        batch = await midnight.submit(job, [{"text": f"story {n}"} for n in range(9)])
        await midnight.run(batch, pace="asap", progress=None)

asyncio.run(main())
"""


def test_a_terminal_has_a_bar_that_says_until_when_it_sleeps(tmp_path: Path) -> None:
    """In real time: the script sleeps until midnight, unless it is ended."""
    script = tmp_path / "script.py"
    script.write_text(ASLEEP)
    ours, theirs = pty.openpty()
    environ = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "150", "TERM": "xterm-256color"}
    with subprocess.Popen(
        [sys.executable, str(script)], env=environ, stdin=theirs, stdout=theirs, stderr=theirs
    ) as started:
        os.close(theirs)
        found = ""
        while "sleeping until" not in found:
            found += os.read(ours, 65_536).decode()
        started.kill()
    os.close(ours)
    assert "stories" in found
    assert "3 of 9 rows" in found


def test_nothing_is_drawn_where_nobody_looks(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    ended = subprocess.run(
        [sys.executable, str(script)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_a_bar_can_be_wished_for_in_a_loop(capsys: pytest.CaptureFixture[str]) -> None:
    provider = simulator()

    async def main() -> None:
        async with open_midnight(simulator=provider) as midnight:
            batch = await midnight.submit(letters(), rows(5))
            async for _ in midnight.results(batch, progress=True):
                await anyio.lowlevel.checkpoint()

    provider.rehearse(main)
    assert "5 of 5 rows, 5 calls" in capsys.readouterr().err

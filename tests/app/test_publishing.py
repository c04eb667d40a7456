"""What a runner says of itself: written on a timer, read by others, gone with the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from runner.app.status import publishing
from runner.app.status.publishing import EVERY_MS, Publisher
from runner.app.status.rates import LEAST_MS, OVER_MS, Rates
from runner.core.demand import Rotate, WaitCause, WaitReason
from runner.core.forecast import Forecast
from runner.core.gate import ParkReason
from runner.core.period import Calendar
from runner.core.states import BatchState, Counts
from runner.core.window import Window
from runner.engine.progress import Progress
from runner.store.batches import Batch

NOW = 1_795_500_000_000
WINDOW = Window("mine", "", "calls", "2026-11-24", NOW, NOW + 1, 2000, Calendar("day", "UTC"))


def batch(done: int = 0, calls: int = 0, batch_id: int = 1) -> Batch:
    return Batch(
        id=batch_id, name="labels", digest="d", state=BatchState.ACTIVE, pause_reason="",
        priority=0, models=("m",), rotate=Rotate.PREFER, max_calls=None, job_json="{}",
        input="in.csv", columns_json="[]", first_job=1, rows=100, rows_loaded=100,
        created_at=NOW, counts=Counts(ready=100 - done, succeeded=done), calls_made=calls,
    )  # fmt: skip


def progress(at: int = NOW, waiting: Sequence[WaitReason] = ()) -> Progress:
    return Progress(at, (batch(),), tuple(waiting), NOW + 5, (WINDOW,), 3, Forecast(9, 1, 2, 3, 4))


@pytest.mark.parametrize(
    "reason",
    [
        WaitReason(1, ParkReason.SPENT, "why", NOW + 9, WINDOW),
        WaitReason(1, ParkReason.NONE, "", None),
        WaitReason(1, WaitCause.PACE, "", NOW + 9, WINDOW),
        WaitReason(1, WaitCause.IN_FLIGHT, "", None),
    ],
)
def test_another_process_sees_what_is_shown_where_it_runs(
    tmp_path: Path, reason: WaitReason
) -> None:
    shown: list[Progress] = []
    publisher = Publisher(tmp_path / "1.json", NOW, shown.append)
    publisher(progress(waiting=[reason]))
    found = publishing.read(tmp_path / "1.json")
    assert found is not None
    windows = {(WINDOW.account, WINDOW.model, WINDOW.quota): WINDOW}
    seen = found.progress({1: batch()}, windows)
    assert seen == replace(shown[0], windows=seen.windows)
    publisher.close()
    assert publishing.read(tmp_path / "1.json") is None


def test_it_is_written_on_a_timer_and_at_once_when_the_run_winds_up(tmp_path: Path) -> None:
    publisher = Publisher(path := tmp_path / "1.json", NOW)
    for at, stopping, written in (
        (NOW, False, NOW),
        (NOW + EVERY_MS - 1, False, NOW),
        (NOW + EVERY_MS, False, NOW + EVERY_MS),
        (NOW + EVERY_MS + 1, True, NOW + EVERY_MS + 1),
    ):
        publisher(replace(progress(at), stopping=stopping))
        found = publishing.read(path)
        assert found is not None
        assert found.at == written


@pytest.mark.parametrize("text", [b"", b"[]", b'{"pid": 1}', b"\xff"])
def test_what_cannot_be_read_says_nothing(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "1.json").write_bytes(text)
    assert publishing.read(tmp_path / "1.json") is None


def test_a_disk_that_takes_nothing_ends_no_run(tmp_path: Path) -> None:
    Publisher(tmp_path / "nowhere" / "1.json", NOW)(progress())


def test_rates_are_those_of_the_last_minutes() -> None:
    rates = Rates()
    assert (rates.rows_a_minute, rates.rows_a_call) == (None, None)
    for second in range(0, 600, 10):
        done = second // 10 if second < 300 else 30 + 2 * (second - 300) // 10
        rates.add(NOW + second * 1000, [batch(done, calls=second // 20)])
    assert rates.rows_a_minute == pytest.approx(12, rel=0.1)
    assert rates.rows_a_call == pytest.approx(4, rel=0.1)
    assert (len(rates.samples) - 2) * 10_000 <= OVER_MS


def test_a_rate_is_not_told_too_early_and_does_not_fall_when_a_batch_is_done() -> None:
    rates = Rates()
    rates.add(NOW, [batch(0), batch(50, batch_id=2)])
    rates.add(NOW + LEAST_MS - 1, [batch(10)])
    assert rates.rows_a_minute is None
    rates.add(NOW + 60_000, [batch(30)])
    assert rates.rows_a_minute == 30


def test_what_a_batch_had_done_before_it_joined_does_not_count() -> None:
    rates = Rates()
    rates.add(NOW, [batch(0)])
    rates.add(NOW + 30_000, [batch(10), batch(5_000, batch_id=2, calls=900)])
    rates.add(NOW + 60_000, [batch(20), batch(5_010, batch_id=2, calls=910)])
    assert rates.rows_a_minute == 30


def test_a_call_of_a_part_is_one_call() -> None:
    def part(done: int, calls: int) -> Batch:
        return replace(batch(done, calls, batch_id=2), part_of=1)

    rates = Rates()
    rates.add(NOW, [batch(100, calls=200), part(100, calls=100)])
    rates.add(NOW + 60_000, [batch(110, calls=220), part(110, calls=110)])
    assert rates.rows_a_call == 1
    rates.add(NOW + 120_000, [part(150, calls=150)])  # the rest of the batch is done
    assert rates.rows_a_call == 1

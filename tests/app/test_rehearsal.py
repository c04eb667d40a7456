"""A rehearsal: the whole batch in virtual time, with the account's own limits."""

from __future__ import annotations

import csv
from pathlib import Path

from support.files import settings, write_job, write_rows

from runner.app.previews.rehearsal import configured_simulator, rehearse
from runner.app.submitting.submission import check_submission

START = 1_767_571_200_000  # 2026-01-05 08:00 in UTC+8


def test_days_pass_and_every_row_has_its_result(tmp_path: Path) -> None:
    chosen = settings(tmp_path, limits={"calls_per_day": 40})
    checked = check_submission(write_job(tmp_path), write_rows(tmp_path, 100))
    out = tmp_path / "out.csv"
    seen = rehearse(chosen, checked, configured_simulator(chosen), START, output=out)
    assert [day.calls for day in seen.days] == [40, 40, 20]
    assert (seen.ran.left, seen.ran.failed, seen.rows_written) == (0, 0, 100)
    assert seen.provider.refused == 0
    with out.open(newline="") as file:
        assert {row["state"] for row in csv.DictReader(file)} == {"succeeded"}


def test_it_leaves_the_users_database_alone(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    checked = check_submission(write_job(tmp_path), write_rows(tmp_path, 5))
    rehearse(chosen, checked, configured_simulator(chosen), START)
    assert not chosen.db.exists()


def test_faults_and_their_seed_are_repeatable(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    checked = check_submission(write_job(tmp_path), write_rows(tmp_path, 60))
    config = configured_simulator(chosen, seed=5, faults={"error_500": 0.2, "bad_answer": 0.2})
    first, second = (rehearse(chosen, checked, config, START) for _ in range(2))
    assert (first.days, first.ended_at) == (second.days, second.ended_at)
    assert first.days[0].failed > 0

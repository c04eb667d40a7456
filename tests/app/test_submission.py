"""Submitting: whole or not at all, once, and going on where it stopped."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from support.files import JOB, settings, write_job, write_rows

from runner.app.application import Application, open_application
from runner.app.submitting import queueing
from runner.app.submitting.reuse_policy import ReusePolicy
from runner.app.submitting.submission import check_submission
from runner.core.states import BatchState
from runner.errors import InputError, JobFileError, NotFoundError
from runner.jobfile import load


def test_the_same_job_file_and_input_are_the_same_batch(tmp_path: Path) -> None:
    """Also under other names, in another place, and with other limits."""
    job, rows = write_job(tmp_path), write_rows(tmp_path, 12)
    moved = tmp_path / "moved.csv"
    moved.write_bytes(rows.read_bytes())
    patient = tmp_path / "patient.toml"
    patient.write_text(JOB + "max_asks = 5\n[limits]\ntimeout_s = 900\n")

    async def main() -> None:
        async with open_application(settings(tmp_path)) as midnight:
            first = await midnight.submit(check_submission(job, rows))
            again = await midnight.submit(check_submission(patient, moved))
            assert (first.created, again.created) == (True, False)
            assert again.batch.id == first.batch.id
            assert again.batch.counts.ready == 12
            assert '"timeout_s":900' in (await midnight.batch("1")).job_json

    anyio.run(main)


def test_another_prompt_is_another_batch(tmp_path: Path) -> None:
    job, rows = write_job(tmp_path), write_rows(tmp_path, 3)
    other = tmp_path / "other.toml"
    other.write_text(JOB.replace("Which", "What"))
    assert check_submission(job, rows).digest != check_submission(other, rows).digest


def test_an_interrupted_submission_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queueing, "CHUNK", 10)
    checked = check_submission(write_job(tmp_path), write_rows(tmp_path, 95))

    class Killed(Exception):  # noqa: N818
        pass

    def die(done: int, _total: int) -> None:
        if done >= 40:
            raise Killed

    async def main() -> None:
        async with open_application(settings(tmp_path)) as midnight:
            with pytest.raises(Killed):
                await midnight.submit(checked, die)
            (half,) = await midnight.batches()
            assert (half.state, half.rows_loaded) == (BatchState.LOADING, 40)
            whole = await midnight.submit(checked)
            assert (whole.batch.state, whole.batch.rows_loaded) == (BatchState.ACTIVE, 95)
            assert await texts(midnight, tmp_path) == [f"row {n}" for n in range(95)]
            assert await midnight.maintenance.check() == []

    anyio.run(main)


async def texts(midnight: Application, folder: Path) -> list[str]:
    out = folder / "out.csv"
    await midnight.export(await midnight.batch("letters"), out)
    return [line.split(",")[0] for line in out.read_text().splitlines()[1:]]


def test_two_submissions_at_once_queue_no_row_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queueing, "CHUNK", 7)
    checked = check_submission(write_job(tmp_path), write_rows(tmp_path, 100))

    async def main() -> None:
        async with (
            open_application(settings(tmp_path)) as one,
            open_application(settings(tmp_path)) as other,
        ):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(one.submit, checked)
                tasks.start_soon(other.submit, checked)
            (batch,) = await one.batches()
            assert (batch.state, batch.counts.ready) == (BatchState.ACTIVE, 100)
            assert await texts(one, tmp_path) == [f"row {n}" for n in range(100)]

    anyio.run(main)


def test_an_input_that_changes_while_it_is_queued_is_noticed(tmp_path: Path) -> None:
    rows = write_rows(tmp_path, 20)
    checked = check_submission(write_job(tmp_path), rows)
    rows.write_text(rows.read_text() + "one more\n")

    async def main() -> None:
        async with open_application(settings(tmp_path)) as midnight:
            with pytest.raises(InputError):
                await midnight.submit(checked)

    anyio.run(main)


def test_a_prompt_that_reads_a_column_the_input_lacks_is_refused(tmp_path: Path) -> None:
    job = write_job(tmp_path, JOB.replace("text", "txet"))
    with pytest.raises((JobFileError, InputError)) as caught:
        check_submission(job, write_rows(tmp_path, 3))
    assert "txet" in str(caught.value)
    assert "text" in str(caught.value)


def test_a_batch_is_found_by_id_or_name_and_its_absence_names_the_known(tmp_path: Path) -> None:
    checked = check_submission(write_job(tmp_path), write_rows(tmp_path, 3))

    async def main() -> None:
        async with open_application(settings(tmp_path)) as midnight:
            await midnight.submit(checked)
            assert (await midnight.batch("letters")).id == (await midnight.batch("1")).id
            with pytest.raises(NotFoundError) as caught:
                await midnight.batch("numbers")
            assert "1 (letters)" in str(caught.value.remedy)

    anyio.run(main)


def test_a_fresh_batch_reuses_no_answer_whoever_queues_it(tmp_path: Path) -> None:
    checked = check_submission(write_job(tmp_path), write_rows(tmp_path, 3))

    async def main() -> None:
        async with open_application(settings(tmp_path)) as midnight:
            policy = ReusePolicy(fresh=True)
            queued = await queueing.submit(midnight._database, checked, 0, policy=policy)
            assert not queued.batch.reuse_answers

    anyio.run(main)


def test_a_parsed_job_file_is_named_by_its_path_in_errors_and_in_the_batch(tmp_path: Path) -> None:
    path, rows = write_job(tmp_path), write_rows(tmp_path, 3)
    one, other = check_submission(load(path), rows, job_path=path), check_submission(path, rows)
    assert (one.digest, one.job_path) == (other.digest, other.job_path) == (other.digest, path)
    path = write_job(tmp_path, JOB.replace("text", "txet"))
    with pytest.raises((JobFileError, InputError)) as parsed:
        check_submission(load(path), rows, job_path=path)
    with pytest.raises((JobFileError, InputError)) as named:
        check_submission(path, rows)
    assert str(parsed.value) == str(named.value)

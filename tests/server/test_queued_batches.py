"""The batches that were queued beside the server: it works on them as a run does."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from pathlib import Path

from support.files import write_job, write_rows
from support.waiting import PATIENCE_S

from runner.app.submitting.submission import check_submission
from runner.core.states import BatchState
from runner.store.batches import Batch
from tests.server.conftest import Served, Serving


def queue(served: Served, folder: Path, rows: int) -> Batch:
    midnight = served.application
    checked = check_submission(write_job(folder), write_rows(folder, rows))
    batch = served.do(midnight.submit, checked).batch
    served.do(midnight.name_output, batch, folder / "labelled.csv")
    midnight.gateway().reread()
    return batch


def wait_for(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_the_server_writes_the_output_of_a_batch(serving: Serving, tmp_path: Path) -> None:
    with serving() as served:
        batch = queue(served, tmp_path, 30)
        wait_for(lambda: served.do(served.application.batch, str(batch.id)).done)
    with (tmp_path / "labelled.csv").open() as file:
        assert [row["state"] for row in csv.DictReader(file)] == ["succeeded"] * 30


def test_the_server_pauses_a_batch_of_which_too_many_rows_fail(
    serving: Serving, tmp_path: Path
) -> None:
    with serving(faults={"bad_answer": 1.0}) as served:
        batch = queue(served, tmp_path, 200)

        def is_paused() -> bool:
            return served.do(served.application.batch, str(batch.id)).state is BatchState.PAUSED

        wait_for(is_paused)
        reason = served.do(served.application.batch, str(batch.id)).pause_reason
    assert "rows have failed" in reason

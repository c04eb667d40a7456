"""Batches of which too many rows fail are to be paused, with the reason."""

from __future__ import annotations

import pytest

from runner.core.failing import JUDGED_ROWS, NO_ROWS, EndedRows


@pytest.mark.parametrize(
    ("succeeded", "failed", "is_paused"),
    [
        (0, JUDGED_ROWS - 1, False),
        (0, JUDGED_ROWS, True),
        (25, 25, False),
        (25, 26, True),
        (1_000, 999, False),
    ],
)
def test_a_batch_is_paused_when_more_than_the_share_of_enough_rows_has_failed(
    succeeded: int, failed: int, *, is_paused: bool
) -> None:
    reason = EndedRows(succeeded, failed).pause_reason(0.5)
    assert bool(reason) == is_paused
    assert not is_paused or f"{failed} of the last {succeeded + failed} rows" in reason


def test_a_share_of_one_never_pauses() -> None:
    assert EndedRows(0, 10_000).pause_reason(1.0) == ""


def test_rows_are_counted_by_the_moves_of_their_jobs() -> None:
    ended = NO_ROWS.with_changes({"running": -3, "succeeded": 2, "failed": 1})
    assert ended == EndedRows(2, 1)
    assert ended.with_changes({"failed": -1, "ready": 1}) == EndedRows(2, 0)

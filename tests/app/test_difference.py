"""Rows that moved between two batches are paired without keeping them."""

from __future__ import annotations

import tracemalloc

from runner.app.batches.difference import Pairing
from runner.app.results.rows import RowResult
from runner.store.batch_rows import ExportRow

ROWS, LENGTH = 100, 50_000


def result(number: int, row: int, answer: str) -> RowResult:
    payload = f"{row:0{LENGTH}}"
    own = ExportRow(number, payload, "succeeded", answer, "m", None, None, None, False, None, None)
    return RowResult(number, own, (own,))


def test_rows_that_moved_are_paired_and_their_texts_are_not_kept() -> None:
    pairing = Pairing()
    tracemalloc.start()
    try:
        for number in range(1, ROWS + 1):
            pairing.add(result(number, number, "a"), result(number, number + 1, "b"))
        kept, _peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < ROWS * LENGTH / 10
    pairing.pair_rest()
    assert pairing.changes == {("a", "b"): ROWS - 1}
    assert (pairing.same, pairing.only_first, pairing.only_second) == (0, 1, 1)

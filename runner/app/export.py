"""The results so far, written to a file in the order of the input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import orjson

from runner.app.rows import DETAIL_COLUMNS, VOTE_COLUMNS, Reading, RowResult, results, voters
from runner.files import RESULT_COLUMNS, CellValue, open_output
from runner.jobfile import JobFile
from runner.path_text import to_path
from runner.store.batches import Batch

OnProgress = Callable[[int, int], None]


def columns_of(family: Sequence[Batch], *, details: bool = False) -> tuple[str, ...]:
    """What the output adds to the input's columns."""
    votes = VOTE_COLUMNS if len(voters(family)) > 1 else ()
    return (*RESULT_COLUMNS, *votes, *(DETAIL_COLUMNS if details else ()))


async def write_results(
    reading: Reading,
    family: Sequence[Batch],
    path: Path,
    on_progress: OnProgress | None = None,
    *,
    vectors: bool = False,
    details: bool = False,
) -> int:
    """Write what there is of a batch and its parts; how many rows there were.

    Raises:
        OutputError: The file cannot be written; an older one is left as it was.
    """
    batch, written = family[0], 0
    told = details and JobFile.from_json(batch.job_json).job.kind == "chat"
    columns, usual = orjson.loads(batch.columns_json), columns_of(family, details=details)
    added = JobFile.from_json(batch.job_json).output.names(usual, columns)
    with open_output(path, columns, added, vectors=vectors, source=to_path(batch.input)) as output:
        async for page in results(reading, family):
            for row in page:
                output.write(row.first.payload, _values(row, details=details, told=told))
            written += len(page)
            if on_progress:
                on_progress(written, batch.rows_loaded)
    return written


def _values(row: RowResult, *, details: bool, told: bool) -> list[CellValue]:
    """The added columns; `told`: an answer that was kept alone is what the model said."""
    first = row.first
    values: list[CellValue]
    if row.vote is None:  # a single answer: what the properties say, in a fifth of the time
        error = None if first.answer is not None else first.error or None
        values = [first.answer, first.model or None, first.state, error]
    else:
        values = [row.answer, row.model, row.state, row.error]
        values += [None, None] if row.open else [round(row.vote.share, 4), row.vote.review]
    if details:
        reply = first.answer if told and first.reply is None else first.reply
        values += [first.account, first.call_id, first.reused, reply]
    return values

"""Writes the results so far to a file, in the order of the input.

The file is written page by page in a thread, so that a running engine does not wait for the disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from runner.app.progress import OnProgress
from runner.app.results.output_columns import (
    AGREEMENT_COLUMN,
    DETAIL_COLUMNS,
    REVIEW_COLUMN,
    REVIEW_DETAIL_COLUMNS,
    REVIEWER_COLUMN,
)
from runner.app.results.rows import Reading, RowReader, RowResult, results
from runner.clock import moment
from runner.files import RESULT_COLUMNS, CellValue, OutputWriter, open_output
from runner.jobfile import JobFile
from runner.jobfile.kinds import Answers
from runner.path_text import to_path
from runner.store.batches import Batch
from runner.threads import in_thread_to_its_end, opened_in_thread


@dataclass(frozen=True, slots=True)
class AddedColumns:
    """The columns that an output adds to those of the input.

    Attributes:
        votes: Whether the batch has votes.
        marks: Whether answered rows may be flagged for review.
        reviewed: Whether any row was reviewed.
        details: Whether to add the account, the call and the reply.
        replies_are_answers: Whether a missing reply equals the answer, because replies are stored
            only if they differ.
    """

    votes: bool = False
    marks: bool = False
    reviewed: bool = False
    details: bool = False
    replies_are_answers: bool = False

    @classmethod
    def of(cls, parts: Sequence[Batch], *, details: bool = False) -> AddedColumns:
        """Returns the added columns of a batch, which is given with its parts."""
        reader = RowReader.of(parts)
        traits = JobFile.from_json(parts[0].job_json).job.traits
        replies_are_answers = details and traits.answers is Answers.TEXT
        reviewed = parts[0].reviews_made > 0
        return cls(len(reader.voters) > 1, reader.marks, reviewed, details, replies_are_answers)

    @property
    def names(self) -> tuple[str, ...]:
        """The default names of the columns."""
        return (
            *RESULT_COLUMNS,
            *[AGREEMENT_COLUMN] * self.votes,
            *[REVIEW_COLUMN] * self.marks,
            *[REVIEWER_COLUMN] * self.reviewed,
            *DETAIL_COLUMNS * self.details,
            *REVIEW_DETAIL_COLUMNS * (self.details and self.reviewed),
        )

    def values(self, row: RowResult) -> list[CellValue]:
        """Returns the values of a row."""
        first = row.first
        values: list[CellValue]
        if row.vote is None and row.review is None:  # the common case, in a fifth of the time
            error = None if first.answer is not None else first.error or None
            values = [first.answer, first.model or None, first.state, error]
        else:
            values = [row.answer, row.model, row.state, row.error]
        if self.votes:
            share = None if row.open or row.vote is None else round(row.vote.share, 4)
            values.append(share)
        if self.marks:
            values.append(None if row.open and row.review is None else bool(row.reasons))
        if self.reviewed:
            values.append(row.review.reviewer if row.review else None)
        if self.details:
            values += self._details(row)
        return values

    def _details(self, row: RowResult) -> list[CellValue]:
        first = row.first
        reply = first.answer if self.replies_are_answers and first.reply is None else first.reply
        values: list[CellValue] = [first.account, first.call_id, first.reused, reply]
        if self.reviewed:
            at = moment(row.review.reviewed_at) if row.review else None
            values += [row.model_answer, at.isoformat(timespec="seconds") if at else None]
        return values


async def write_results(
    reading: Reading,
    parts: Sequence[Batch],
    path: Path,
    on_progress: OnProgress | None = None,
    *,
    details: bool = False,
) -> int:
    """Writes the results of a batch and its parts so far; returns the number of rows.

    Raises:
        OutputError: The file cannot be written; an existing one is unchanged.
    """
    batch, written = parts[0], 0
    added, columns = AddedColumns.of(parts, details=details), orjson.loads(batch.columns_json)
    jobfile, source = JobFile.from_json(batch.job_json), to_path(batch.input)
    names = jobfile.output.names(added.names, columns)
    vectors = jobfile.job.traits.answers is Answers.VECTOR
    opening = open_output(
        path, columns, names, vectors=vectors, source=source, mark=jobfile.output.bom
    )
    async with opened_in_thread(opening) as output:
        async for page in results(reading, parts):
            await in_thread_to_its_end(_write_page, output, page, added)
            written += len(page)
            if on_progress:
                on_progress(written, batch.rows_loaded)
    return written


def _write_page(output: OutputWriter, page: Sequence[RowResult], added: AddedColumns) -> None:
    for row in page:
        output.write(row.first.payload, added.values(row))

"""Exports rows for review to a file, and imports the answers from it.

The file has a line for each row: its number, its columns, the models' answers, the reasons for a
review, and an empty column for the answer. Rows whose answer is left empty stay open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from runner import column_names, exact_json, files
from runner.app.reviews.reviewing import Question, Reviewing
from runner.errors import InputError
from runner.jobfile import Invalid, read_answer, read_value
from runner.jobfile.output_spec import OutputSpec
from runner.language import _
from runner.store.batches import Batch

ROW, ANSWER = "row", "answer"
COLUMNS = (ROW, ANSWER, "model_answer", "votes", "reasons")
MOST_TOLD = 5


@dataclass(frozen=True, slots=True)
class Imported:
    """The result of an import: numbers of rows recorded, unchanged, and without an answer."""

    recorded: int
    unchanged: int
    empty: int


def columns_of(batch: Batch) -> tuple[str, ...]:
    """Returns the names of `COLUMNS` in the file; they differ if the dataset has such columns."""
    return OutputSpec().names(COLUMNS, orjson.loads(batch.columns_json))


async def write_rows(reviewing: Reviewing, numbers: Sequence[int], path: Path) -> int:
    """Writes the rows with these numbers; returns their number.

    Raises:
        OutputError: The file cannot be written; an existing one is unchanged.
    """
    row_column, *added = columns_of(reviewing.batch)
    columns = [row_column, *orjson.loads(reviewing.batch.columns_json)]
    with files.open_output(path, columns, added) as output:
        for number in numbers:
            question = await reviewing.question(number)
            members = question.row.strip()[1:].strip()
            comma = "" if members == "}" else ","
            name = orjson.dumps(row_column).decode()
            output.write(f"{{{name}:{number}{comma}{members}", _values(question))
    return len(numbers)


def _values(question: Question) -> list[files.CellValue]:
    votes = [
        f"{opinion.answer if opinion.answer is not None else '-'}: {opinion.votes}"
        for opinion in question.opinions
    ]
    given = None if question.review is None else question.review.answer
    suggested = question.opinions[0].answer
    return [given, suggested, "; ".join(votes), ", ".join(question.reasons)]


async def read_answers(reviewing: Reviewing, path: Path) -> Imported:
    """Stores the answers in a file: all of them, or none if one is invalid.

    Raises:
        InputError: The file cannot be read, or one of its answers is invalid.
        NotFoundError: The batch was deleted.
    """
    names = columns_of(reviewing.batch)
    dataset = files.check(path, required=frozenset(names[:2]))
    answers, empty = _Answers(reviewing, path), 0
    for text in files.read_rows(dataset):
        row = exact_json.loads(text)
        number, value = (column_names.value_of(row, name) for name in names[:2])
        if value is None or (isinstance(value, str) and not value.strip()):
            empty += 1
        else:
            answers.add(number, value)
    recorded = await reviewing.record_all(answers.valid())
    return Imported(recorded, len(answers.by_row) - recorded, empty)


class _Answers:
    """The answers in a file by row number; errors are collected."""

    def __init__(self, reviewing: Reviewing, path: Path) -> None:
        self.by_row: dict[int, str] = {}
        self._wrong: list[str] = []
        self._reviewing = reviewing
        self._path = path

    def add(self, row: Any, value: Any) -> None:
        """Parses one answer."""
        number = _number(row)
        if number is None or not 1 <= number <= self._reviewing.batch.rows_loaded:
            self._wrong.append(_("there is no row {row!r}").format(row=str(row)[:20]))
            return
        spec = self._reviewing.spec
        parsed = read_answer(spec, value) if isinstance(value, str) else read_value(spec, value)
        if isinstance(parsed, Invalid):
            error = _("row {number}: {reason}").format(number=number, reason=parsed.reason)
            self._wrong.append(error)
        elif self.by_row.setdefault(number, parsed.value) != parsed.value:
            error = _("row {number}: there are two answers to it").format(number=number)
            self._wrong.append(error)

    def valid(self) -> dict[int, str]:
        """Returns all answers.

        Raises:
            InputError: One is invalid.
        """
        if self._wrong:
            more = len(self._wrong) - MOST_TOLD
            rest = _("; and {more:,} more").format(more=more) if more > 0 else ""
            shown = "; ".join(self._wrong[:MOST_TOLD])
            what = _("nothing is stored: {told}{rest}").format(told=shown, rest=rest)
            remedy = _("correct them in the file, and import it again")
            raise InputError(what, where=str(self._path), remedy=remedy)
        return self.by_row


def _number(value: Any) -> int | None:
    try:
        return int(str(value))
    except ValueError:
        return None

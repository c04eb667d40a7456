"""Rows to look at, written to a file for people who label elsewhere; and what they answer, read.

The file has a line for each row: its number, its columns, what the models have answered and why
somebody should look at it, and an empty column for the answer. What is left empty stays open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from runner import column_names, exact_json, files
from runner.app.reviewing import Question, Reviewing
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
    """What a file of answers came to: rows recorded, unchanged, and without an answer."""

    recorded: int
    unchanged: int
    empty: int


def columns_of(batch: Batch) -> tuple[str, ...]:
    """What `COLUMNS` are called beside the columns of the dataset."""
    return OutputSpec().names(COLUMNS, orjson.loads(batch.columns_json))


async def write_rows(reviewing: Reviewing, numbers: Sequence[int], path: Path) -> int:
    """Write the rows with these numbers; how many there were.

    Raises:
        OutputError: The file cannot be written; an older one is left as it was.
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


def _values(found: Question) -> list[files.CellValue]:
    votes = [
        f"{one.answer if one.answer is not None else '-'}: {one.votes}" for one in found.opinions
    ]
    given = None if found.review is None else found.review.answer
    suggested = found.opinions[0].answer
    return [given, suggested, "; ".join(votes), ", ".join(found.reasons)]


async def read_answers(reviewing: Reviewing, path: Path) -> Imported:
    """Store the answers in a file: all of them, or none if one is not valid.

    Raises:
        InputError: The file cannot be read, or one of its answers is not valid.
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
    return Imported(recorded, len(answers.found) - recorded, empty)


class _Answers:
    """The answers in a file, by the number of their row; those that are not valid are told."""

    def __init__(self, reviewing: Reviewing, path: Path) -> None:
        self.found: dict[int, str] = {}
        self._wrong: list[str] = []
        self._reviewing = reviewing
        self._path = path

    def add(self, row: Any, value: Any) -> None:
        """Read one of them."""
        number = _number(row)
        if number is None or not 1 <= number <= self._reviewing.batch.rows_loaded:
            self._wrong.append(_("there is no row {row!r}").format(row=str(row)[:20]))
            return
        spec = self._reviewing.spec
        found = read_answer(spec, value) if isinstance(value, str) else read_value(spec, value)
        if isinstance(found, Invalid):
            told = _("row {number}: {reason}").format(number=number, reason=found.reason)
            self._wrong.append(told)
        elif self.found.setdefault(number, found.value) != found.value:
            told = _("row {number}: there are two answers to it").format(number=number)
            self._wrong.append(told)

    def valid(self) -> dict[int, str]:
        """All of them.

        Raises:
            InputError: One is not valid.
        """
        if self._wrong:
            more = len(self._wrong) - MOST_TOLD
            rest = _("; and {more:,} more").format(more=more) if more > 0 else ""
            told = "; ".join(self._wrong[:MOST_TOLD])
            what = _("nothing is stored: {told}{rest}").format(told=told, rest=rest)
            remedy = _("correct them in the file, and import it again")
            raise InputError(what, where=str(self._path), remedy=remedy)
        return self.found


def _number(value: Any) -> int | None:
    try:
        return int(str(value))
    except ValueError:
        return None

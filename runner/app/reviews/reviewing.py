"""Reviews: a person answers rows of a batch; questions, valid answers, and undo.

Their answers are stored beside those of the models and take precedence.
"""

from __future__ import annotations

import getpass
import math
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.app.results.rows import RowReader, RowResult, voters
from runner.clock import Clock
from runner.core.review import Reason
from runner.errors import ConfigError, InputError, NotFoundError
from runner.jobfile import AnswerSpec, Invalid, JobFile, read_answer
from runner.jobfile.kinds import Answers
from runner.language import _
from runner.store import batch_rows, batches, reviews
from runner.store.batches import Batch
from runner.store.database import Database
from runner.store.opening import open_database
from runner.store.reviews import NewReview, Review

Opened = Callable[[], AbstractAsyncContextManager[Database]]

LONGEST_NAME = 64
# The keys for answers, in the order of assignment; other letters are commands.
KEYS = "123456789abcdfghijklmnoprtwxyz"
_MOST_DIGIT = 9


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer that has a key."""

    key: str
    answer: str


@dataclass(frozen=True, slots=True)
class Opinion:
    """An answer, its votes, and the models that gave it; None stands for no answer."""

    answer: str | None
    votes: int
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """A row to review.

    Attributes:
        number: The row number, from 1.
        row: Its columns, as JSON.
        reasons: Why it needs, or needed, a review.
        opinions: The models' answers, the one with most votes first.
        suggested: The answer in effect.
        error: Why there is no answer.
        alone: The answer of the check, which asked the row alone.
        right: The known right answer, if any.
        review: The review in effect, if any.
    """

    number: int
    row: str
    reasons: tuple[Reason, ...]
    opinions: tuple[Opinion, ...]
    suggested: str | None = None
    error: str | None = None
    alone: str | None = None
    right: str | None = None
    review: Review | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """The rows for which an answer was stored, and the review that it replaced."""

    numbers: tuple[int, ...]
    before: Review | None = None


@asynccontextmanager
async def reopened(path: Path) -> AsyncIterator[Database]:
    """Reopens a database.

    Raises:
        NotFoundError: The file does not exist any more.
    """
    if not await anyio.Path(path).exists():
        raise NotFoundError(_("the database was moved or deleted meanwhile"), where=str(path))
    async with open_database(path) as database:
        yield database


def reviewer_named(name: str | None) -> str:
    """Returns the reviewer's name: the given one, or the system user's.

    Raises:
        ConfigError: The name is empty or too long.
    """
    if name is None:
        try:
            name = getpass.getuser()
        except (OSError, KeyError, ImportError):  # a container without users
            name = "unknown"
    cleaned = " ".join(name.split())
    if not 0 < len(cleaned) <= LONGEST_NAME:
        what = _("a reviewer's name has 1 to {most} characters").format(most=LONGEST_NAME)
        raise ConfigError(what, where="--as", remedy=_("name yourself: --as ann"))
    return cleaned


def choices_of(spec: AnswerSpec) -> tuple[Choice, ...]:
    """Returns the answers that have a key: the first labels, or small whole numbers."""
    if spec.kind in ("label", "labels"):
        return tuple(Choice(*pair) for pair in zip(KEYS, spec.labels, strict=False))
    if spec.kind == "number" and spec.integer and spec.min is not None and spec.max is not None:
        least, most = math.ceil(spec.min), math.floor(spec.max)
        if 0 <= least <= most <= _MOST_DIGIT:
            return tuple(Choice(str(n), str(n)) for n in range(least, most + 1))
    return ()


def answer_of(spec: AnswerSpec, text: str) -> str:
    """Returns the answer in `text` as it is recorded.

    Raises:
        InputError: `text` is not a valid answer.
    """
    parsed = read_answer(spec, text)
    if isinstance(parsed, Invalid):
        raise InputError(_invalid_message(parsed), remedy=_remedy(spec))
    return parsed.value


def _invalid_message(found: Invalid) -> str:
    """Returns the error message for an invalid answer of a reviewer."""
    return _("this is not a valid answer: {reason}").format(reason=found.reason)


def _remedy(spec: AnswerSpec) -> str | None:
    return _("one of: {labels}").format(labels=", ".join(spec.labels)) if spec.labels else None


def require_answers(batch: Batch) -> JobFile:
    """Returns the job file of a batch whose rows can be reviewed.

    Raises:
        ConfigError: Its answers are images, embeddings, or replies to whole requests.
    """
    jobfile = JobFile.from_json(batch.job_json)
    if jobfile.job.traits.answers is not Answers.TEXT:
        what = _('batch {number} is of kind "{kind}"').format(
            number=batch.id, kind=jobfile.job.kind
        )
        remedy = _('only answers of kind "chat" can be reviewed')
        raise ConfigError(what, where=batch.name, remedy=remedy)
    return jobfile


class Reviewing:
    """One person's review of one batch, which is given with its parts.

    `opened` opens the database for each step, because hours may pass between two steps.
    """

    def __init__(self, opened: Opened, clock: Clock, parts: Sequence[Batch], reviewer: str) -> None:
        self.batch = parts[0]
        self.spec = require_answers(self.batch).answer
        self.reviewer = reviewer
        self.choices = choices_of(self.spec)
        self._ids = [part.id for part in parts]
        self._opened = opened
        self._clock = clock

    async def question(self, number: int) -> Question:
        """Returns a row to review, in its present state.

        Raises:
            NotFoundError: There is no such row, or the batch was deleted.
            InputError: The row is not finished.
        """
        async with self._opened() as database, database.read() as connection:
            return _question(await self._row(connection, number))

    async def record(self, number: int, text: str) -> Recorded:
        """Stores an answer to a row, and to all rows with the same request.

        Raises:
            NotFoundError: There is no such row, or the batch was deleted.
            InputError: The answer is invalid, or the row is not finished.
        """
        answer = answer_of(self.spec, text)
        async with self._opened() as database, database.write() as connection:
            row = await self._row(connection, number)
            own, before = row.first.job_id, row.review
            alike = await reviews.alike_jobs(connection, own)
            # The shown row is last, so that undo returns it first.
            alike.sort(key=lambda job_id: job_id == own)
            given = [NewReview(job_id, answer, self.reviewer) for job_id in alike]
            await reviews.record(connection, self.batch, given, self._clock.now())
        return Recorded(tuple(self._numbers(sorted(alike))), before)

    async def record_all(self, answers: Mapping[int, str]) -> int:
        """Stores valid answers by row number; returns how many differ from this reviewer's.

        Raises:
            NotFoundError: The batch was deleted.
            InputError: A row is not finished; then none is stored.
        """
        async with self._opened() as database, database.write() as connection:
            whole, *others = await self._read_parts(connection)
            first = whole.first_job
            for part in voters([whole, *others]):
                await _require_ended(connection, part, answers)
            known = await reviews.standing(connection, first, whole.last_job)
            given = [
                NewReview(first + number - 1, answer, self.reviewer)
                for number, answer in sorted(answers.items())
            ]
            new = [review for review in given if not _is_known(review, known.get(review.job_id))]
            await reviews.record(connection, whole, new, self._clock.now())
        return len(new)

    async def take_back(self) -> list[int]:
        """Undoes the reviewer's last answer; returns the numbers of its rows.

        Raises:
            NotFoundError: The batch was deleted.
        """
        async with self._opened() as database, database.write() as connection:
            await self._read_parts(connection)
            latest = await reviews.latest_of(connection, self.batch, self.reviewer)
            if latest is None:
                return []
            taken = await reviews.take_back(connection, latest, self._clock.now())
        first = latest.job_id
        return self._numbers(sorted(taken, key=lambda job_id: job_id != first))

    def _numbers(self, job_ids: Sequence[int]) -> list[int]:
        return [job_id - self.batch.first_job + 1 for job_id in job_ids]

    async def _row(self, connection: AsyncConnection, number: int) -> RowResult:
        parts = await self._read_parts(connection)
        whole = parts[0]
        if not 1 <= number <= whole.rows_loaded:
            what = _("batch {batch} has no row {row}").format(batch=whole.id, row=number)
            raise NotFoundError(
                what, remedy=_("its rows are 1 to {rows}").format(rows=whole.rows_loaded)
            )
        (row,) = await RowReader.of(parts).page(connection, number - 1, 1)
        if row.open and row.review is None:
            what = _("row {number} has no answer yet").format(number=number)
            where = _("batch {number}").format(number=whole.id)
            raise InputError(what, where=where, remedy=_("run the batch first"))
        return row

    async def _read_parts(self, connection: AsyncConnection) -> list[Batch]:
        parts = await batches.parts_of(connection, self.batch.id)
        if [part.id for part in parts] != self._ids:
            what = _("batch {number} was deleted meanwhile").format(number=self.batch.id)
            raise NotFoundError(what)
        return parts


async def _require_ended(
    connection: AsyncConnection, part: Batch, numbers: Collection[int]
) -> None:
    """Checks that rows are finished in a voting part of a batch.

    Raises:
        InputError: One is not finished.
    """
    ended = await batch_rows.ended(connection, part.first_job, part.last_job, part.rows)
    missing = set(numbers) - {job_id - part.first_job + 1 for job_id in ended}
    if missing:
        what = _("row {number} has no answer yet").format(number=min(missing))
        raise InputError(what, remedy=_("run the batch first; nothing is stored"))


def _is_known(new: NewReview, known: Review | None) -> bool:
    return known is not None and (known.answer, known.reviewer) == (new.answer, new.reviewer)


def _question(row: RowResult) -> Question:
    models: dict[str | None, list[str]] = defaultdict(list)
    for vote_row in row.votes:
        models[vote_row.answer].append(vote_row.model or "")
    opinions = [
        Opinion(answer, len(given), tuple(dict.fromkeys(filter(None, given))))
        for answer, given in models.items()
    ]
    return Question(
        number=row.number,
        row=row.first.payload,
        reasons=row.review_reasons,
        opinions=tuple(sorted(opinions, key=lambda each: (each.answer is None, -each.votes))),
        suggested=row.answer,
        error=row.error,
        alone=row.alone,
        right=row.right,
        review=row.review,
    )

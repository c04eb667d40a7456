"""A person looks at rows and answers them: what is asked, which answers are valid, and undo.

Their answers are stored beside those of the models, and count before them.
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

from runner.app.rows import RowReader, RowResult, voters
from runner.clock import Clock
from runner.core.review import Reason
from runner.errors import ConfigError, InputError, NotFoundError
from runner.jobfile import AnswerSpec, Invalid, JobFile, read_answer
from runner.language import _
from runner.store import batch_rows, batches, reviews
from runner.store.batches import Batch
from runner.store.database import Database
from runner.store.opening import open_database
from runner.store.reviews import NewReview, Review

Opened = Callable[[], AbstractAsyncContextManager[Database]]

LONGEST_NAME = 64
# The keys for answers, in the order in which they are given out; other letters are commands.
KEYS = "123456789abcdfghijklmnoprtwxyz"
_MOST_DIGIT = 9


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer that can be given with a key."""

    key: str
    answer: str


@dataclass(frozen=True, slots=True)
class Opinion:
    """An answer, how many votes it has, and the models that gave it; None: no answer."""

    answer: str | None
    votes: int
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """A row for a person to look at.

    Attributes:
        number: Which row it is, from 1.
        row: Its columns, as JSON.
        reasons: Why somebody should look at it, or should have.
        opinions: What the models have answered, the answer with most votes first.
        suggested: The answer that counts now.
        error: Why there is none.
        alone: What it was answered when it was asked alone, too.
        right: The right answer, where it is known.
        review: What somebody has answered to it.
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
    """The numbers of the rows that an answer was stored for, and the review from before it."""

    numbers: tuple[int, ...]
    before: Review | None = None


@asynccontextmanager
async def reopened(path: Path) -> AsyncIterator[Database]:
    """Open a database that was open before.

    Raises:
        NotFoundError: It is not there any more.
    """
    if not await anyio.Path(path).exists():
        raise NotFoundError(_("the database was moved or deleted meanwhile"), where=str(path))
    async with open_database(path) as database:
        yield database


def reviewer_named(name: str | None) -> str:
    """Who reviews: the name that was given, or that of the system's user.

    Raises:
        ConfigError: It cannot be a name.
    """
    if name is None:
        try:
            name = getpass.getuser()
        except (OSError, KeyError, ImportError):  # a container without users
            name = "unknown"
    found = " ".join(name.split())
    if not 0 < len(found) <= LONGEST_NAME:
        what = _("a reviewer's name has 1 to {most} characters").format(most=LONGEST_NAME)
        raise ConfigError(what, where="--as", remedy=_("name yourself: --as ann"))
    return found


def choices_of(spec: AnswerSpec) -> tuple[Choice, ...]:
    """Return the answers that have a key: the first labels, or small whole numbers."""
    if spec.kind in ("label", "labels"):
        return tuple(Choice(*pair) for pair in zip(KEYS, spec.labels, strict=False))
    if spec.kind == "number" and spec.integer and spec.min is not None and spec.max is not None:
        least, most = math.ceil(spec.min), math.floor(spec.max)
        if 0 <= least <= most <= _MOST_DIGIT:
            return tuple(Choice(str(n), str(n)) for n in range(least, most + 1))
    return ()


def answer_of(spec: AnswerSpec, text: str) -> str:
    """Return the answer in `text` as it is recorded.

    Raises:
        InputError: `text` is not a valid answer.
    """
    found = read_answer(spec, text)
    if isinstance(found, Invalid):
        raise InputError(_invalid_message(found), remedy=_remedy(spec))
    return found.value


def _invalid_message(found: Invalid) -> str:
    """Return why something that a person has written is not a valid answer."""
    return _("this is no valid answer: {reason}").format(reason=found.reason)


def _remedy(spec: AnswerSpec) -> str | None:
    return _("one of: {labels}").format(labels=", ".join(spec.labels)) if spec.labels else None


def require_answers(batch: Batch) -> JobFile:
    """The job file of a batch whose rows people can answer.

    Raises:
        ConfigError: It has images, embeddings, or whole requests.
    """
    jobfile = JobFile.from_json(batch.job_json)
    if jobfile.job.kind != "chat":
        what = _('batch {number} is of kind "{kind}"').format(
            number=batch.id, kind=jobfile.job.kind
        )
        remedy = _('only answers of kind "chat" can be reviewed')
        raise ConfigError(what, where=batch.name, remedy=remedy)
    return jobfile


class Reviewing:
    """One person's review of one batch, which is given with its parts.

    `opened` opens the database for each step: between two of them somebody thinks, maybe for hours.
    """

    def __init__(
        self, opened: Opened, clock: Clock, family: Sequence[Batch], reviewer: str
    ) -> None:
        self.batch = family[0]
        self.spec = require_answers(self.batch).answer
        self.reviewer = reviewer
        self.choices = choices_of(self.spec)
        self._ids = [part.id for part in family]
        self._opened = opened
        self._clock = clock

    async def question(self, number: int) -> Question:
        """A row, as it stands now.

        Raises:
            NotFoundError: There is no such row, or the batch was deleted.
            InputError: It has not ended.
        """
        async with self._opened() as database, database.read() as connection:
            return _question(await self._row(connection, number))

    async def record(self, number: int, text: str) -> Recorded:
        """Store an answer to a row, and to all that ask the same.

        Raises:
            NotFoundError: There is no such row, or the batch was deleted.
            InputError: The answer is not valid, or the row has not ended.
        """
        answer = answer_of(self.spec, text)
        async with self._opened() as database, database.write() as connection:
            row = await self._row(connection, number)
            own, before = row.first.job_id, row.review
            alike = await reviews.alike_jobs(connection, own)
            alike.sort(key=lambda job_id: job_id == own)  # the latest is the one that was shown
            given = [NewReview(job_id, answer, self.reviewer) for job_id in alike]
            await reviews.record(connection, self.batch, given, self._clock.now())
        return Recorded(tuple(self._numbers(sorted(alike))), before)

    async def record_all(self, answers: Mapping[int, str]) -> int:
        """Store valid answers by the numbers of their rows; how many this person has not given yet.

        Raises:
            NotFoundError: The batch was deleted.
            InputError: A row has not ended; then none is stored.
        """
        async with self._opened() as database, database.write() as connection:
            whole, *others = await self._family(connection)
            first = whole.first_job
            for part in voters([whole, *others]):
                await _require_ended(connection, part, answers)
            known = await reviews.standing(connection, first, whole.last_job)
            given = [
                NewReview(first + number - 1, answer, self.reviewer)
                for number, answer in sorted(answers.items())
            ]
            new = [one for one in given if not _is_known(one, known.get(one.job_id))]
            await reviews.record(connection, whole, new, self._clock.now())
        return len(new)

    async def take_back(self) -> list[int]:
        """Take back the last answer that this person has given; the numbers of its rows.

        Raises:
            NotFoundError: The batch was deleted.
        """
        async with self._opened() as database, database.write() as connection:
            await self._family(connection)
            latest = await reviews.latest_of(connection, self.batch, self.reviewer)
            if latest is None:
                return []
            taken = await reviews.take_back(connection, latest, self._clock.now())
        first = latest.job_id
        return self._numbers(sorted(taken, key=lambda job_id: job_id != first))

    def _numbers(self, job_ids: Sequence[int]) -> list[int]:
        return [job_id - self.batch.first_job + 1 for job_id in job_ids]

    async def _row(self, connection: AsyncConnection, number: int) -> RowResult:
        family = await self._family(connection)
        whole = family[0]
        if not 1 <= number <= whole.rows_loaded:
            what = _("batch {batch} has no row {row}").format(batch=whole.id, row=number)
            raise NotFoundError(
                what, remedy=_("its rows are 1 to {rows}").format(rows=whole.rows_loaded)
            )
        (row,) = await RowReader.of(family).page(connection, number - 1, 1)
        if row.open and row.review is None:
            what = _("row {number} has no answer yet").format(number=number)
            where = _("batch {number}").format(number=whole.id)
            raise InputError(what, where=where, remedy=_("run the batch first"))
        return row

    async def _family(self, connection: AsyncConnection) -> list[Batch]:
        found = await batches.parts_of(connection, self.batch.id)
        if [part.id for part in found] != self._ids:
            what = _("batch {number} was deleted meanwhile").format(number=self.batch.id)
            raise NotFoundError(what)
        return found


async def _require_ended(
    connection: AsyncConnection, part: Batch, numbers: Collection[int]
) -> None:
    """Check that rows have ended in a part of a batch that votes.

    Raises:
        InputError: One has not.
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
    for one in row.votes:
        models[one.answer].append(one.model or "")
    opinions = [
        Opinion(answer, len(given), tuple(dict.fromkeys(filter(None, given))))
        for answer, given in models.items()
    ]
    return Question(
        number=row.number,
        row=row.first.payload,
        reasons=row.doubts,
        opinions=tuple(sorted(opinions, key=lambda one: (one.answer is None, -one.votes))),
        suggested=row.answer,
        error=row.error,
        alone=row.alone,
        right=row.right,
        review=row.review,
    )

"""The complete history of one row: its prompt, every call, every reply, and the result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from runner import exact_json
from runner.app.results.rows import Reading
from runner.errors import JobFileError, NotFoundError
from runner.jobfile import JobFile, Prompt
from runner.jobfile.kinds import Asks
from runner.language import _
from runner.store import batches, jobs, reviews, stories
from runner.store.batches import Batch
from runner.store.reviews import Review
from runner.store.stories import JobStory


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """The origin of an answer that was taken over from another batch.

    Attributes:
        batch_id: The id of the other batch.
        name: Its name; None if it was deleted.
        prompt: Its prompt, if that differs from this batch's; empty if unknown.
        same: Whether it asked the same.
    """

    batch_id: int
    name: str | None
    prompt: tuple[tuple[str, str], ...]
    same: bool


@dataclass(frozen=True, slots=True)
class RowStory:
    """The history of one row of a batch.

    Attributes:
        batch: The batch.
        number: The row number, from 1.
        row: Its columns, as JSON.
        prompt: The messages of its prompt, each with its role; empty if the row is a whole
            request, or its prompt cannot be rendered.
        parts: The history of its job in each part, with the part's name ("" for the batch itself).
        reviews: Its reviews, oldest first; the last one that was not undone is in effect.
        kept: The origins of answers taken over from other batches, by the part's name.
    """

    batch: Batch
    number: int
    row: str
    prompt: tuple[tuple[str, str], ...]
    parts: tuple[tuple[str, JobStory], ...]
    reviews: tuple[Review, ...] = ()
    kept: Mapping[str, KeptAnswer] = field(default_factory=dict)

    @property
    def is_asked_here(self) -> bool:
        """Whether any of its answers belongs to the prompt of this batch."""
        kept = [self.kept.get(part) for part, _job in self.parts]
        return not kept or any(origin is None or origin.same for origin in kept)


async def story(reading: Reading, parts: Sequence[Batch], number: int) -> RowStory:
    """Returns everything recorded about row `number` (from 1).

    Raises:
        NotFoundError: There is no such row.
    """
    whole = parts[0]
    if not 1 <= number <= whole.rows_loaded:
        what = _("batch {id} has no row {number}").format(id=whole.id, number=number)
        raise NotFoundError(
            what, remedy=_("its rows are 1 to {last}").format(last=whole.rows_loaded)
        )
    row_id, found, kept = whole.first_row + number - 1, [], {}
    async with reading() as connection:
        body = (await jobs.read_bodies(connection, [row_id]))[row_id]
        for part in parts:
            job_id, apart = divmod(number - 1, part.row_step)
            if apart:
                continue
            job = await stories.story_of(connection, part.id, part.first_job + job_id)
            if job is not None:
                found.append((part.part, job))
            if job is not None and job.asked_in not in (None, *(part.id for part in parts)):
                kept[part.part] = await _origin_of(connection, job, body)
        history = await reviews.history(connection, whole.first_job + number - 1)
    prompt = _prompt(whole, body)
    return RowStory(whole, number, body, prompt, tuple(found), tuple(history), kept)


async def _origin_of(connection: AsyncConnection, job: JobStory, body: str) -> KeptAnswer:
    """Returns the batch in which the answer of `job` was asked for, with its prompt for the row."""
    origin = job.asked_in or 0
    batch = await batches.get_batch(connection, origin)
    if batch is None:
        return KeptAnswer(origin, None, (), job.asks_the_same)
    prompt = () if job.asks_the_same else _prompt(batch, body)
    return KeptAnswer(batch.part_of or batch.id, batch.name, prompt, job.asks_the_same)


def _prompt(batch: Batch, body: str) -> tuple[tuple[str, str], ...]:
    jobfile = JobFile.from_json(batch.job_json)
    values, prompt = exact_json.loads(body), Prompt(jobfile)
    try:
        match jobfile.job.traits.asks:
            case Asks.REQUEST:
                return ()
            case Asks.MESSAGES:
                return tuple((m["role"], _text(m["content"])) for m in prompt.messages(values))
            case Asks.TEXT:
                return (("text", prompt.text(values)),)
    except JobFileError:
        return ()


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    return exact_json.dumps(content).decode()

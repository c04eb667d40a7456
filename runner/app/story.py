"""The whole story of one row: what was asked, every call, every reply, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from runner import exact_json
from runner.app.rows import Reading
from runner.errors import JobFileError, NotFoundError
from runner.jobfile import JobFile, Prompt
from runner.language import _
from runner.store import batches, jobs, reviews, stories
from runner.store.batches import Batch
from runner.store.reviews import Review
from runner.store.stories import JobStory


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """Where an answer was asked for that this batch has taken over.

    Attributes:
        batch_id: The batch.
        name: Its name; None: it was deleted.
        prompt: What it asked, where that is not what this batch asks; it may be unknown.
        same: Whether it asked the same.
    """

    batch_id: int
    name: str | None
    prompt: tuple[tuple[str, str], ...]
    same: bool


@dataclass(frozen=True, slots=True)
class RowStory:
    """One row of a batch.

    Attributes:
        batch: The batch.
        number: Which row it is, from 1.
        row: Its columns, as JSON.
        prompt: The messages that it is asked with, each with its role; empty where the row is a
            request itself, or its prompt cannot be made.
        parts: By the name of the part ("" for the batch itself), the story of its job.
        reviews: What people have answered, the first one first; the last that stands counts.
        kept: By the name of the part, where its answer comes from, if from another batch.
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
        """Whether any of its answers was asked for, or is, with the prompt of this batch."""
        kept = [self.kept.get(part) for part, _job in self.parts]
        return not kept or any(one is None or one.same for one in kept)


async def story(reading: Reading, family: Sequence[Batch], number: int) -> RowStory:
    """All that is known of row `number` (from 1).

    Raises:
        NotFoundError: There is no such row.
    """
    whole = family[0]
    if not 1 <= number <= whole.rows_loaded:
        what = _("batch {id} has no row {number}").format(id=whole.id, number=number)
        raise NotFoundError(
            what, remedy=_("its rows are 1 to {last}").format(last=whole.rows_loaded)
        )
    row_id, found, kept = whole.first_row + number - 1, [], {}
    async with reading() as connection:
        body = (await jobs.read_bodies(connection, [row_id]))[row_id]
        for part in family:
            job_id, apart = divmod(number - 1, part.row_step)
            if apart:
                continue
            one = await stories.story_of(connection, part.id, part.first_job + job_id)
            if one is not None:
                found.append((part.part, one))
            if one is not None and one.asked_in not in (None, *(part.id for part in family)):
                kept[part.part] = await _kept(connection, one, body)
        said = await reviews.history(connection, whole.first_job + number - 1)
    prompt = _prompt(whole, body)
    return RowStory(whole, number, body, prompt, tuple(found), tuple(said), kept)


async def _kept(connection: AsyncConnection, job: JobStory, body: str) -> KeptAnswer:
    """Where the answer of `job` was asked for, and with which prompt about the same row."""
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
        match jobfile.job.kind:
            case "request":
                return ()
            case "chat":
                return tuple((m["role"], _text(m["content"])) for m in prompt.messages(values))
            case _:
                return (("text", prompt.text(values)),)
    except JobFileError:
        return ()


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    return exact_json.dumps(content).decode()

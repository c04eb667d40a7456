"""Queues a checked dataset as a batch and its parts.

Rows are read and fingerprinted once for all parts, in a thread, one chunk ahead of the one being
written, so neither reading nor writing waits for the other, nor a running engine for them. Each
chunk is one commit for all parts: an interrupted submission resumes where it stopped, and two
concurrent ones do not queue a row twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection

from runner.app.progress import OnProgress, unseen_progress
from runner.app.submitting.earlier_batches import recognise
from runner.app.submitting.images import check_folder, with_image_folder
from runner.app.submitting.parts import Fingerprints, Part, request_keys
from runner.app.submitting.reuse_policy import DEFAULT_REUSE, ReusePolicy
from runner.app.submitting.submission import Submission
from runner.core.states import BatchState
from runner.errors import NotFoundError
from runner.files.input_source import InputSource
from runner.language import _
from runner.store import batch_updates, batches, enqueue, retries, reuse, reviews
from runner.store.batches import Batch, NewBatch
from runner.store.database import Database
from runner.threads import both, in_thread

# The approximate number of rows and bytes in one commit. Fingerprints are random, so a commit
# touches pages all over their index; larger commits write each page less often.
CHUNK = 10_000
CHUNK_BYTES = 6_000_000


@dataclass(frozen=True, slots=True)
class Queued:
    """A queued batch.

    Attributes:
        batch: The batch after it was queued.
        created: Whether it was created now.
        replaces: The batch that it replaces, if any.
        retried: The number of its failed rows that were queued again.
    """

    batch: Batch
    created: bool
    replaces: Batch | None = None
    retried: int = 0


@dataclass(frozen=True, slots=True)
class _Loading:
    """The progress of queueing one part; `adopts` is the old part whose answers it takes over."""

    part: Part
    batch: Batch
    adopts: Batch | None = None

    @property
    def next_row(self) -> int:
        """The number in the dataset of the first row that is not queued yet."""
        return self.batch.rows_loaded * self.part.stride

    @property
    def is_complete(self) -> bool:
        """Whether all rows of the part are queued."""
        return self.batch.rows_loaded >= self.batch.rows


@dataclass(frozen=True, slots=True)
class _Begun:
    """A batch whose rows are to be queued; `replaces` is the batch that it replaces, if any."""

    batch: Batch
    created: bool
    replaces: Batch | None
    loadings: Sequence[_Loading]


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Consecutive rows.

    Attributes:
        start: The number in the dataset of the first row.
        bodies: The rows, as JSON objects.
        asked: For each part, the fingerprints of those of the rows that belong to it.
    """

    start: int
    bodies: Sequence[str]
    asked: Sequence[Sequence[bytes]]


async def submit(
    database: Database,
    submission: Submission,
    now: int,
    on_progress: OnProgress = unseen_progress,
    policy: ReusePolicy = DEFAULT_REUSE,
) -> Queued:
    """Queues every row of every part, or returns the batch if it is queued already.

    A batch that is new, incompletely queued, or replaced itself replaces the batch that it
    resembles.

    Args:
        database: The database.
        submission: The job file and the dataset.
        now: The current time (ms since the epoch).
        on_progress: Called with the number of rows queued so far and the total.
        policy: Which answers of earlier batches are reused.

    Raises:
        NotFoundError: Failed rows are to be retried, and there is no earlier batch.
        InputError: The dataset has changed since it was checked.
        OutputError: The folder of the images is not writable.
        StoreError: The database cannot be written; a later submission resumes.
    """
    submission = policy.apply(submission)
    await recognise(database, submission)
    check_folder(with_image_folder(submission.jobfile, submission.images_parent))
    async with database.write() as connection:
        begun = await _begin(connection, submission, now, policy)
    await _load_all(database, submission, begun.loadings, now, on_progress)
    async with database.write() as connection:
        return await _complete(connection, begun, policy)


async def _begin(
    connection: AsyncConnection, submission: Submission, now: int, policy: ReusePolicy
) -> _Begun:
    """Finds or creates the batch and its parts, and the batch that it replaces."""
    whole, *others = submission.parts
    known = await batches.find_batch(connection, submission.digest)
    suffix = await _fresh_number(connection, known, policy)
    new = submission.new_batch(whole, again=suffix)
    batch, created = await _find_or_create(connection, new, now)
    old = await _predecessor(connection, batch, submission, created=created)
    if policy.retry_failed and created and old is None:
        raise _nothing_to_retry(submission)
    adopted = await _parts_to_adopt(connection, old) if policy.retry_failed else {}
    loadings = [_Loading(whole, batch, adopted.get(""))]
    for part in others:
        new_part = submission.new_batch(part, batch, suffix)
        own, _ = await _find_or_create(connection, new_part, now)
        loadings.append(_Loading(part, own, adopted.get(part.name)))
    return _Begun(batch, created, old, loadings)


async def _complete(connection: AsyncConnection, begun: _Begun, policy: ReusePolicy) -> Queued:
    """Activates the batch, whose rows are queued, and retries its failed rows if it should."""
    batch, old = begun.batch, begun.replaces
    await _activate(connection, batch, old, by_row=policy.retry_failed)
    retried = 0
    if policy.retry_failed and old is None:
        retried = await retries.retry_parts(connection, batch.id)
    return Queued(await _reread(connection, batch), begun.created, old, retried)


async def find_or_create_whole(
    connection: AsyncConnection, submission: Submission, now: int
) -> Batch:
    """Returns the batch that `submit` queues a dataset for, without its parts."""
    batch, _ = await _find_or_create(connection, submission.new_batch(submission.parts[0]), now)
    return batch


async def _fresh_number(
    connection: AsyncConnection, known: Batch | None, policy: ReusePolicy
) -> str:
    """Returns the suffix of the digest that numbers the repetitions of a batch; "" for the first.

    With the policy `fresh` a new repetition starts, unless the last one is incomplete.
    """
    _, _, number = (known.digest if known else "").partition(batches.AGAIN)
    if not policy.fresh:
        return f"{batches.AGAIN}{number}" if number else ""
    if known and number and not all(p.done for p in await batches.parts_of(connection, known.id)):
        return f"{batches.AGAIN}{number}"
    return f"{batches.AGAIN}{int(number or 0) + 1}"


def _nothing_to_retry(submission: Submission) -> NotFoundError:
    what = _("no earlier batch of this job file and this input has failed rows")
    return NotFoundError(
        what, where=str(submission.dataset.path), remedy=_("leave out --retry-failed")
    )


async def _predecessor(
    connection: AsyncConnection, batch: Batch, submission: Submission, *, created: bool
) -> Batch | None:
    """Returns the batch to replace, if any; a batch queued earlier has replaced it already.

    It is the newest one of the same job file whose input this one covers.
    """
    if not (created or batch.state is BatchState.LOADING or batch.replaced_by is not None):
        return None
    source = submission.dataset.source
    for batch_id, text in await batches.inputs_of_job(connection, batch):
        if source.covers(InputSource.from_json(text)):
            return await batches.get_batch(connection, batch_id)
    return None


async def _parts_to_adopt(connection: AsyncConnection, old: Batch | None) -> dict[str, Batch]:
    """Returns the parts of the replaced batch by name; the batch itself is ""."""
    if old is None:
        return {}
    return {part.part: part for part in await batches.parts_of(connection, old.id)}


async def _find_or_create(
    connection: AsyncConnection, new: NewBatch, now: int
) -> tuple[Batch, bool]:
    known = await batches.find_batch(connection, new.digest)
    if known is None:
        return await batches.create_batch(connection, new, now), True
    # New limits and the like take effect; the requests are the same, because the digest is.
    await batch_updates.set_job(connection, known, new)
    return await batches.get_batch(connection, known.id) or known, False


async def _activate(
    connection: AsyncConnection, batch: Batch, old: Batch | None, *, by_row: bool
) -> None:
    """Activates the batch and its parts, whose rows are all queued, and replaces `old`."""
    for part in await batches.parts_of(connection, batch.id):
        if part.state is BatchState.LOADING or part.replaced_by is not None:
            await batch_updates.set_batch_state(connection, part.id, BatchState.ACTIVE)
    if old is not None:
        await batch_updates.replace_batch(connection, old, batch)
        await reviews.carry_over(connection, old, batch, by_row=by_row)


async def _load_all(
    database: Database,
    submission: Submission,
    loadings: Sequence[_Loading],
    now: int,
    on_progress: OnProgress,
) -> None:
    """Queues the missing rows, even if another process queues some of them meanwhile."""
    while incomplete := [loading.next_row for loading in loadings if not loading.is_complete]:
        chunks = _chunks(submission, [loading.part for loading in loadings], min(incomplete))
        loadings = await _load(database, chunks, loadings, now, on_progress)


async def _load(
    database: Database,
    chunks: Iterator[_Chunk],
    loadings: Sequence[_Loading],
    now: int,
    on_progress: OnProgress,
) -> Sequence[_Loading]:
    """Queues chunks until another process has queued rows; returns the state of the parts."""
    read = partial(in_thread, next, chunks, None)
    chunk = await read()
    while chunk is not None:
        write = partial(_write, database, chunk, loadings, now)
        (loadings, is_ours), chunk = await both(write, read)
        on_progress(loadings[0].batch.rows_loaded, loadings[0].batch.rows)
        if not is_ours:
            break
    return loadings


async def _write(
    database: Database, chunk: _Chunk, loadings: Sequence[_Loading], now: int
) -> tuple[Sequence[_Loading], bool]:
    """Queues one chunk, unless another process has queued rows; returns the parts and if it did."""
    async with database.write() as connection:
        current = [
            replace(loading, batch=await _reread(connection, loading.batch)) for loading in loadings
        ]
        if [loading.next_row for loading in current] != [loading.next_row for loading in loadings]:
            return current, False
        added = [
            await _add(connection, loading, chunk, asked, now)
            for loading, asked in zip(current, chunk.asked, strict=True)
        ]
        return added, True


async def _add(
    connection: AsyncConnection, loading: _Loading, chunk: _Chunk, asked: Sequence[bytes], now: int
) -> _Loading:
    """Queues those rows of a chunk that belong to a part and that it lacks."""
    batch, part = loading.batch, loading.part
    known = max(0, batch.rows_loaded - -(-chunk.start // part.stride))
    asked = asked[known:]
    if not asked:
        return loading
    start = batch.rows_loaded
    if part.name:
        batch = await enqueue.add_jobs(connection, batch, start, len(asked), asked, now)
    else:
        bodies = chunk.bodies[known:]
        batch = await enqueue.enqueue(connection, batch, start, bodies, asked, now)
    if (old := loading.adopts) is not None:
        batch = await reuse.adopt_answers(connection, batch, old, start, len(asked), now)
    return replace(loading, batch=batch)


async def _reread(connection: AsyncConnection, batch: Batch) -> Batch:
    current = await batches.get_batch(connection, batch.id)
    if current is None:
        raise NotFoundError(
            _("batch {id} was deleted while its rows were queued").format(id=batch.id)
        )
    return current


def _chunks(submission: Submission, parts: Sequence[Part], start: int) -> Iterator[_Chunk]:
    """Yields the rows from number `start` on."""
    key_of = request_keys(submission.jobfile, submission.prompt, submission.folder).of
    prints = [(part.stride, Fingerprints(submission.jobfile, part)) for part in parts]
    for bodies in _in_chunks(submission.rows(start)):
        keys = list(map(key_of, bodies))
        asked = [list(map(own.of, keys[-start % step :: step])) for step, own in prints]
        yield _Chunk(start, bodies, asked)
        start += len(bodies)


def _in_chunks(rows: Iterator[str]) -> Iterator[list[str]]:
    """Yields the rows in groups that share a commit."""
    chunk: list[str] = []
    size = 0
    for row in rows:
        chunk.append(row)
        size += len(row)
        if len(chunk) == CHUNK or size > CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk

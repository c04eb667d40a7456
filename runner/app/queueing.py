"""A checked dataset goes into the queue, as a batch and its parts.

Its rows are read and fingerprinted once for all parts, in a thread, one chunk ahead of the one that
is written: so neither waits for the other, nor an engine at work for them. A chunk is one commit of
all parts: an interrupted submission goes on where it stopped, and two at once queue no row twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection

from runner.app.again import AS_USUAL, Again
from runner.app.images import check_folder, with_image_folder
from runner.app.parts import Fingerprints, Part, request_keys
from runner.app.submission import Checked, Progress, unseen_progress
from runner.core.states import BatchState
from runner.errors import NotFoundError
from runner.language import _
from runner.store import batch_updates, batches, enqueue, results, reuse, reviews
from runner.store.batches import Batch, NewBatch
from runner.store.database import Database
from runner.threads import both, in_thread

# Rows in one commit, and bytes, about. The index of what was asked is written to all over: the
# more rows share a commit, the fewer times each of its pages is.
CHUNK = 10_000
CHUNK_BYTES = 6_000_000


@dataclass(frozen=True, slots=True)
class Queued:
    """A batch that is queued.

    Attributes:
        batch: As it is then.
        created: Whether it is new.
        replaces: The batch that it replaces, if it does.
        retried: How many of its failed rows were queued again.
    """

    batch: Batch
    created: bool
    replaces: Batch | None = None
    retried: int = 0


@dataclass(frozen=True, slots=True)
class _Loading:
    """A part of a batch, as far as it is queued; `adopts`: the part whose answers it takes."""

    part: Part
    batch: Batch
    adopts: Batch | None = None

    @property
    def next_row(self) -> int:
        """The number in the dataset of the first row that is not queued."""
        return self.batch.rows_loaded * self.part.stride

    @property
    def is_complete(self) -> bool:
        """Whether all its rows are queued."""
        return self.batch.rows_loaded >= self.batch.rows


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Rows that follow each other.

    Attributes:
        start: The number in the dataset of the first.
        bodies: The rows, as JSON objects.
        asked: By part, the fingerprints of those of them that it is about.
    """

    start: int
    bodies: Sequence[str]
    asked: Sequence[Sequence[bytes]]


async def submit(
    database: Database,
    checked: Checked,
    now: int,
    on_progress: Progress = unseen_progress,
    again: Again = AS_USUAL,
) -> Queued:
    """Queue every row and every part, or find the batch that has them.

    A batch that is new, or is taken up again, replaces the one that it resembles.

    Args:
        database: Where to.
        checked: The dataset, and what is asked of it.
        now: The present moment (ms since the epoch).
        on_progress: Called with the rows queued and the rows in all.
        again: What is wanted of rows that were asked before.

    Raises:
        NotFoundError: Failed rows are to be asked again, and there is no earlier batch.
        InputError: The dataset has changed since it was checked.
        OutputError: The folder of the images takes no files.
        StoreError: The database cannot be written; what was queued stays, and is gone on from.
    """
    check_folder(with_image_folder(checked.jobfile, checked.beside))
    whole, *others = checked.parts
    async with database.write() as connection:
        known = await batches.find_batch(connection, checked.digest)
        suffix = await _fresh_number(connection, known, again)
        new = checked.new_batch(whole, again=suffix)
        batch, created = await _find_or_create(connection, new, now)
        old = await _predecessor(connection, batch, created=created)
        if again.retry_failed and created and old is None:
            raise _nothing_to_retry(checked)
        adopted = await _parts_to_adopt(connection, old) if again.retry_failed else {}
        loadings = [_Loading(whole, batch, adopted.get(""))]
        for part in others:
            one = checked.new_batch(part, batch, suffix)
            own, _ = await _find_or_create(connection, one, now)
            loadings.append(_Loading(part, own, adopted.get(part.name)))
    await _load_all(database, checked, loadings, now, on_progress)
    async with database.write() as connection:
        await _take_up(connection, batch, old, by_row=again.retry_failed)
        retried = 0
        if again.retry_failed and old is None:
            retried = await results.retry_family(connection, batch.id)
        return Queued(await _reread(connection, batch), created, old, retried)


async def find_or_create_whole(connection: AsyncConnection, checked: Checked, now: int) -> Batch:
    """The batch that `submit` queues the rows of a dataset for, without its parts."""
    batch, _ = await _find_or_create(connection, checked.new_batch(checked.parts[0]), now)
    return batch


async def _fresh_number(connection: AsyncConnection, known: Batch | None, again: Again) -> str:
    """What follows the digest: which time all of it is asked afresh, if any.

    One that was cut short is gone on with.
    """
    _, _, number = (known.digest if known else "").partition(batches.AGAIN)
    if not again.fresh:
        return f"{batches.AGAIN}{number}" if number else ""
    if known and number and not all(p.done for p in await batches.parts_of(connection, known.id)):
        return f"{batches.AGAIN}{number}"
    return f"{batches.AGAIN}{int(number or 0) + 1}"


def _nothing_to_retry(checked: Checked) -> NotFoundError:
    what = _("no earlier batch of this job file and this input has failed rows")
    return NotFoundError(
        what, where=str(checked.dataset.path), remedy=_("leave out --retry-failed")
    )


async def _predecessor(connection: AsyncConnection, batch: Batch, *, created: bool) -> Batch | None:
    """The batch that `batch` is to replace; one that was queued before has done so."""
    is_new = created or batch.state is BatchState.LOADING or batch.replaced_by is not None
    return await batches.find_predecessor(connection, batch) if is_new else None


async def _parts_to_adopt(connection: AsyncConnection, old: Batch | None) -> dict[str, Batch]:
    """The parts of the batch before, by their names; itself has none."""
    if old is None:
        return {}
    return {part.part: part for part in await batches.parts_of(connection, old.id)}


async def _find_or_create(
    connection: AsyncConnection, new: NewBatch, now: int
) -> tuple[Batch, bool]:
    found = await batches.find_batch(connection, new.digest)
    if found is None:
        return await batches.create_batch(connection, new, now), True
    # New limits and so on take effect; what is asked is the same by its digest.
    await batch_updates.set_job(connection, found, new)
    return await batches.get_batch(connection, found.id) or found, False


async def _take_up(
    connection: AsyncConnection, batch: Batch, old: Batch | None, *, by_row: bool
) -> None:
    """All rows of the batch and of its parts are queued: let them be asked, and `old` no more."""
    for one in await batches.parts_of(connection, batch.id):
        if one.state is BatchState.LOADING or one.replaced_by is not None:
            await batch_updates.set_batch_state(connection, one.id, BatchState.ACTIVE)
    if old is not None:
        await batch_updates.replace_batch(connection, old, batch)
        await reviews.carry_over(connection, old, batch, by_row=by_row)


async def _load_all(
    database: Database,
    checked: Checked,
    loadings: Sequence[_Loading],
    now: int,
    on_progress: Progress,
) -> None:
    """Queue what is not queued, whoever queues some of it meanwhile."""
    while incomplete := [one.next_row for one in loadings if not one.is_complete]:
        chunks = _chunks(checked, [one.part for one in loadings], min(incomplete))
        loadings = await _load(database, chunks, loadings, now, on_progress)


async def _load(
    database: Database,
    chunks: Iterator[_Chunk],
    loadings: Sequence[_Loading],
    now: int,
    on_progress: Progress,
) -> Sequence[_Loading]:
    """Queue the chunks until somebody else has queued; returns how things stand."""
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
    """Queue one chunk, unless somebody else has queued; the parts, and whether it was queued."""
    async with database.write() as connection:
        fresh = [replace(one, batch=await _reread(connection, one.batch)) for one in loadings]
        if [one.next_row for one in fresh] != [one.next_row for one in loadings]:
            return fresh, False
        added = [
            await _add(connection, one, chunk, asked, now)
            for one, asked in zip(fresh, chunk.asked, strict=True)
        ]
        return added, True


async def _add(
    connection: AsyncConnection, loading: _Loading, chunk: _Chunk, asked: Sequence[bytes], now: int
) -> _Loading:
    """Queue those rows of a chunk that a part is about and has not got yet."""
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
    found = await batches.get_batch(connection, batch.id)
    if found is None:
        raise NotFoundError(
            _("batch {id} was deleted while its rows were queued").format(id=batch.id)
        )
    return found


def _chunks(checked: Checked, parts: Sequence[Part], start: int) -> Iterator[_Chunk]:
    """The rows from number `start` on."""
    key_of = request_keys(checked.jobfile, checked.prompt, checked.folder).of
    prints = [(part.stride, Fingerprints(checked.jobfile, part)) for part in parts]
    for bodies in _together(checked.rows(start)):
        keys = list(map(key_of, bodies))
        asked = [list(map(own.of, keys[-start % step :: step])) for step, own in prints]
        yield _Chunk(start, bodies, asked)
        start += len(bodies)


def _together(rows: Iterator[str]) -> Iterator[list[str]]:
    """The rows that share a commit."""
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

"""Batches of the OpenAI Batch API; each becomes a batch of the queue once its file is checked.

The state in the database determines the next step, and every step is idempotent, so a restarted
server resumes where the last one stopped.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import orjson

from runner.app import queueing, request_results
from runner.app.api_batch_input import LineError, Models, as_text, check_lines, submission_of
from runner.app.api_files import ApiFiles, has_content, remove
from runner.app.clients import Client
from runner.app.submission import Submission
from runner.clock import Clock
from runner.core.states import ApiBatchState, BatchState
from runner.core.time_units import DAY_MS
from runner.errors import InputError, JobFileError, NotFoundError, RunnerError
from runner.language import in_english
from runner.store import api_batches, batch_updates, batches
from runner.store.api_batches import ApiBatch
from runner.store.api_files import Paging
from runner.store.batches import Batch
from runner.store.database import Database
from runner.threads import in_thread

log = logging.getLogger(__name__)

# Polling interval for open batches, and interval for deleting expired files.
LOOK_EVERY_S = 1.0
DELETE_EVERY_S = 3_600.0
OUTPUT = "batch_output"

FinishTimes = Callable[[int], Awaitable[Mapping[int, int]]]
"""Returns the forecast end of each runnable batch, by id; both times in ms since the epoch."""


@dataclass(frozen=True, slots=True)
class NewApiBatch:
    """A client's request to create a batch."""

    input_file_id: str
    endpoint: str
    completion_window: str
    metadata: dict[str, str] | None = None
    output_expires_s: int | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class ApiBatchStatus:
    """A batch of the API (`entry`), its batch in the queue, and its expiry (ms since the epoch)."""

    entry: ApiBatch
    batch: Batch | None
    expires_at: int


class BatchApi:
    """The batches of all clients; a client has access to its own batches only.

    Args:
        database: The database.
        files: The input and output files of batches.
        clock: The clock.
        models_for: Returns, for a client, the function that resolves the models of its requests.
        changed: Called when the queue has changed.
        finish_times: Forecasts when batches will be done.
    """

    def __init__(
        self,
        database: Database,
        files: ApiFiles,
        clock: Clock,
        models_for: Callable[[str], Models],
        changed: Callable[[], None],
        finish_times: FinishTimes,
    ) -> None:
        self._database = database
        self._files = files
        self._clock = clock
        self._models_for = models_for
        self._changed = changed
        self._finish_times = finish_times
        self._woken = anyio.Event()

    # ---- what clients ask for

    async def create(self, client: Client, new: NewApiBatch) -> ApiBatchStatus:
        """Creates a batch; its file is checked and queued in the background.

        Raises:
            NotFoundError: The client has no such file.
        """
        await self._files.get(client.name, new.input_file_id)
        new_batch = ApiBatch(
            id=f"batch_{secrets.token_hex(12)}",
            client=client.name,
            state=ApiBatchState.VALIDATING,
            input_file_id=new.input_file_id,
            endpoint=new.endpoint,
            completion_window=new.completion_window,
            created_at=self._clock.now(),
            metadata_json=None if new.metadata is None else orjson.dumps(new.metadata).decode(),
            idempotency_key=new.idempotency_key,
            output_expires_s=new.output_expires_s,
        )
        async with self._database.write() as connection:
            entry = await api_batches.add(connection, new_batch)
        self._woken.set()
        return await self._one_status(entry)

    async def get(self, client: Client, batch_id: str) -> ApiBatchStatus:
        """Returns a batch of a client.

        Raises:
            NotFoundError: The client has no batch with this id.
        """
        return await self._one_status(await self._get(client, batch_id))

    async def page(self, client: Client, paging: Paging) -> Sequence[ApiBatchStatus]:
        """Returns a page of a client's batches, newest first, with one extra if there are more."""
        async with self._database.read() as connection:
            page = await api_batches.page(connection, client.name, paging)
        return await self._statuses(page)

    async def cancel(self, client: Client, batch_id: str) -> ApiBatchStatus | None:
        """Cancels a batch; calls in flight finish, answers are kept. None: it has ended already.

        Raises:
            NotFoundError: The client has no batch with this id.
        """
        entry, now = await self._get(client, batch_id), self._clock.now()
        while entry.state in (ApiBatchState.VALIDATING, ApiBatchState.IN_PROGRESS):
            # Its state may have changed since it was read; then `_set` changes nothing.
            await self._set(entry, ApiBatchState.CANCELLING, cancelling_at_ms=now)
            entry = await self._get(client, batch_id)
        self._woken.set()
        return await self._one_status(entry) if entry.state is ApiBatchState.CANCELLING else None

    async def _get(self, client: Client, batch_id: str) -> ApiBatch:
        async with self._database.read() as connection:
            entry = await api_batches.get(connection, batch_id, client.name)
        if entry is None:
            raise NotFoundError(f"no such batch: {batch_id[:80]!r}")
        return entry

    async def _one_status(self, entry: ApiBatch) -> ApiBatchStatus:
        return (await self._statuses([entry]))[0]

    async def _statuses(self, entries: Sequence[ApiBatch]) -> list[ApiBatchStatus]:
        now = self._clock.now()
        waiting = any(entry.is_open and entry.batch_id is not None for entry in entries)
        finish_times = await self._finish_times(now) if waiting else {}
        return [
            ApiBatchStatus(own, await self._batch_of(own), _expires_at(own, finish_times, now))
            for own in entries
        ]

    async def _batch_of(self, entry: ApiBatch) -> Batch | None:
        if entry.batch_id is None:
            return None
        async with self._database.read() as connection:
            return await batches.get_batch(connection, entry.batch_id)

    # ---- what is done for them

    async def work(self) -> None:
        """Advances open batches until cancelled; errors are stored in English, for programs."""
        delete_at = float("-inf")
        while True:
            self._woken, is_open = anyio.Event(), True
            try:
                async with self._database.read() as connection:
                    open_batches = await api_batches.still_open(connection)
                with in_english():
                    for entry in open_batches:
                        await self._advance_safely(entry)
                if anyio.current_time() >= delete_at:
                    delete_at = anyio.current_time() + DELETE_EVERY_S
                    self._files.remove_parts(24 * 3_600)
                    await self._files.delete_expired()
                is_open = bool(open_batches)
            except RunnerError as error:  # the engine reports it as well
                log.warning("batches of clients cannot be read: %s", error.what)
            with anyio.move_on_after(LOOK_EVERY_S if is_open else DELETE_EVERY_S):
                await self._woken.wait()

    async def _advance_safely(self, entry: ApiBatch) -> None:
        """Advances one batch; a failure is logged, retried later, and does not affect others."""
        try:
            await self._advance(entry)
        except RunnerError as error:
            log.warning("batch of a client not brought on: %s", error.what)
        except Exception:
            log.exception("batch of a client not brought on")

    async def _advance(self, entry: ApiBatch) -> None:
        batch = await self._batch_of(entry)
        match entry.state:
            case ApiBatchState.VALIDATING:
                await self._queue(entry)
            case ApiBatchState.IN_PROGRESS if batch is not None:
                if batch.state is BatchState.CANCELLED:
                    now = self._clock.now()
                    await self._set(entry, ApiBatchState.CANCELLING, cancelling_at_ms=now)
                elif batch.done:
                    now = self._clock.now()
                    await self._set(entry, ApiBatchState.FINALIZING, finalizing_at_ms=now)
                    await self._finish(entry, batch)
            case ApiBatchState.FINALIZING if batch is not None:
                await self._finish(entry, batch)
            case ApiBatchState.IN_PROGRESS | ApiBatchState.FINALIZING:
                await self._fail(entry, [LineError("batch_deleted", "the batch was deleted here")])
            case ApiBatchState.CANCELLING:
                await self._wind_up(entry, batch)
            case _:
                pass

    async def _queue(self, entry: ApiBatch) -> None:
        """Checks the file and queues it, or fails the batch with the errors of the file."""
        path, models = self._files.path_of(entry.input_file_id), self._models_for(entry.client)
        try:
            errors = await in_thread(check_lines, path, entry.endpoint, models)
        except OSError as error:
            errors = [LineError("invalid_file", f"the file cannot be read ({error.strerror})")]
        if errors:
            await self._fail(entry, errors)
            return
        name = f"{entry.client}: {entry.id}"
        try:
            submission = await in_thread(partial(submission_of, path, entry.id, name, models))
        except (InputError, JobFileError) as error:
            await self._fail(entry, [LineError("invalid_file", error.what)])
            return
        if not await self._link(entry, submission):
            return
        await queueing.submit(self._database, submission, self._clock.now())
        now = self._clock.now()
        await self._set(entry, ApiBatchState.IN_PROGRESS, in_progress_at_ms=now)
        self._changed()

    async def _link(self, entry: ApiBatch, submission: Submission) -> bool:
        """Stores the id of its batch in the queue before any row is queued; False: it is cancelled.

        After a crash, the rows that are queued already can then be cancelled.
        """
        async with self._database.write() as connection:
            if not await api_batches.change(
                connection, entry.id, ApiBatchState.VALIDATING, total=submission.dataset.rows
            ):
                return False
            batch = await queueing.find_or_create_whole(connection, submission, self._clock.now())
            return await api_batches.change(
                connection, entry.id, batch_id=batch.id, model=batch.models[0]
            )

    async def _fail(self, entry: ApiBatch, errors: Sequence[LineError]) -> None:
        now = self._clock.now()
        await self._set(entry, ApiBatchState.FAILED, errors_json=as_text(errors), failed_at_ms=now)

    async def _wind_up(self, entry: ApiBatch, batch: Batch | None) -> None:
        """Cancels it; once no call of it is in flight, writes the answers that there are."""
        if batch is None:
            now = self._clock.now()
            await self._set(entry, ApiBatchState.CANCELLED, cancelled_at_ms=now)
            return
        if batch.state is not BatchState.CANCELLED:
            async with self._database.write() as connection:
                await batch_updates.set_batch_state(connection, batch.id, BatchState.CANCELLED)
            self._changed()
        elif not batch.counts.running:
            await self._finish(entry, batch, cancelled=True)

    async def _finish(self, entry: ApiBatch, batch: Batch, *, cancelled: bool = False) -> None:
        """Writes the result files, and marks the batch as ended."""
        output, errors = await self._write_results(entry, batch)
        now = self._clock.now()
        async with self._database.write() as connection:
            tokens = await api_batches.tokens(connection, batch)
            ended: dict[str, Any] = (
                {"state": ApiBatchState.CANCELLED, "cancelled_at_ms": now}
                if cancelled
                else {"state": ApiBatchState.COMPLETED, "completed_at_ms": now}
            )
            # Another server on this database may have finished it in the meantime.
            await api_batches.change(
                connection,
                entry.id,
                ApiBatchState.CANCELLING if cancelled else ApiBatchState.FINALIZING,
                output_file_id=output,
                error_file_id=errors,
                completed=batch.counts.succeeded,
                failed=batch.counts.failed,
                prompt_tokens=tokens[0],
                completion_tokens=tokens[1],
                **ended,
            )

    async def _write_results(self, entry: ApiBatch, batch: Batch) -> tuple[str | None, str | None]:
        """Writes the answers and the failures; returns the ids of the files, None if empty."""
        output, errors = (self._files.new_part(".jsonl") for _ in range(2))
        try:
            await request_results.write_results(self._database.read, [batch], output, errors)
            kept = [
                await self._keep(entry, path, kind) if has_content(path) else None
                for path, kind in ((output, "output"), (errors, "error"))
            ]
        finally:
            for path in (output, errors):
                remove(path)
        return kept[0], kept[1]

    async def _keep(self, entry: ApiBatch, path: Path, kind: str) -> str:
        """Keeps a result file under a deterministic id, so that writing it again replaces it."""
        digest = hashlib.sha256(f"{entry.id} {kind}".encode()).hexdigest()[:24]
        name, life_s = f"{entry.id}_{kind}.jsonl", entry.output_expires_s
        file = await self._files.keep(
            path, entry.client, OUTPUT, name, file_id=f"file-{digest}", life_s=life_s
        )
        return file.id

    async def _set(self, entry: ApiBatch, state: ApiBatchState, **values: object) -> None:
        """Changes the state of a batch, unless it has changed since it was read."""
        async with self._database.write() as connection:
            await api_batches.change(connection, entry.id, entry.state, state=state, **values)


def _expires_at(entry: ApiBatch, finish_times: Mapping[int, int], now: int) -> int:
    """Returns when the batch expires: a day after its creation, or its forecast end if later.

    An open batch without a forecast expires a day from `now`.
    """
    tomorrow = entry.created_at + DAY_MS
    if not entry.is_open:
        return tomorrow
    return max(tomorrow, finish_times.get(entry.batch_id or 0, now + DAY_MS))

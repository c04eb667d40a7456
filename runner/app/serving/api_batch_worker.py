"""The work on batches of the OpenAI Batch API, from a client's file to the files of its results.

The state in the database determines the next step, and every step is idempotent, so a restarted
server resumes where the last one stopped.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import anyio

from runner.app.results import request_results
from runner.app.serving.api_batch_input import (
    LineError,
    Models,
    as_text,
    check_lines,
    submission_of,
)
from runner.app.serving.api_files import ApiFiles, has_content, remove
from runner.app.submitting import queueing
from runner.app.submitting.submission import Submission
from runner.clock import Clock
from runner.core.states import ApiBatchState, BatchState
from runner.errors import InputError, JobFileError, RunnerError
from runner.language import in_english
from runner.store import api_batches, batch_updates
from runner.store.api_batches import ApiBatch
from runner.store.batches import Batch
from runner.store.database import Database
from runner.threads import in_thread

log = logging.getLogger(__name__)

# Polling interval for open batches, and interval for deleting expired files.
POLL_EVERY_S = 1.0
DELETE_EVERY_S = 3_600.0
OUTPUT = "batch_output"


class ApiBatchWorker:
    """Advances the batches of all clients, each to its end.

    Args:
        database: The database.
        files: The input and output files of batches.
        clock: The clock.
        models_for: Returns, for a client, the function that resolves the models of its requests.
        changed: Called when the queue has changed.
    """

    def __init__(
        self,
        database: Database,
        files: ApiFiles,
        clock: Clock,
        models_for: Callable[[str], Models],
        changed: Callable[[], None],
    ) -> None:
        self._database = database
        self._files = files
        self._clock = clock
        self._models_for = models_for
        self._changed = changed
        self._woken = anyio.Event()

    def wake(self) -> None:
        """Ends the sleep of `work`: there is a batch to work on."""
        self._woken.set()

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
                    await self._files.delete_expired()
                    await self._files.sweep()
                is_open = bool(open_batches)
            except RunnerError as error:  # the engine reports it as well
                log.warning("batches of clients cannot be read: %s", error.what)
            with anyio.move_on_after(POLL_EVERY_S if is_open else DELETE_EVERY_S):
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
        async with self._database.read() as connection:
            batch = await api_batches.queued_as(connection, entry)
        match entry.state:
            case ApiBatchState.VALIDATING:
                await self._queue(entry)
            case ApiBatchState.IN_PROGRESS if batch is not None:
                if batch.state is BatchState.CANCELLED:
                    await self._enter(entry, ApiBatchState.CANCELLING)
                elif batch.done:
                    await self._finish(await self._enter(entry, ApiBatchState.FINALIZING), batch)
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
        await self._enter(entry, ApiBatchState.IN_PROGRESS)
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
        await self._enter(entry, ApiBatchState.FAILED, errors_json=as_text(errors))

    async def _wind_up(self, entry: ApiBatch, batch: Batch | None) -> None:
        """Cancels it; once no call of it is in flight, writes the answers that there are."""
        if batch is None:
            await self._enter(entry, ApiBatchState.CANCELLED)
            return
        if batch.state is not BatchState.CANCELLED:
            async with self._database.write() as connection:
                await batch_updates.set_batch_state(connection, batch.id, BatchState.CANCELLED)
            self._changed()
        elif not batch.counts.running:
            await self._finish(entry, batch)

    async def _finish(self, entry: ApiBatch, batch: Batch) -> None:
        """Writes the result files of a finalizing or cancelling batch, and marks it as ended."""
        output, errors = await self._write_results(entry, batch)
        cancelled = entry.state is ApiBatchState.CANCELLING
        async with self._database.write() as connection:
            tokens = await api_batches.tokens(connection, batch)
            # Another server on this database may have finished it in the meantime.
            await api_batches.enter(
                connection,
                entry,
                ApiBatchState.CANCELLED if cancelled else ApiBatchState.COMPLETED,
                self._clock.now(),
                output_file_id=output,
                error_file_id=errors,
                completed=batch.counts.succeeded,
                failed=batch.counts.failed,
                prompt_tokens=tokens[0],
                completion_tokens=tokens[1],
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

    async def _enter(self, entry: ApiBatch, state: ApiBatchState, **values: object) -> ApiBatch:
        """Has a batch enter a state, unless it has left its own since it was read.

        Returns it with the new state. If it had left, the next change of the result changes
        nothing, either, since its state is not that of the database.
        """
        async with self._database.write() as connection:
            await api_batches.enter(connection, entry, state, self._clock.now(), **values)
        return replace(entry, state=state)

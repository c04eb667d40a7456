"""What clients of the OpenAI Batch API ask for; api_batch_worker.py does the work on batches."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import orjson

from runner.app.accounts.clients import Client
from runner.app.serving.api_files import ApiFiles
from runner.clock import Clock
from runner.core.states import ApiBatchState
from runner.core.time_units import DAY_MS
from runner.errors import NotFoundError
from runner.store import api_batches
from runner.store.api_batches import ApiBatch
from runner.store.api_files import Paging
from runner.store.batches import Batch
from runner.store.database import Database

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
        finish_times: Forecasts when batches will be done.
        wake: Called when there is work on a batch.
    """

    def __init__(
        self,
        database: Database,
        files: ApiFiles,
        clock: Clock,
        finish_times: FinishTimes,
        wake: Callable[[], None],
    ) -> None:
        self._database = database
        self._files = files
        self._clock = clock
        self._finish_times = finish_times
        self._wake = wake

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
        self._wake()
        return await self._one_status(entry)

    async def get(self, client: Client, batch_id: str) -> ApiBatchStatus:
        """Returns a batch of a client.

        Raises:
            NotFoundError: The client has no batch with this id.
        """
        return await self._one_status(await self._get(client, batch_id))

    async def page(self, client: Client, paging: Paging) -> Sequence[ApiBatchStatus]:
        """Returns a page of a client's batches, with one extra if there are more."""
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
            # `enter` changes nothing if the state is not the one that was read; the batch is then
            # read again, until it is being cancelled or has ended.
            async with self._database.write() as connection:
                await api_batches.enter(connection, entry, ApiBatchState.CANCELLING, now)
            entry = await self._get(client, batch_id)
        self._wake()
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
        async with self._database.read() as connection:
            queued = [await api_batches.queued_as(connection, own) for own in entries]
        return [
            ApiBatchStatus(own, batch, _expires_at(own, finish_times, now))
            for own, batch in zip(entries, queued, strict=True)
        ]


def _expires_at(entry: ApiBatch, finish_times: Mapping[int, int], now: int) -> int:
    """Returns when the batch expires: a day after its creation, or its forecast end if later.

    An open batch without a forecast expires a day from `now`.
    """
    tomorrow = entry.created_at + DAY_MS
    if not entry.is_open:
        return tomorrow
    return max(tomorrow, finish_times.get(entry.batch_id or 0, now + DAY_MS))

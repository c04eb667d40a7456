"""Batches of the OpenAI Batch API, where a server dies at a bad moment."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from runner.app.accounts.clients import Client
from runner.app.serving.api_batch_worker import ApiBatchWorker
from runner.app.serving.api_files import ApiFiles
from runner.app.serving.batch_api import BatchApi, NewApiBatch
from runner.clock import SystemClock
from runner.core.states import ApiBatchState
from runner.store import batches
from runner.store.database import Database
from runner.store.opening import open_database

ME = Client("me")
CHAT = "/v1/chat/completions"
ROWS, ROW_BYTES = 160, 150_000  # a few commits


def batch_api(database: Database) -> tuple[BatchApi, ApiBatchWorker, ApiFiles]:
    clock = SystemClock()
    files = ApiFiles(database, clock)
    worker = ApiBatchWorker(
        database, files, clock, lambda _: lambda model: (model,), changed=lambda: None
    )
    return BatchApi(database, files, clock, no_forecast, worker.wake), worker, files


async def no_forecast(_now: int) -> dict[int, int]:
    return {}


def write_requests(path: Path) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "x" * ROW_BYTES}]}
    with path.open("w") as file:
        for number in range(ROWS):
            line = {"custom_id": str(number), "method": "POST", "url": CHAT, "body": body}
            file.write(json.dumps(line) + "\n")


async def queue_in_part(database: Database) -> str:
    """A server dies while it queues a batch; returns the id of that."""
    api, worker, files = batch_api(database)
    part = files.new_part()
    write_requests(part)
    file = await files.keep(part, ME.name, "batch", "in.jsonl")
    made = await api.create(ME, NewApiBatch(file.id, CHAT, "24h"))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(worker.work)
        rows = 0
        while not rows:
            await anyio.lowlevel.checkpoint()
            async with database.read() as connection:
                rows = sum(one.rows_loaded for one in await batches.list_batches(connection))
        tasks.cancel_scope.cancel()
    assert rows < ROWS
    return made.entry.id


@pytest.mark.anyio
async def test_what_was_queued_of_a_batch_is_not_asked_once_it_is_cancelled(tmp_path: Path) -> None:
    async with open_database(tmp_path / "queue.db") as database:
        made = await queue_in_part(database)
        api, worker, _ = batch_api(database)
        await api.cancel(ME, made)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(worker.work)
            with anyio.fail_after(20):
                while (await api.get(ME, made)).entry.state is not ApiBatchState.CANCELLED:
                    await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
        async with database.read() as connection:
            assert await batches.runnable(connection) == []

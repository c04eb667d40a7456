"""The images that are being made: looked at, fetched, and put into their folders.

It knows tasks that are written down and where their images go. It spends nothing: looks and
downloads cost no allowance, and an image that was paid for is never asked for anew while the
provider knows of it.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio
from anyio.abc import TaskGroup
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.clock import Clock
from runner.core.retry import look_at
from runner.errors import OutputError, StoreError
from runner.files.target import as_output_errors, atomic_write
from runner.jobfile import JobFile
from runner.providers.downloads import Expired, Image, Unfit
from runner.providers.endpoint import Endpoint
from runner.providers.images import Lost, Painted, Pending, TaskFailed, Unreachable
from runner.runtime.writer import Writer
from runner.store import batches, tasks
from runner.store.batches import Batch
from runner.store.database import Database
from runner.store.tasks import PendingTask
from runner.threads import in_thread

LOOK_S = 30.0
FETCH_S = 120.0
WAIT_S = 5.0
AT_ONCE = 8

# What is written down of a task: called with the connection and ``now``.
End = Callable[..., Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Frame:
    """Where the images of a batch go, how large they may be, and how often one is asked for."""

    folder: Path
    max_bytes: int
    attempts: int
    batch_id: int
    first_job: int
    digits: int

    def path(self, job_id: int, suffix: str) -> Path:
        """The file of a job's image, called by the numbers of the batch and of the row.

        Batches with the same name, or the same folder, do not overwrite each other's.
        """
        number = job_id - self.first_job + 1
        return self.folder / f"{self.batch_id}-{number:0{self.digits}}{suffix}"


def frame_of(batch: Batch) -> Frame:
    """The frame of a batch's images."""
    jobfile = JobFile.from_json(batch.job_json)
    folder = Path(jobfile.images.folder or f"{batch.name}-images")
    return Frame(
        folder,
        jobfile.images.max_bytes,
        jobfile.limits.max_attempts,
        batch.id,
        batch.first_job,
        digits=max(4, len(str(batch.rows))),
    )


def put_in_place(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, and durably; its folder is made if need be.

    Raises:
        OutputError: It cannot be written.
    """
    with as_output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            file.write(data)


def _is_place(task_id: str) -> bool:
    """Whether a task has ended already, and what is written down is where its image is."""
    return task_id.startswith(("http://", "https://", "data:"))


def _later(task: PendingTask, why: str) -> End:
    """Look again, or give it up after a day, and say `why` it is not here yet."""

    async def again(connection: AsyncConnection, now: int) -> None:
        due = look_at(task.since, now)
        if due is None:
            told = f"the image did not come within a day: {why}"
            await tasks.failed(connection, task, told, now)
        else:
            await tasks.look_again(connection, task, due)

    return again


class Gallery:
    """The images that are being made: looked at, fetched, and put into their folders."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        endpoints: Mapping[str, Endpoint],
        clock: Clock,
        on_change: Callable[[], None],
    ) -> None:
        self._database = database
        self._writer = writer
        self._endpoints = endpoints
        self._clock = clock
        self._on_change = on_change
        self._woken = anyio.Event()
        self._at_once = anyio.CapacityLimiter(AT_ONCE)
        self._frames: dict[int, Frame] = {}
        self._unwritten: dict[int, str] = {}  # by job: why its image cannot be

    @property
    def trouble(self) -> str | None:
        """What keeps images from being written, if anything."""
        return next(iter(self._unwritten.values()), None)

    def hurry(self) -> None:
        """There is a new task."""
        self._woken.set()

    async def run(self) -> None:
        """Look at tasks when they are due, until cancelled."""
        async with anyio.create_task_group() as looks:
            while True:
                self._woken = anyio.Event()
                with anyio.move_on_after(await self._turn(looks)):
                    await self._woken.wait()

    async def _turn(self, looks: TaskGroup) -> float:
        """Look at what is due; how many seconds to sleep then."""
        accounts, now = list(self._endpoints), self._clock.now()
        async with self._database.read() as connection:
            due = await tasks.next_due(connection, accounts)
        if due is None:
            return math.inf
        if due > now:
            return min(self._clock.tick_s, (due - now) / 1000)
        try:
            taken = await self._writer.do(partial(tasks.take_due, accounts=accounts, now=now))
        except StoreError:
            return WAIT_S
        for task in taken:
            looks.start_soon(self._look, task)
        return 0.0

    async def _look(self, task: PendingTask) -> None:
        """One look at one task; a look that cannot be written down is made again, later."""
        async with self._at_once:
            with suppress(StoreError):
                end = await self._ended(task, await self._frame(task.batch_id))
                await self._writer.do(partial(end, now=self._clock.now()))
        self._woken.set()
        self._on_change()

    async def _ended(self, task: PendingTask, frame: Frame) -> End:
        """What is to be written down of a task; what cannot be kept is fetched again, for a day."""
        try:
            end = await self._end(task, frame)
        except OutputError as error:
            why = f"images cannot be written to {frame.folder} ({error.what})"
            end = _later(task, why)
            if look_at(task.since, self._clock.now()) is not None:
                self._unwritten[task.job_id] = why
                return end
        self._unwritten.pop(task.job_id, None)
        return end

    async def _end(self, task: PendingTask, frame: Frame) -> End:
        """What has come of a task.

        Raises:
            OutputError: Its image is here, and cannot be written.
        """
        endpoint, place = self._endpoints[task.account], task.task_id
        found = Painted((place,)) if _is_place(place) else await endpoint.task(place, LOOK_S)
        match found:
            case Painted(urls):
                return await self._fetch(task, frame, endpoint, urls[0])
            case Pending(state):
                return _later(task, f"the provider's task is {state}")
            case Unreachable(why):
                return _later(task, why)
            case Lost(why):
                return partial(tasks.begin_again, task=task, most=frame.attempts, why=why)
            case TaskFailed(code, message):
                why = ": ".join(part for part in (code, message) if part)
                return partial(tasks.failed, task=task, why=f"no image was made: {why}")

    async def _fetch(self, task: PendingTask, frame: Frame, endpoint: Endpoint, url: str) -> End:
        found = await endpoint.fetch(url, frame.max_bytes, FETCH_S)
        match found:
            case Image(data) as image:
                path = frame.path(task.job_id, image.suffix)
                await in_thread(put_in_place, path, data)
                return partial(tasks.done, task=task, answer=str(path))
            case Unfit(why):
                return partial(tasks.failed, task=task, why=f"the image cannot be kept: {why}")
            case Expired(why) if not _is_place(task.task_id):
                return _later(task, why)  # the provider tells a fresh URL
            case Expired(why):
                return partial(tasks.begin_again, task=task, most=frame.attempts, why=why)
            case Unreachable(why):
                return _later(task, why)

    async def _frame(self, batch_id: int) -> Frame:
        if batch_id not in self._frames:
            async with self._database.read() as connection:
                batch = await batches.get_batch(connection, batch_id)
            if batch is None:
                raise StoreError(f"batch {batch_id} has tasks, and is not there")
            self._frames[batch_id] = frame_of(batch)
        return self._frames[batch_id]

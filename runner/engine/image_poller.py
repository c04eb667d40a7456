"""Polling of image tasks; finished images are downloaded and stored in their folders."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

import anyio
from aiolimiter import AsyncLimiter
from anyio.abc import TaskGroup
from sqlalchemy.ext.asyncio import AsyncConnection

from runner import exact_json
from runner.core.retry import LONGEST_POLL_MS, next_poll_at
from runner.engine.image_replies import image_reply
from runner.engine.image_target import ImageTarget, put_in_place, target_of
from runner.engine.posts import Post
from runner.engine.provider_clock import ProviderClock
from runner.errors import OutputError, RunnerError, StoreError, UnavailableError
from runner.language import _
from runner.providers.downloads import Expired, Image, Unfit
from runner.providers.endpoint import Endpoint
from runner.providers.images import TaskDone, TaskFailed, TaskLost, TaskPending, Unreachable
from runner.store import batches, image_tasks, jobs
from runner.store.counts import Changes
from runner.store.database import Database
from runner.store.image_tasks import ImageTask
from runner.threads import in_thread

log = logging.getLogger(__name__)

POLL_S = 30.0
FETCH_S = 120.0
RETRY_S = 5.0
AT_ONCE = 8
POLLS_PER_SECOND = 20

# Stores the outcome of a poll: called with the connection, ``now`` and ``changes``.
End = Callable[..., Awaitable[None]]


def _later(task: ImageTask, why: str) -> End:
    """Returns an end that schedules another poll, or fails the task after a day with `why`."""

    async def again(connection: AsyncConnection, now: int, changes: Changes) -> None:
        due = next_poll_at(task.started_at, now)
        if due is None:
            error = f"the image did not come within a day: {why}"
            await image_tasks.failed(connection, task, error, now, changes)
        else:
            await image_tasks.poll_again(connection, task, due)

    return again


def _rest(task: ImageTask) -> End:
    """Returns an end that schedules another poll, whatever the job of the task is."""

    async def again(connection: AsyncConnection, now: int, changes: Changes) -> None:
        del changes
        await image_tasks.poll_again(connection, task, now + LONGEST_POLL_MS)

    return again


class ImageTaskPoller:
    """Polls the image tasks of this process's accounts."""

    def __init__(
        self,
        database: Database,
        post: Post,
        endpoints: Mapping[str, Endpoint],
        clock: ProviderClock,
        on_change: Callable[[], None],
    ) -> None:
        self._database = database
        self._post = post
        self._endpoints = endpoints
        self._clock = clock
        self._on_change = on_change
        self._woken = anyio.Event()
        self._polling = 0
        self._limiter = AsyncLimiter(POLLS_PER_SECOND, 1)
        # By job: its batch, and why its image cannot be written.
        self._unwritten: dict[int, tuple[int, str]] = {}

    @property
    def unwritable(self) -> dict[int, str]:
        """By batch with an image that cannot be written: why not."""
        return dict(self._unwritten.values())

    def poll_now(self) -> None:
        """Wakes the poller, as a task may be due."""
        self._woken.set()

    async def run(self, runner_id: int) -> None:
        """Polls tasks when they are due, until cancelled."""
        async with anyio.create_task_group() as polls:
            while True:
                self._woken = anyio.Event()
                try:
                    sleep_s = await self._turn(runner_id, polls)
                except Exception:
                    # A bug must not cancel the calls in flight, which are paid for.
                    log.exception("image tasks cannot be polled")
                    sleep_s = RETRY_S
                with anyio.move_on_after(sleep_s):
                    await self._woken.wait()

    async def _turn(self, runner_id: int, polls: TaskGroup) -> float:
        """Starts to poll the tasks that are due; returns the seconds to sleep afterwards."""
        await self._forget_ended()
        accounts, now = list(self._endpoints), await self._clock.known_now()
        free = AT_ONCE - self._polling
        if free <= 0:
            return math.inf  # the end of a poll wakes it
        try:
            async with self._database.read() as connection:
                due = await image_tasks.next_due(connection, accounts)
            if due is None:
                return math.inf
            if due > now:
                return min(self._clock.tick_s, (due - now) / 1000)

            async def lease(connection: AsyncConnection, _: Changes) -> list[ImageTask]:
                return await image_tasks.lease_due(connection, accounts, runner_id, free, now)

            leased = await self._post(lease)
        except StoreError:
            return RETRY_S
        self._polling += len(leased)
        for task in leased:
            polls.start_soon(self._poll, task)
        return 0.0

    async def _forget_ended(self) -> None:
        """Forgets the unwritten images whose tasks another runner or a user has ended."""
        if not (job_ids := set(self._unwritten)):
            return
        try:
            async with self._database.read() as connection:
                gone = job_ids - await image_tasks.still_there(connection, list(job_ids))
        except StoreError:
            return
        for job_id in gone:
            self._unwritten.pop(job_id, None)  # a poll may have ended it meanwhile
        if gone:
            self._on_change()

    async def _poll(self, task: ImageTask) -> None:
        """Polls a task once; if the outcome cannot be stored, another poll follows."""
        try:
            await self._limiter.acquire()
            end = await self._outcome(task)
            await self._store(end)
        except RunnerError as error:
            log.warning("image task failed: %s", error, extra={"job": task.job_id})
            await self._store_later(task, str(error))
        except Exception:
            log.exception("internal error of an image task", extra={"job": task.job_id})
            await self._store_later(task, "internal error")
        finally:
            self._polling -= 1
            self._woken.set()
            self._on_change()

    async def _store(self, end: End) -> None:
        now = await self._clock.known_now()

        async def write(connection: AsyncConnection, changes: Changes) -> None:
            await end(connection, now=now, changes=changes)

        await self._post(write)

    async def _store_later(self, task: ImageTask, why: str) -> None:
        """Schedules another poll of a task; if that cannot be stored, at least ends its lease."""
        for end in (_later(task, why), _rest(task)):
            try:
                await self._store_once_it_can_be_written(end)
            except StoreError as error:
                log.warning("image task is left: %s", error, extra={"job": task.job_id})
            except Exception:
                # A bug must not cancel the calls in flight, which are paid for.
                log.exception("image task cannot be scheduled", extra={"job": task.job_id})
            else:
                return

    async def _store_once_it_can_be_written(self, end: End) -> None:
        while True:
            try:
                return await self._store(end)
            except UnavailableError:
                await anyio.sleep(RETRY_S)

    async def _outcome(self, task: ImageTask) -> End:
        """Polls a task; an image that cannot be written is downloaded again, for up to a day."""
        target = await self._target(task.batch_id)
        try:
            end = await self._polled(task, target)
        except OutputError as error:
            why = _("images cannot be written to {folder} ({what})").format(
                folder=target.folder, what=error.what
            )
            reason = getattr(error.__cause__, "strerror", None) or type(error.__cause__).__name__
            # In English, since it is stored if the task is given up.
            end = _later(task, f"images cannot be written to {target.folder} ({reason})")
            if next_poll_at(task.started_at, await self._clock.known_now()) is not None:
                self._note_unwritten(task, why)
                return end
        self._unwritten.pop(task.job_id, None)
        return end

    def _note_unwritten(self, task: ImageTask, why: str) -> None:
        if task.batch_id not in self.unwritable:
            log.warning("images cannot be written", extra={"batch": task.batch_id})
        self._unwritten[task.job_id] = task.batch_id, why

    async def _polled(self, task: ImageTask, target: ImageTarget) -> End:
        """Returns the outcome of a poll of a task.

        Raises:
            OutputError: Its image was downloaded, and cannot be written.
        """
        endpoint, url = self._endpoints[task.account], task.image_url
        state = TaskDone((url,)) if url else await endpoint.task(task.task_id, POLL_S)
        match state:
            case TaskDone(urls) if target.as_reply:
                return await self._reply(task, target, endpoint, urls)
            case TaskDone(urls):
                return await self._fetch(task, target, endpoint, urls[0])
            case TaskPending(word):
                return _later(task, f"the provider's task is {word}")
            case Unreachable(why):
                return _later(task, why)
            case TaskLost(why):
                most = target.max_attempts
                return partial(image_tasks.begin_again, task=task, max_attempts=most, why=why)
            case TaskFailed(code, message):
                why = ": ".join(part for part in (code, message) if part)
                return partial(image_tasks.failed, task=task, why=f"no image was made: {why}")

    async def _fetch(
        self, task: ImageTask, target: ImageTarget, endpoint: Endpoint, url: str
    ) -> End:
        download = await endpoint.fetch(url, target.max_bytes, FETCH_S)
        if not isinstance(download, Image):
            return self._unfetched(task, target, download)
        path = target.path(task.job_id, download.suffix)
        await in_thread(put_in_place, path, download.data)
        return partial(image_tasks.done, task=task, answer=str(path))

    async def _reply(
        self, task: ImageTask, target: ImageTarget, endpoint: Endpoint, urls: Sequence[str]
    ) -> End:
        """Makes the reply to a request, with the images or their URLs as the request asks."""
        row_id = target.row_id(task.job_id)
        async with self._database.read() as connection:
            row = (await jobs.read_bodies(connection, [row_id]))[row_id]
        as_base64 = exact_json.loads(row)["body"].get("response_format") == "b64_json"
        now = await self._clock.known_now()
        download = await image_reply(endpoint, urls, now, as_base64=as_base64)
        if not isinstance(download, str):
            return self._unfetched(task, target, download)
        return partial(image_tasks.done, task=task, answer=download)

    def _unfetched(
        self, task: ImageTask, target: ImageTarget, download: Unfit | Expired | Unreachable
    ) -> End:
        """Returns the end of a task whose image is made but was not downloaded."""
        match download:
            case Unfit(why):
                why = f"the image cannot be kept: {why}"
                return partial(image_tasks.failed, task=task, why=why)
            case Expired(why) if task.image_url is None:
                return _later(task, why)  # the next poll returns a fresh URL
            case Expired(why):
                most = target.max_attempts
                return partial(image_tasks.begin_again, task=task, max_attempts=most, why=why)
            case Unreachable(why):
                return _later(task, why)

    async def _target(self, batch_id: int) -> ImageTarget:
        async with self._database.read() as connection:
            batch = await batches.get_batch(connection, batch_id)
        if batch is None:
            raise StoreError(f"batch {batch_id} has image tasks, and is not there")
        return target_of(batch)

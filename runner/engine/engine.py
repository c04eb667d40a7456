"""The engine: one loop for all calls of this process, whoever wants them.

A turn of the loop settles all that has ended and admits all that may start, in one transaction;
while that is committed, more calls end. What was decided is in the database before it is done: so
the process may die anywhere. Runs, pollers and clients hand the engine events, and nobody else
writes.

The calls live in a task group around the loop: when the loop ends, calls in flight may still
finish, up to a deadline, and are settled.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from random import Random

import anyio
from anyio.abc import TaskGroup

from runner.clock import Clock
from runner.core.demand import Rules
from runner.core.ending import Ending
from runner.core.selection import Wait
from runner.engine import event_log
from runner.engine.account_pool import AccountPool
from runner.engine.call import EndedCall
from runner.engine.event_log import EventLog
from runner.engine.image_poller import ImageTaskPoller
from runner.engine.memory import Memory, Turn
from runner.engine.open_calls import OpenCalls
from runner.engine.posts import Posts
from runner.engine.provider_clock import ProviderClock
from runner.engine.run import Run
from runner.engine.runs import Runs, Standing
from runner.engine.scheduler import Scheduler
from runner.engine.turn_writer import TurnWriter
from runner.errors import (
    DiskError,
    EngineError,
    MovedDatabaseError,
    RunnerError,
    StoreError,
    UnavailableError,
)
from runner.providers.endpoint import Endpoint
from runner.store import runners
from runner.store.database import Database

log = logging.getLogger(__name__)

# Below this much free disk nothing new is started: results in flight must find room.
DISK_FLOOR = 32 * 1024 * 1024
RETRY_WRITE_S = 2.0
# How long the first call may wait for the balances; one that comes later is heeded then.
FIRST_POLL_S = 5.0
LONGEST_JITTER_MS = 3_000
# Calls that end close together are settled together: with many in flight a turn waits so long.
GATHER_S = 0.002
MANY_IN_FLIGHT = 8


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How the engine of a process works.

    Attributes:
        max_concurrency: Calls in flight, at most, of the whole process.
        drain_s: How long calls in flight may take to finish after a stop, in seconds.
    """

    max_concurrency: int = 256
    drain_s: float = 30.0


class Engine:
    """Makes the calls of a process. Entered with `running`; runs are given to `run`."""

    def __init__(
        self,
        database: Database,
        endpoints: Sequence[Endpoint],
        clock: Clock,
        options: EngineOptions,
        random: Random | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._options = options
        self._random = random or Random()  # noqa: S311 - jitter
        self._posts = Posts(self._wake)
        self._accounts = AccountPool(endpoints, self._posts.post, clock)
        self._images = ImageTaskPoller(
            database, self._posts.post, self._accounts.endpoints, clock, self._wake
        )
        self._runs = Runs(database)
        self._log = EventLog()
        self._calls = OpenCalls(self._accounts, self._now, self._runs.observers, self._wake)
        self._tasks: TaskGroup
        self._writer: TurnWriter
        self._memory: Memory | None = None
        self._woken = anyio.Event()
        self._closing = False
        self._write_error: str | None = None  # why the latest transaction could not be stored
        self._low_disk: str | None = None
        self._hour = ProviderClock(clock, endpoints, self._wake)
        self._unstored: RunnerError | None = None  # what is told of replies that could not be
        self._ready = False  # the balances and the hour were asked for
        self._admitting = False  # whether calls may start in this turn
        self._looked_at = float("-inf")
        self._deadline = float("inf")  # of the loop's time: when calls in flight are given up

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work as long as the block lasts; on the way out, calls in flight may finish.

        Raises:
            StoreError: The database cannot be used.
        """
        failure: Exception | None = None
        try:
            async with runners.registered(self._database, self._clock.now) as runner_id:
                scheduler = self._scheduler(runner_id)
                self._writer = TurnWriter(self._database, scheduler, self._posts, self._now)
                async with anyio.create_task_group() as pollers:
                    pollers.start_soon(self._images.run, runner_id)
                    self._accounts.start_polling(pollers, self._wake)
                    pollers.start_soon(self._hour.run)
                    async with anyio.create_task_group() as tasks:
                        tasks.start_soon(self._serve, scheduler, runner_id)
                        try:
                            yield
                        except Exception as error:  # noqa: BLE001 - raised below, in no group
                            failure = error
                        self._close()
                    pollers.cancel_scope.cancel()
        except StoreError as error:
            failure = failure or self._unstored or error
        if failure := failure or self._unstored:
            raise failure

    async def run(self, run: Run) -> Ending:
        """Drain what `run` is about, until it ends.

        Raises:
            UnauthorisedError: Every account is refused; no job was failed for it.
            StoreError: The database is damaged.
            JobFileError: A stored job file cannot be read.
        """
        event_log.run_started(run)
        self._runs.add(run)
        self._wake(look=True)
        try:
            await run.over.wait()
        finally:
            self._runs.remove(run)
        if run.failure is not None:
            raise run.failure
        return run.ending or Ending.STOPPED

    def stop(self, run: Run) -> None:
        """Start nothing new for `run`; it ends when the calls in flight have, or at a deadline."""
        if not run.stopping:
            event_log.run_stopping(run)
            run.stopping = True
            run.deadline = anyio.current_time() + self._options.drain_s
        self._wake()

    def abort(self) -> None:
        """Stop at once: calls in flight count as spent, and their jobs are queued again."""
        self._deadline = float("-inf")
        self._close()

    # ---- the loop

    async def _serve(self, scheduler: Scheduler, runner_id: int) -> None:
        """The loop, around which the calls live."""
        failure: RunnerError | None = None
        async with anyio.create_task_group() as calls:
            self._tasks = calls
            try:
                await self._loop(scheduler, runner_id)
            except RunnerError as error:
                failure = error
            except Exception as error:  # noqa: BLE001 - the runs end with it
                failure = _defect(error)
            self._closing, self._admitting = True, False
            failure = await self._drain(calls) or failure
            if self._calls.ended and (failure or self._any_trouble):
                failure = self._unstored = self._keep_unstored(failure)
            self._runs.end_all(failure)
            self._posts.close()

    async def _loop(self, scheduler: Scheduler, runner_id: int) -> None:
        await self._await_balances(scheduler)
        self._ready = True
        while self._calls or not self._closing:
            self._woken = anyio.Event()
            wait: Wait | None
            try:
                wait = await self._turn(scheduler, runner_id)
            except UnavailableError as error:
                await self._wait_out(error)
                wait = None
            if self._closing and not self._runs:
                return
            if wait is not None:
                await self._sleep(wait.until)

    async def _wait_out(self, error: UnavailableError) -> None:
        """Nothing can be stored: show it, wait, and end the runs that were stopped long enough ago.

        What has ended by then is tried once more when the engine closes, and else kept in a file.
        """
        self._write_error = error.what
        self._posts.fail(error)
        self._log.trouble(error.what)
        if self._memory is None:
            await anyio.sleep(RETRY_WRITE_S)
            return
        self._runs.show(self._memory, Wait(None), self._standing(), at_once=True)
        await anyio.sleep(RETRY_WRITE_S)
        with suppress(UnavailableError):
            await self._conclude(self._memory, Wait(None))

    async def _turn(self, scheduler: Scheduler, runner_id: int) -> Wait:
        """Look if it is time, then write if there is anything to write."""
        self._hour.look()
        memory = await self._looked(scheduler, runner_id)
        self._check_disk()
        self._admitting = self._ready and self._hour.is_settled and self._any_trouble is None
        if not self._has_news(memory):
            found = scheduler.admissible(memory, self._rules_of, self._now())
            if not found.permits:
                await self._conclude(memory, found.wait)
                return found.wait
        turn = await self._write(memory)
        self._accounts.want_prices(route for one in turn.demands for route in one.routes)
        await self._conclude(turn.memory, turn.wait)
        return turn.wait

    def _has_news(self, memory: Memory) -> bool:
        """Whether something has to be stored, whatever may start."""
        due = memory.snapshot.next_due
        return bool(self._calls.ended or self._posts) or (due is not None and due <= self._now())

    async def _write(self, memory: Memory) -> Turn:
        """Settle what has ended and admit what may start; adopt it once it is committed."""
        await self._gather()
        written = await self._writer.write(memory, self._calls.ended, self._rules_of)
        for turn, ended in written:
            self._adopt(turn, ended)
        return written[-1][0]

    def _adopt(self, turn: Turn, ended: Sequence[EndedCall]) -> None:
        """The turn is committed: what it decided is so."""
        self._log.adopted(self._memory, turn, ended)
        self._log.trouble(self._images.trouble)
        self._memory = turn.memory
        self._write_error = None
        self._calls.settled(ended, turn.settlements)
        self._calls.start(self._tasks, turn.calls)
        for one in ended:
            self._learn(one)
        if any(settlement.started_task for settlement in turn.settlements):
            self._images.poll_now()

    def _learn(self, one: EndedCall) -> None:
        """Learn what concerns more than one job: a refused account, a clock that is wrong."""
        account, _ = one.prepared.call.permit.route
        self._accounts.learn(account, one.result.verdict)
        self._hour.learn(one.result.date, one.sent_at, one.ended_at)

    async def _drain(self, calls: TaskGroup) -> RunnerError | None:
        """Let calls in flight finish, up to the deadline, and settle them; what hindered it."""
        failure: RunnerError | None = None
        deadline = min(self._deadline, anyio.current_time() + self._options.drain_s)
        with anyio.CancelScope(deadline=deadline):
            while self._calls:
                self._woken = anyio.Event()
                if self._calls.ended and self._memory is not None:
                    try:
                        await self._write(self._memory)
                    except UnavailableError as error:
                        self._write_error = error.what
                        await anyio.sleep(RETRY_WRITE_S)
                    except MovedDatabaseError:  # it takes what has ended all the same
                        await anyio.lowlevel.checkpoint()
                    except RunnerError as error:
                        failure = error
                        break
                    except Exception as error:  # noqa: BLE001 - what has ended is kept in a file
                        failure = _defect(error)
                        break
                elif self._calls.under_way:
                    await self._woken.wait()
        calls.cancel_scope.cancel()
        return failure

    def _keep_unstored(self, failure: RunnerError | None) -> RunnerError:
        """Keep what has ended in a file, since the database does not take it; what is told."""
        why = failure.what if failure else self._any_trouble or ""
        where = self._calls.keep(self._database.path, why)
        log.error("%s", where)
        told = failure or DiskError(why)
        added = type(told)(f"{why}; {where}", where=told.where, remedy=told.remedy)
        added.__cause__ = told.__cause__
        return added

    # ---- looking and sleeping

    async def _await_balances(self, scheduler: Scheduler) -> None:
        """Wait a little for what the provider tells: the balances, and the hour."""
        self._memory = await scheduler.look(self._memory)
        self._accounts.want_prices(scheduler.routes(self._memory))
        with anyio.move_on_after(FIRST_POLL_S):
            while not (self._closing or (self._accounts.polled and self._hour.is_settled)):
                self._woken = anyio.Event()
                if self._posts:
                    await self._write(self._memory)
                else:
                    await self._woken.wait()

    async def _looked(self, scheduler: Scheduler, runner_id: int) -> Memory:
        """What is in memory; at every tick, and when a run begins, read anew."""
        now = anyio.current_time()
        if self._memory is None or now - self._looked_at >= self._clock.tick_s:
            rescued = await runners.rescue_dead(self._database, runner_id, self._now())
            event_log.jobs_rescued(rescued)
            self._memory = await scheduler.look(self._memory)
            self._looked_at = now
            self._images.poll_now()
        return self._memory

    async def _gather(self) -> None:
        """With many calls in flight, wait for more of them to end."""
        under_way = self._calls.under_way
        if under_way >= MANY_IN_FLIGHT and len(self._calls.ended) < under_way:
            await anyio.sleep(GATHER_S)

    async def _sleep(self, until: int | None) -> None:
        """Until something happens, `until` comes, or it is time to look again."""
        left_s = self._clock.tick_s
        if until is not None:
            left_s = min(left_s, max(0.0, (until - self._now()) / 1000))
        left_s = max(0.0, min(left_s, self._runs.next_deadline - anyio.current_time()))
        with anyio.move_on_after(left_s):
            await self._woken.wait()

    def _wake(self, *, look: bool = False) -> None:
        """Have the loop take another turn; each of its sleeps has an event of its own."""
        if look:
            self._looked_at = float("-inf")
        self._woken.set()

    def _close(self) -> None:
        self._closing = True
        for run in self._runs:
            self.stop(run)
        self._wake()

    async def _conclude(self, memory: Memory, wait: Wait) -> None:
        """End the runs that are over, and show the others how things stand."""
        expired = await self._runs.conclude(memory, wait, self._standing())
        self._deadline = min([self._deadline, *expired])

    def _check_disk(self) -> None:
        try:
            free = shutil.disk_usage(self._database.path.parent).free
        except OSError:  # the folder has gone, or its disk fails: the next transaction tells
            return
        low = f"only {free // 1024**2} MB left on the disk; waiting for room"
        self._low_disk = low if free < DISK_FLOOR else None
        if self._low_disk is not None:
            self._log.trouble(self._low_disk)

    def _now(self) -> int:
        """The moment by the provider's clock, where it is known to differ from ours."""
        return self._hour.now()

    def _rules_of(self, batch_id: int) -> Rules | None:
        """What is wanted of a batch; nothing while no call may start."""
        return self._runs.rules_of(batch_id) if self._admitting else None

    @property
    def _any_trouble(self) -> str | None:
        """What keeps results from being written, if anything."""
        return self._write_error or self._low_disk or self._images.trouble

    def _standing(self) -> Standing:
        """What the runs need to know of the engine."""
        return Standing(
            at=self._clock.now(),
            skew_ms=self._hour.skew_ms,
            open_calls=self._calls.by_batch(),
            trouble=self._any_trouble,
            admitting=self._admitting,
            refusal=self._accounts.refusal,
            accounts=self._accounts.accounts,
        )

    def _scheduler(self, runner_id: int) -> Scheduler:
        return Scheduler(
            self._database,
            self._accounts,
            self._random,
            runner_id=runner_id,
            max_concurrency=self._options.max_concurrency,
            is_sure=lambda: self._hour.is_sure,
            # After a reset every process waits a little, not all the same while.
            reset_jitter_ms=round(self._random.random() * LONGEST_JITTER_MS),
        )


def _defect(error: Exception) -> EngineError:
    """What is told of an error that nobody has foreseen."""
    log.error("the engine has failed", exc_info=error)
    remedy = "report it, with a log (--log-file)"
    failure = EngineError(f"internal error: {error!r}", remedy=remedy)
    failure.__cause__ = error
    return failure

"""The engine: one loop for all calls of this process, of batches and of clients.

A turn of the loop settles all calls that have ended and admits all that may start, in one
transaction; while it is committed, more calls end. Every decision is in the database before it is
acted on, so the process may die at any point. Runs, pollers and clients only send events to the
engine, which alone admits and settles calls. Calls in flight may finish when the loop ends, up to a
deadline, since they run in a task group around it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from random import Random

import anyio

from runner.clock import Clock
from runner.core.demand import Rules
from runner.core.selection import Wait
from runner.core.stop_reason import StopReason, WaitsFor
from runner.engine import event_log
from runner.engine.account_pool import AccountPool
from runner.engine.bounds import Bounds, draw_reset_jitter
from runner.engine.call import EndedCall
from runner.engine.client_call import ClientQuestion, ClientRequest
from runner.engine.client_queue import ClientQueue
from runner.engine.draining import drain, give_up
from runner.engine.engine_status import EngineStatus
from runner.engine.event_log import EventLog
from runner.engine.image_poller import ImageTaskPoller
from runner.engine.memory import Memory, Turn
from runner.engine.open_calls import OpenCalls
from runner.engine.options import EngineOptions
from runner.engine.posts import Posts
from runner.engine.provider_clock import ProviderClock
from runner.engine.queue_reader import QueueReader
from runner.engine.run import Run
from runner.engine.runs import Runs
from runner.engine.scheduler import Scheduler
from runner.engine.trouble import RETRY_WRITE_S, Trouble, defect
from runner.engine.turn_writer import TurnWriter
from runner.engine.wake_event import WakeEvent
from runner.errors import RunnerError, StoreError, UnavailableError
from runner.providers.endpoint import Endpoint
from runner.store import runners
from runner.store.batches import Batch
from runner.store.database import Database

log = logging.getLogger(__name__)

# The longest wait of the first call for the balances; later ones are applied when they come.
FIRST_POLL_S = 5.0
# The longest time between two turns, after which the state is checked and shown again.
LONGEST_SLEEP_S = 45.0


class Engine:
    """Makes the calls of a process, inside `running`; `run` adds a run."""

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
        self._wake = WakeEvent()
        wake = self._wake.set
        provider_clock = self._provider_clock = ProviderClock(clock, endpoints, wake)
        self._now = provider_clock.now
        self._posts = Posts(wake)
        self._accounts = AccountPool(endpoints, self._posts.post, provider_clock)
        by_account = self._accounts.endpoints
        self._images = ImageTaskPoller(database, self._posts.post, by_account, provider_clock, wake)
        self._runs = Runs(database)
        self._clients = ClientQueue(self._now, wake)
        self._log = EventLog()
        self._calls = OpenCalls(self._accounts, self._now, self._runs.observers, wake)
        self._tasks: asyncio.TaskGroup
        self._reader: QueueReader
        self._writer: TurnWriter
        self._memory: Memory  # set when the loop begins
        self._closing = False
        self._trouble = Trouble(database.path.parent, self._log)
        self._unwritable: dict[int, str] = {}  # by batch: why its images cannot be written
        self._unstored: RunnerError | None = None  # the error about replies saved in a file
        self._ready = False  # whether the balances and the time were asked for
        self._admitting = False  # whether calls may start in this turn
        self._deadline = float("inf")  # when calls in flight are given up, in the loop's time (s)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Runs the engine inside the block; on exit, calls in flight may finish.

        Raises:
            StoreError: The database cannot be used.
        """
        failure: Exception | None = None
        try:
            async with runners.registered(self._database, self._clock.now) as runner_id:
                database, accounts = self._database, self._accounts
                jitter_ms = draw_reset_jitter(self._random)
                bounds = Bounds(self._options, jitter_ms, lambda: self._provider_clock.is_sure)
                scheduler = Scheduler(
                    database, accounts, self._clients, bounds, self._random, runner_id
                )
                self._reader = QueueReader(database, accounts, self._clock.tick_s, runner_id)
                self._writer = TurnWriter(database, scheduler, self._posts, self._now)
                async with anyio.create_task_group() as pollers:
                    pollers.start_soon(self._images.run, runner_id)
                    self._accounts.start_polling(pollers, self._wake.set)
                    pollers.start_soon(self._provider_clock.run)
                    async with anyio.create_task_group() as tasks:
                        tasks.start_soon(self._serve, scheduler)
                        try:
                            yield
                        except Exception as error:  # noqa: BLE001 - raised below, without a group
                            failure = error
                        self._close()
                    pollers.cancel_scope.cancel()
                if self._unstored is not None:  # so that nothing more is written
                    raise self._unstored
        except StoreError as error:
            failure = failure or self._unstored or error
        if failure := failure or self._unstored:
            raise failure

    async def run(self, run: Run) -> StopReason:
        """Works for `run` until it ends, and returns how.

        Raises:
            UnauthorisedError: Every account is refused; no job has failed for it.
            StoreError: The database is damaged.
        """
        event_log.run_started(run)
        self._runs.add(run)
        self.reread()
        try:
            await run.over.wait()
        finally:
            self._runs.remove(run)
        if run.failure is not None:
            raise run.failure
        return run.stop_reason or StopReason.STOPPED

    def ask(self, question: ClientQuestion) -> ClientRequest:
        """Queues a client's question, which goes before all batches."""
        return self._clients.add(question)

    def reread(self) -> None:
        """Reads the database again at once, after a write of this process."""
        self._reader.expire()
        self._wake.set()

    def stop(self, run: Run) -> None:
        """Stops `run`: no call starts for it, nor for clients if it is the server's run.

        It ends with its last call, or at a deadline.
        """
        if run.options.waits_for is WaitsFor.CLIENTS:
            self._clients.close()
        if not run.stopping:
            event_log.run_stopping(run)
        run.stop(anyio.current_time() + self._options.drain_s)
        self._wake.set()

    def abort(self) -> None:
        """Stops at once: calls in flight count as spent, and their jobs are queued again."""
        self._deadline = float("-inf")
        self._close()
        for run in self._runs:
            run.deadline = self._deadline

    # ---- the loop

    async def _serve(self, scheduler: Scheduler) -> None:
        """Runs the loop inside the task group of the calls, and drains the calls afterwards."""
        failure: RunnerError | None = None
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            try:
                await self._loop(scheduler)
            except RunnerError as error:
                failure = error
            except Exception as error:  # noqa: BLE001 - the runs end with it
                failure = defect(error)
            self._closing, self._admitting = True, False
            self._deadline = min(self._deadline, anyio.current_time() + self._options.drain_s)
            calls, trouble = self._calls, self._trouble
            calls.give_up_expired()
            drained = await drain(calls, self._write, self._wake, trouble, lambda: self._deadline)
            failure = drained or failure
            self._unstored = give_up(calls, self._database.path, failure, trouble)
            self._runs.end_all(self._unstored or failure)
            self._posts.close()

    async def _loop(self, scheduler: Scheduler) -> None:
        await self._await_balances(scheduler)
        self._ready = True
        while not self._is_over:
            self._wake.clear()
            try:
                wait = await self._turn(scheduler)
                if not self._is_over:
                    await self._sleep(wait.until)
            except UnavailableError as error:
                await self._wait_out(error)

    @property
    def _is_over(self) -> bool:
        """Whether the loop has ended its work."""
        return self._closing and not (self._calls and self._runs)

    async def _wait_out(self, error: UnavailableError) -> None:
        """Waits while the database cannot be written, and ends stopping runs at their deadlines.

        The calls that have ended by then are stored when the engine closes, or saved in a file.
        """
        self._admitting = False
        self._trouble.write_failed(error)
        self._posts.fail(error)
        self._runs.show(self._memory, Wait(None), self._status(), at_once=True)
        await anyio.sleep(RETRY_WRITE_S)
        with suppress(UnavailableError):
            await self._conclude(self._memory, Wait(None))
        self._trouble.retry()

    async def _turn(self, scheduler: Scheduler) -> Wait:
        """Takes one turn: reads if it is due, and writes if there is anything to write."""
        present = list(self._runs)
        self._provider_clock.check_jump()
        memory = await self._current_memory()
        self._runs.read_for(present)
        self._trouble.check_disk()
        self._unwritable = self._images.unwritable
        may_call = self._ready and self._provider_clock.is_known
        self._admitting = may_call and self._trouble.what is None
        has_news = self._has_news(memory)
        if self._admitting:
            self._clients.prune(self._accounts.accounts)
        wait = None if has_news else scheduler.wait(memory, self._rules_of, self._now())
        if wait is not None:
            await self._conclude(memory, wait)
            return wait
        turn = await self._write()
        self._accounts.want_prices(route for demand in turn.demands for route in demand.routes)
        await self._conclude(turn.memory, turn.wait)
        return turn.wait

    def _has_news(self, memory: Memory) -> bool:
        """Whether something must be stored, even if no call can start, or most likely will be."""
        if self._calls.ended or self._posts or (self._clients.has_new and self._admitting):
            return True
        return (due := memory.snapshot.next_due) is not None and due <= self._now()

    async def _write(self) -> Turn:
        """Settles ended calls and admits new ones; adopts the result once it is committed."""
        await self._calls.gather()
        written = await self._writer.write(self._memory, self._calls.ended, self._rules_of)
        for turn, ended in written:
            self._adopt(turn, ended)
        return written[-1][0]

    def _adopt(self, turn: Turn, ended: Sequence[EndedCall]) -> None:
        """Acts on a committed turn: starts its calls, and notifies everybody about ended ones."""
        self._log.adopted(self._memory, turn, ended)
        self._trouble.written()
        self._memory = turn.memory
        # First of all, since a call that is in the ledger and is not sent counts as spent.
        self._calls.start(self._tasks, turn.calls)
        self._clients.started(turn.calls)
        self._calls.settled(ended, turn.settlements)
        self._clients.settled(ended, turn.settlements)
        self._runs.see(turn.paused)
        for call in ended:
            self._accounts.learn(call, turn.memory.snapshot, self._now())
            self._provider_clock.learn(call.result.date, call.sent_at, call.ended_at)
        if any(settlement.started_task for settlement in turn.settlements):
            self._images.poll_now()

    async def _await_balances(self, scheduler: Scheduler) -> None:
        """Waits for the balances and the provider's time, up to `FIRST_POLL_S`."""
        self._memory = await self._reader.current(None, self._now())
        await self._accounts.recall_refused_formats(self._database)
        self._accounts.want_prices(scheduler.routes(self._memory))
        # What cannot be written now is written by the loop, which waits until it can be.
        with anyio.move_on_after(FIRST_POLL_S), suppress(UnavailableError):
            while not (self._closing or (self._accounts.polled and self._provider_clock.is_known)):
                self._wake.clear()
                if self._posts:
                    await self._write()
                else:
                    await self._wake.wait()

    async def _current_memory(self) -> Memory:
        """Returns the memory with other processes' changes since the last tick."""
        memory = await self._reader.current(self._memory, self._now())
        if memory is not self._memory:
            self._memory = memory
            self._images.poll_now()
        return memory

    async def _sleep(self, until: int | None) -> None:
        """Sleeps until it is woken, another process has written, or the time has come."""
        end = anyio.current_time() + max(self._clock.tick_s, LONGEST_SLEEP_S)
        for moment in (until, self._clients.next_deadline()):
            if moment is not None:
                end = min(end, anyio.current_time() + (moment - self._now()) / 1000)
        end, memory = min(end, self._runs.next_deadline), self._memory
        while not await self._wake.wait(min(end - anyio.current_time(), self._clock.tick_s)):
            self._provider_clock.check_jump()
            if await self._current_memory() is not memory or anyio.current_time() >= end:
                return

    def _close(self) -> None:
        self._closing = True
        self._clients.close()
        for run in self._runs:
            self.stop(run)
        self._wake.set()

    async def _conclude(self, memory: Memory, wait: Wait) -> None:
        """Refuses clients that wait in vain, ends runs that are over, and shows the others."""
        self._clients.conclude(wait)
        self._calls.expire(await self._runs.conclude(memory, wait, self._status()))

    def _rules_of(self, batch: Batch | None) -> Rules | None:
        """Returns the rules for the calls of a batch, or of clients; None if none may start."""
        if not self._admitting or (batch is not None and batch.id in self._unwritable):
            return None
        return self._runs.rules_of(batch)

    def _status(self) -> EngineStatus:
        """Returns the engine's state for its runs."""
        return EngineStatus(
            at=self._clock.now(),
            skew_ms=self._provider_clock.skew_ms,
            open_calls=self._calls.by_batch(),
            trouble=self._trouble.what,
            unwritable=self._unwritable,
            admitting=self._admitting,
            refusals=self._accounts.refusals,
            accounts=self._accounts.accounts,
        )

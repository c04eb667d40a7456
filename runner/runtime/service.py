"""The service: looks, lets the core decide, starts calls, settles them, until nothing is left.

One task group for the calls outlives the intake: stopping the intake drains the calls, up to a
deadline. What was decided is in the database before it is done; so the service may die anywhere.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from random import Random

import anyio
from anyio.abc import TaskGroup

from runner.clock import Clock
from runner.core import schedule
from runner.core.gate import Cause
from runner.core.lane import Route
from runner.core.outcome import CLOCK_TOLERANCE_MS
from runner.core.quota import Refused
from runner.core.schedule import Start, Wait
from runner.core.verdict import Kind, Verdict
from runner.errors import BusyError, DiskFullError, RunnerError, StoreError
from runner.providers.endpoint import CallResult, Endpoint
from runner.runtime.executor import Task, after_refusal, compile_task, execute
from runner.runtime.gallery import Gallery
from runner.runtime.options import Options
from runner.runtime.pauses import Pauses
from runner.runtime.progress import Ending, Progress, Watcher, nobody
from runner.runtime.roster import Roster
from runner.runtime.view import View, look
from runner.runtime.writer import Writer
from runner.store import dispatch, queue, runners
from runner.store.database import Database
from runner.store.dispatch import Ended, Order, Started

# Waits that only a later day, or the user, can end; `--no-wait` stops at them.
LONG_WAITS = frozenset({Cause.SPENT, Cause.EARLY, Cause.GONE, "hours", "capped"})
# Below this much free disk nothing new is started: results in flight must find room.
DISK_FLOOR = 32 * 1024 * 1024
RETRY_WRITE_S = 2.0
# How long the first call may wait for the balances; one that comes later is heeded then.
FIRST_LOOK_S = 5.0
LONGEST_MARGIN_MS = 3_000


class Service:
    """One runner: drains the queue of a database through one account or several."""

    def __init__(
        self,
        database: Database,
        endpoints: Sequence[Endpoint],
        clock: Clock,
        options: Options,
        *,
        chance: Random | None = None,
        watcher: Watcher = nobody,
    ) -> None:
        self._database = database
        self._clock = clock
        self._options = options
        self._chance = chance or Random()  # noqa: S311 - jitter
        self._watcher = watcher
        self._writer = Writer(database)
        self._roster = Roster(endpoints, self._writer, clock, options.max_concurrency)
        self._gallery = Gallery(
            database, self._writer, {e.account.name: e for e in endpoints}, clock, self._wake
        )
        self._shares: Counter[int] = Counter()  # calls started for each batch, to share alike
        self._pauses = Pauses()
        self._tasks: dict[int, Task] = {}
        self._woken = anyio.Event()
        self._stopping = False
        self._watched = False  # whether somebody watches the balances
        self._broken: RunnerError | None = None
        self._no_room: str | None = None
        self._shown: Progress | None = None
        self._unwritten: dict[int, str] = {}  # by call: why its end cannot be recorded
        self._skew_ms = 0
        self._patrol_at = 0
        self._left, self._left_since = -1, 0
        # After a reset every runner waits a little, not all the same while.
        self._margin_ms = round(self._chance.random() * LONGEST_MARGIN_MS)

    def stop(self) -> None:
        """Start nothing new; let calls in flight finish, within the drain time."""
        self._stopping = True
        self._show_stopping()
        self._woken.set()

    async def run(self) -> Ending:
        """Work until nothing is left, or until stopped.

        Raises:
            UnauthorisedError: Every account is refused; no job was failed for it.
            StoreError: The database is damaged.
            JobFileError: A stored job file cannot be read.
        """
        async with (
            runners.registered(self._database, self._clock.now()) as runner_id,
            anyio.create_task_group() as background,
        ):
            background.start_soon(self._writer.run)
            background.start_soon(self._gallery.run)
            ending = await self._drain(runner_id, background)
            background.cancel_scope.cancel()
        if failure := self._broken or self._roster.refusal:
            raise failure
        return ending

    async def _drain(self, runner_id: int, background: TaskGroup) -> Ending:
        async with anyio.create_task_group() as calls:
            ending = await self._intake(runner_id, calls, background)
            calls.cancel_scope.deadline = anyio.current_time() + self._options.drain_s
        return ending

    async def _intake(self, runner_id: int, calls: TaskGroup, background: TaskGroup) -> Ending:
        while not self._stopping:
            self._woken = anyio.Event()
            try:
                if not self._watched:
                    await self._watch_purses(background)
                    continue
                ending = await self._turn(runner_id, calls)
            except (BusyError, DiskFullError) as error:
                self._no_room = error.what
                await self._sleep(None)
            except RunnerError as error:
                self._broken = error
                return Ending.STOPPED
            else:
                if ending is not None:
                    return ending
        return Ending.STOPPED

    async def _watch_purses(self, background: TaskGroup) -> None:
        """Have the balances watched, and wait a little for what the first looks tell."""
        self._roster.watch_purses(background, await self._look(), self._wake)
        self._watched = True
        with anyio.move_on_after(FIRST_LOOK_S):
            while not (self._stopping or self._roster.looked):
                self._woken = anyio.Event()
                await self._woken.wait()

    async def _turn(self, runner_id: int, calls: TaskGroup) -> Ending | None:
        """Look, decide, and do one thing; the ending, if this is the end."""
        await self._patrol(runner_id)
        view = await self._look()
        self._roster.meet(view)
        decision = schedule.decide(
            view.works, self._roster.lanes(view), self._options.rules, self._now()
        )
        self._show(view, decision)
        if self._trouble is not None:  # no new call while an old one's end cannot be kept
            await self._sleep(None)
        elif isinstance(decision, Start):
            await self._start(decision, view, runner_id, calls)
        elif (ending := self._ending(view, decision)) is not None:
            return ending
        else:
            await self._sleep(decision.until)
        return None

    async def _look(self) -> View:
        self._check_disk()
        accounts, only = self._roster.accounts, self._options.only
        async with self._database.read() as connection:
            view = await look(connection, accounts, only, self._now(), self._margin_ms)
            await self._pauses.heed(connection, view)
        if view.next_due is None or view.next_due > self._now():
            return replace(view, works=tuple(map(self._shared, view.works)))
        await self._writer.do(partial(queue.promote, now=self._now()))
        return await self._look()

    def _shared(self, work: schedule.Work) -> schedule.Work:
        """`work` with what it has had; who comes later has had as little as the least."""
        if work.batch_id not in self._shares:
            self._shares[work.batch_id] = min(self._shares.values(), default=0)
        return replace(work, share=self._shares[work.batch_id])

    async def _patrol(self, runner_id: int) -> None:
        """Take back the jobs of runners that have died, at every tick."""
        now = self._clock.now()
        if abs(now - self._patrol_at) >= self._clock.tick_s * 1000:
            await runners.rescue_dead(self._database, runner_id, now)
            self._gallery.hurry()
            self._patrol_at = now

    async def _start(self, decision: Start, view: View, runner_id: int, calls: TaskGroup) -> None:
        account_name, model = decision.route
        count = await self._roster.acquire(account_name, decision.count)
        batch = view.batch(decision.batch_id)
        task = self._tasks.get(batch.id) or compile_task(batch)
        self._tasks[batch.id] = task
        lane = self._roster.lane(decision.route)
        work = next(work for work in view.works if work.batch_id == batch.id)
        order = Order(
            batch,
            account_name,
            model,
            lane.account.quotas,
            count,
            runner_id,
            lane.view(()).cost,
            only_way=len(work.routes) == 1,
        )
        # Reserved calls must reach their tasks: no cancellation may come between.
        with anyio.CancelScope(shield=True):
            started = await self._writer.do(
                partial(dispatch.start, order=order, now=self._now(), margin_ms=self._margin_ms)
            )
            if not isinstance(started, Refused):
                self._shares[batch.id] += len(started)
                for one in started:
                    lane.started()
                    calls.start_soon(self._call, one, task, decision.route)

    async def _call(self, started: Started, task: Task, route: Route) -> None:
        lane, sent_at = self._roster.lane(route), self._clock.now()
        try:
            ended = await self._execute(started, task)
            outcome = ended.outcome
            lane.learn(outcome.verdict.kind, outcome.tokens, sent_at, self._clock.now())
            self._heed(ended, sent_at)
            await self._settle(ended)
        finally:
            lane.ended()
            self._show_stopping()
            self._woken.set()

    async def _execute(self, started: Started, task: Task) -> Ended:
        try:
            endpoint = self._roster.endpoint(started.account)
            return await execute(
                started, task, endpoint, self._now, self._chance.random, self._options.observer
            )
        except Exception as error:  # noqa: BLE001 - a defect of ours must not lose a paid call
            heard = CallResult(Verdict(Kind.TRANSIENT, f"internal error: {error!r}", scope=None))
            ends = after_refusal(started, task, heard, self._now(), chance=1)
            return Ended(started, heard.outcome(probe=started.probe), ends)

    def _heed(self, ended: Ended, sent_at: int) -> None:
        """Learn what concerns more than one job: a refused account, a clock that is wrong."""
        date, now = ended.outcome.date, self._clock.now()
        self._roster.heed(ended.started.account, ended.outcome.verdict)
        # A reply that took long, perhaps over a laptop's sleep, tells nothing about clocks.
        if date is not None and now - sent_at < CLOCK_TOLERANCE_MS:
            skew = date - now
            self._skew_ms = skew if abs(skew) > CLOCK_TOLERANCE_MS else 0

    async def _settle(self, ended: Ended) -> None:
        """Record the end of a call; while that fails, keep it in memory and try again."""
        while True:
            try:
                await self._writer.do(partial(dispatch.finish, ended=ended, now=self._now()))
            except (BusyError, DiskFullError) as error:
                self._unwritten[ended.started.call_id] = error.what
                await anyio.sleep(RETRY_WRITE_S)
            except StoreError as error:
                self._broken = error
                self.stop()
                return
            else:
                self._unwritten.pop(ended.started.call_id, None)
                self._gallery.hurry()
                return

    def _ending(self, view: View, decision: Wait) -> Ending | None:
        if self._roster.in_flight:
            return None
        if not view.works:
            return Ending.DONE if not view.batches else Ending.STOPPED
        if self._stalled(view):
            return Ending.STALLED
        causes = {reason.cause for reason in decision.reasons}
        stuck = causes <= (LONG_WAITS if not self._options.wait else {"capped"})
        return Ending.SPENT if stuck else None

    def _stalled(self, view: View) -> bool:
        """Whether no row was brought to an end for as long as the run is to try."""
        left = sum(batch.counts.unfinished for batch in view.batches)
        if left != self._left:
            self._left, self._left_since = left, self._clock.now()
        patience = self._options.patience_ms
        return patience is not None and self._clock.now() - self._left_since > patience

    async def _sleep(self, until: int | None) -> None:
        """Until something happens, `until` comes, or it is time to look at the clock again."""
        tick_s = self._clock.tick_s
        left_s = tick_s if until is None else max(0.0, (until - self._now()) / 1000)
        with anyio.move_on_after(min(tick_s, left_s)):
            await self._woken.wait()

    def _check_disk(self) -> None:
        free = shutil.disk_usage(self._database.path.parent).free
        low = f"only {free // 1024**2} MB left on the disk; waiting for room"
        self._no_room = low if free < DISK_FLOOR else None

    @property
    def _trouble(self) -> str | None:
        """What keeps results from being written, if anything."""
        return next(iter(self._unwritten.values()), self._no_room) or self._gallery.trouble

    def _now(self) -> int:
        """The moment by the provider's clock, where it is known to differ from ours."""
        return self._clock.now() + self._skew_ms

    def _wake(self) -> None:
        """Have the intake look again; each of its sleeps has an event of its own."""
        self._woken.set()

    def _show(self, view: View, decision: Start | Wait) -> None:
        waiting = decision if isinstance(decision, Wait) else Wait(None)
        windows = {w for found in view.windows.values() for w in found if w.revealed}
        shown = Progress(
            at=self._clock.now(),
            batches=view.batches,
            waiting=waiting.reasons,
            until=waiting.until and waiting.until - self._skew_ms,
            windows=tuple(sorted(windows, key=lambda w: (w.account, w.model, w.quota))),
            in_flight=self._roster.in_flight,
            forecast=self._roster.forecast(view, self._options.rules, self._now()),
            trouble=self._trouble,
            stopping=self._stopping,
            paused=self._pauses.batches,
        )
        self._shown = shown
        self._watcher(shown)

    def _show_stopping(self) -> None:
        """Once the intake has ended, nobody looks any more: only calls end."""
        if self._stopping and self._shown is not None:
            self._shown = replace(
                self._shown,
                at=self._clock.now(),
                waiting=(),
                until=None,
                in_flight=self._roster.in_flight,
                stopping=True,
            )
            self._watcher(self._shown)

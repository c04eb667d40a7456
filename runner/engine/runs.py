"""The runs that the engine works for: what they want, when each is over, what each is shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import anyio

from runner.core.demand import Rules
from runner.core.ending import Ending, ends_run
from runner.core.selection import Wait
from runner.core.states import BatchState
from runner.engine import event_log
from runner.engine.call import Observer
from runner.engine.client_queue import CLIENT_RULES
from runner.engine.memory import Memory
from runner.engine.run import Run
from runner.engine.showing import progress_of
from runner.engine.snapshot import is_runnable
from runner.errors import RunnerError, UnauthorisedError
from runner.providers.account import Account
from runner.store import batches
from runner.store.batches import Batch
from runner.store.database import Database

# How often a watcher is shown what happens while calls are made.
SHOW_EVERY_S = 0.25


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """How the engine stands at one moment.

    Attributes:
        at: The moment, by this machine's clock (ms since the epoch).
        skew_ms: How far the provider's clock is ahead.
        open_calls: By batch, its calls that are under way, or that have ended and are not settled.
        trouble: What keeps results from being written, if anything.
        admitting: Whether calls could start in the latest turn; if not, it tells nothing.
        refusal: Why nobody can be called any more, if it is so.
        accounts: Those that may be called.
    """

    at: int
    skew_ms: int
    open_calls: Mapping[int, int]
    trouble: str | None
    admitting: bool
    refusal: UnauthorisedError | None
    accounts: tuple[Account, ...]

    def open_calls_of(self, run: Run) -> int:
        """How many calls of `run` are not settled."""
        return sum(number for key, number in self.open_calls.items() if run.covers(key))


class Runs:
    """The runs under way."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._runs: list[Run] = []
        self._are_over = False
        self._failure: RunnerError | None = None

    def __iter__(self) -> Iterator[Run]:
        return iter(list(self._runs))

    def __bool__(self) -> bool:
        return bool(self._runs)

    def add(self, run: Run) -> None:
        """Work for `run`, too; once the engine has ended, `run` ends as the others did."""
        self._runs.append(run)
        if self._are_over:
            run.end(Ending.STOPPED, self._failure)

    def begin_turn(self) -> None:
        """A turn begins: it knows the runs of now, and tells nothing of one that comes later."""
        for run in self._runs:
            run.is_known = True

    def remove(self, run: Run) -> None:
        """Work no more for `run`."""
        if run in self._runs:
            self._runs.remove(run)

    def end_all(self, failure: RunnerError | None) -> None:
        """The engine ends, and every run with it."""
        self._are_over, self._failure = True, failure
        for run in self:
            run.end(Ending.STOPPED, failure)

    def rules_of(self, batch: Batch | None) -> Rules | None:
        """What a run that names the batch wants of its calls, or else any run; or of clients."""
        if batch is None:
            return CLIENT_RULES
        found = None
        for run in self._runs:
            if not run.stopping and run.concerns(batch):
                if run.options.only is not None:
                    return run.options.rules
                found = found or run.options.rules
        return found

    def observers(self, batch_id: int) -> list[Observer]:
        """Who is shown what is said in the calls of a batch."""
        return [
            run.options.observer
            for run in self._runs
            if run.options.observer is not None and run.covers(batch_id)
        ]

    @property
    def next_deadline(self) -> float:
        """When the first run that was stopped gives its calls up, in the loop's time."""
        return min((run.deadline for run in self._runs), default=float("inf"))

    async def conclude(self, memory: Memory, wait: Wait, status: EngineStatus) -> list[float]:
        """End the runs that are over, and show the others how things stand.

        Returns the deadlines of those that ended with calls under way.
        """
        await self._note_paused(memory)
        expired = []
        for run in self:
            if not run.is_known:
                continue
            if (ending := _ending(run, memory, wait, status)) is not None:
                if status.open_calls_of(run) and run.stopping:
                    expired.append(run.deadline)
                _show(run, memory, wait, status)
                event_log.run_ended(run, ending)
                run.end(ending, status.refusal if ending is Ending.STOPPED else None)
                self._runs.remove(run)
        self.show(memory, wait, status)
        return expired

    def show(
        self, memory: Memory, wait: Wait, status: EngineStatus, *, at_once: bool = False
    ) -> None:
        """Show those who watch how things stand, not more often than they can look."""
        now = anyio.current_time()
        for run in self._runs:
            due = now - run.shown_at >= SHOW_EVERY_S
            idle = not status.open_calls
            if run.options.watcher is not None and (at_once or due or idle):
                run.shown_at = now
                _show(run, memory, wait, status)

    async def _note_paused(self, memory: Memory) -> None:
        """Find out which of the batches that have gone were paused, and which are no more."""
        for run in self:
            gone = run.gone(memory.snapshot.batches)
            at_work = any(run.concerns(batch) for batch in memory.snapshot.batches.values())
            if not gone and (not run.paused or at_work):
                continue
            async with self._database.read() as connection:
                known = await batches.get_batches(connection, {*gone, *run.paused})
            # One that was resumed is held until the engine has read that, or the run would end.
            paused = {b.id: b for b in known if b.state is BatchState.PAUSED or is_runnable(b)}
            for batch_id in paused.keys() - run.paused.keys():
                event_log.batch_paused(paused[batch_id])
            run.paused = paused


def _ending(run: Run, memory: Memory, wait: Wait, status: EngineStatus) -> Ending | None:
    """Why `run` is over, if it is."""
    own = [batch for batch in memory.snapshot.batches.values() if run.concerns(batch)]
    run.waiting = tuple(reason for reason in wait.reasons if run.covers(reason.key))
    stalled = run.stalled(own, status.at)
    if run.stopping and anyio.current_time() >= run.deadline:
        return Ending.STOPPED
    if status.open_calls_of(run) or (run.options.lasting and not run.stopping):
        return None
    if not own and not run.is_held and not run.options.forever:
        return Ending.DONE
    if run.stopping or status.refusal is not None:
        return Ending.STOPPED
    if stalled:
        return Ending.STALLED
    if not own or run.options.forever:
        return None
    return _worth_waiting(run, status)


def _worth_waiting(run: Run, status: EngineStatus) -> Ending | None:
    """Why `run` is over with work left, if it is."""
    if not status.admitting:
        return None
    if not run.waiting:
        return Ending.STOPPED  # no account serves any of its batches
    now = status.at + status.skew_ms
    return Ending.SPENT if ends_run(run.waiting, now, wait=run.options.wait) else None


def _show(run: Run, memory: Memory, wait: Wait, status: EngineStatus) -> None:
    if run.options.watcher is not None:
        run.options.watcher(
            progress_of(
                run,
                memory,
                wait,
                status.accounts,
                at=status.at,
                skew_ms=status.skew_ms,
                in_flight=status.open_calls_of(run),
                trouble=status.trouble,
            )
        )

"""The runs that the engine works for: their rules, their ends, and their progress."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import anyio

from runner.core.demand import Rules
from runner.core.selection import Wait
from runner.core.states import BatchState
from runner.core.stop_reason import StopReason, WaitsFor, ends_run
from runner.engine import event_log
from runner.engine.call import Observer
from runner.engine.client_queue import CLIENT_RULES
from runner.engine.engine_status import EngineStatus
from runner.engine.memory import Memory
from runner.engine.run import Run
from runner.engine.showing import progress_of
from runner.engine.snapshot import is_runnable
from runner.errors import RunnerError
from runner.store import batches
from runner.store.batches import Batch
from runner.store.database import Database

# The least time between two calls of a watcher while calls are in flight, and between two reads of
# what became of batches.
SHOW_EVERY_S = 0.25


class Runs:
    """The present runs."""

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
        """Adds a run; once the engine has ended, it ends at once as the others did."""
        self._runs.append(run)
        if self._are_over:
            run.end(StopReason.STOPPED, self._failure)

    def read_for(self, present: Iterable[Run]) -> None:
        """Notes that the queue was read while these runs were `present`.

        No other run may end yet, unless it is stopping: its batches may have come after the
        reading.
        """
        for run in present:
            run.is_known = True

    def see(self, batch_ids: Collection[int]) -> None:
        """Notes batches that the runs may never have found present, as they were paused at once."""
        for run in self._runs:
            run.see(batch_ids)

    def remove(self, run: Run) -> None:
        """Removes a run."""
        if run in self._runs:
            self._runs.remove(run)

    def end_all(self, failure: RunnerError | None) -> None:
        """Ends every run, as the engine ends."""
        self._are_over, self._failure = True, failure
        for run in self:
            run.end(StopReason.STOPPED, failure)

    def rules_of(self, batch: Batch | None) -> Rules | None:
        """Returns the rules for the calls of a batch, or of clients (None).

        The rules of a run that names the batch take precedence; None if no run works on it.
        """
        if batch is None:
            return CLIENT_RULES
        rules = None
        for run in self._runs:
            if not run.stopping and run.concerns(batch):
                if run.options.only is not None:
                    return run.options.rules
                rules = rules or run.options.rules
        return rules

    def observers(self, batch_id: int) -> list[Observer]:
        """Returns the observers of the calls of a batch."""
        return [
            run.options.observer
            for run in self._runs
            if run.options.observer is not None and run.covers(batch_id)
        ]

    @property
    def next_deadline(self) -> float:
        """When the first stopping run gives up its calls, in the loop's time (s)."""
        return min((run.deadline for run in self._runs), default=float("inf"))

    async def conclude(self, memory: Memory, wait: Wait, status: EngineStatus) -> set[int]:
        """Ends the runs that are over, and shows the others their progress.

        Returns the demands with open calls that none of the runs waits for any more.
        """
        await self._note_paused(memory, status)
        ended = []
        for run in self:
            if not (run.is_known or run.stopping):
                continue
            if (stop_reason := _stop_reason(run, memory, wait, status)) is not None:
                _show(run, memory, wait, status)
                event_log.run_ended(run, stop_reason)
                run.end(stop_reason, status.refusal if stop_reason is StopReason.STOPPED else None)
                self._runs.remove(run)
                ended.append(run)
        self.show(memory, wait, status)
        return {
            key
            for key in (status.open_calls if ended else ())
            if any(run.covers(key) for run in ended)
            and not any(run.covers(key) for run in self._runs)
        }

    def show(
        self, memory: Memory, wait: Wait, status: EngineStatus, *, at_once: bool = False
    ) -> None:
        """Calls the watchers with the progress, at a limited rate while calls are open."""
        now = anyio.current_time()
        for run in self._runs:
            due = now - run.shown_at >= SHOW_EVERY_S
            idle = not status.open_calls
            if run.options.watcher is not None and (at_once or due or idle):
                run.shown_at = now
                _show(run, memory, wait, status)

    async def _note_paused(self, memory: Memory, status: EngineStatus) -> None:
        """Updates the paused batches of each run, by reading those that left the snapshot.

        While calls are open, it is done at a limited rate, since batches also leave at their ends.
        """
        for run in self:
            departed = run.departed(memory.snapshot.batches)
            at_work = any(run.concerns(batch) for batch in memory.snapshot.batches.values())
            if not departed and (not run.paused or at_work):
                continue
            now = anyio.current_time()
            if at_work and status.open_calls and now - run.noted_at < SHOW_EVERY_S:
                continue
            run.noted_at = now
            async with self._database.read() as connection:
                stored = await batches.get_batches(connection, {*departed, *run.paused})
            run.forget(departed)
            # A resumed batch stays until the engine has read it, or the run would end.
            paused = {b.id: b for b in stored if b.state is BatchState.PAUSED or is_runnable(b)}
            for batch_id in paused.keys() - run.paused.keys():
                event_log.batch_paused(paused[batch_id])
            run.paused = paused


def _stop_reason(run: Run, memory: Memory, wait: Wait, status: EngineStatus) -> StopReason | None:
    """Returns why `run` is over; None if it is not."""
    own = [batch for batch in memory.snapshot.batches.values() if run.concerns(batch)]
    run.waiting = tuple(reason for reason in wait.reasons if run.covers(reason.key))
    stalled = run.stalled(own, status.at)
    if run.stopping and anyio.current_time() >= run.deadline:
        return StopReason.STOPPED
    waits_for = run.options.waits_for
    if status.open_calls_of(run) or (waits_for is WaitsFor.CLIENTS and not run.stopping):
        return None
    if run.is_known and not own and not run.is_held and waits_for < WaitsFor.WORK:
        return StopReason.DONE
    if run.stopping or status.refusal is not None:
        return StopReason.STOPPED
    if stalled:
        return StopReason.STALLED
    if not own or waits_for >= WaitsFor.WORK:
        return None
    return _worth_waiting(run, status)


def _worth_waiting(run: Run, status: EngineStatus) -> StopReason | None:
    """Returns why `run` is over with work left; None if it is not."""
    if not status.admitting or status.trouble_of(run) is not None:
        return None
    if not run.waiting:
        return StopReason.STOPPED  # no account serves any of its batches
    now = status.at + status.skew_ms
    wait = run.options.waits_for >= WaitsFor.ALLOWANCE
    return StopReason.SPENT if ends_run(run.waiting, now, wait=wait) else None


def _show(run: Run, memory: Memory, wait: Wait, status: EngineStatus) -> None:
    if run.options.watcher is not None:
        run.options.watcher(progress_of(run, memory, wait, status))

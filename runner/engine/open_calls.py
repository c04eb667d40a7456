"""The calls that are not settled yet: those in flight, and those that have ended."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import anyio

from runner.core.settlement import Settlement
from runner.engine import event_log
from runner.engine.account_pool import AccountPool
from runner.engine.call import CallTrace, EndedCall, Observer, PreparedCall, loop_ms, make_call
from runner.language import _
from runner.store import set_aside

GATHER_S = 0.002
MANY_UNDER_WAY = 8
# Calls that take longer leave the processor time for more turns, and a wait would cost throughput.
SHORT_CALL_MS = 100


class OpenCalls:
    """Makes calls in a task group, and keeps each ended call until its settlement is stored.

    Args:
        accounts: The accounts with their endpoints.
        now: Returns the present moment by the provider's clock.
        observers: Returns the observers of a demand's calls.
        wake: Called when a call has ended.
    """

    def __init__(
        self,
        accounts: AccountPool,
        now: Callable[[], int],
        observers: Callable[[int], Sequence[Observer]],
        wake: Callable[[], None],
    ) -> None:
        self._accounts = accounts
        self._now = now
        self._observers = observers
        self._wake = wake
        self._ended: list[EndedCall] = []
        self._under_way: Counter[int] = Counter()
        self._tasks: dict[asyncio.Task[None], int] = {}  # with the key of its demand
        self._expired: set[asyncio.Task[None]] = set()

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._ended or self.under_way)

    @property
    def under_way(self) -> int:
        """The number of calls in flight."""
        return self._under_way.total()

    @property
    def ended(self) -> Sequence[EndedCall]:
        """The ended calls that are not stored yet, in the order in which they ended."""
        return tuple(self._ended)

    def by_batch(self) -> Counter[int]:
        """Returns the number of calls by the key of their demand."""
        ended = Counter(each.prepared.call.permit.key for each in self._ended)
        return +(self._under_way + ended)

    def start(self, tasks: asyncio.TaskGroup, calls: Sequence[PreparedCall]) -> None:
        """Starts calls that are in the ledger, as asyncio tasks; anyio's cost 14 µs more each."""
        self._under_way.update(prepared.call.permit.key for prepared in calls)
        for prepared in calls:
            task = tasks.create_task(self._make(prepared))
            self._tasks[task] = prepared.call.permit.key
            task.add_done_callback(self._forget)

    def expire(self, keys: Collection[int]) -> None:
        """Notes that nobody waits any more for the calls of these demands that are in flight.

        An answer that comes nevertheless is stored, as it was paid for.
        """
        self._expired.update(task for task, key in self._tasks.items() if key in keys)

    def give_up_expired(self) -> None:
        """Cancels the calls that nobody waits for; in the ledger they count as spent."""
        for task in self._expired:
            task.cancel()

    def give_up(self) -> None:
        """Cancels the calls in flight; in the ledger they count as spent."""
        for task in self._tasks:
            task.cancel()

    async def gather(self) -> None:
        """Waits a moment for more calls to end, if many short ones are in flight.

        They are then settled together, which takes less time than one after the other.
        """
        if not self._ended or self.under_way < max(MANY_UNDER_WAY, len(self._ended) + 1):
            return
        if loop_ms() - self._ended[0].sent_loop_ms < SHORT_CALL_MS:
            await anyio.sleep(GATHER_S)

    def keep(self, database: Path, why: str) -> str:
        """Writes the ended calls to a file beside the database; returns a message about it."""
        kept = [each.set_aside(why, self._now()) for each in self._ended]
        try:
            path = set_aside.write_beside(database, kept)
        except OSError as error:
            return _("what came of {kept} calls could not be kept ({reason})").format(
                kept=len(kept), reason=error.strerror
            )
        return _("what came of {kept} calls could not be stored and is kept in {path}").format(
            kept=len(kept), path=path
        )

    def settled(self, ended: Sequence[EndedCall], settlements: Sequence[Settlement]) -> None:
        """Removes the first ended calls, which are stored, and notifies their observers."""
        self._ended = self._ended[len(ended) :]
        for ended_call, settlement in zip(ended, settlements, strict=True):
            call = ended_call.prepared.call
            for observer in self._observers(call.permit.key):
                observer(CallTrace(call, ended_call.sent, ended_call.result, settlement.jobs))

    async def _make(self, prepared: PreparedCall) -> None:
        key = prepared.call.permit.key
        watched = bool(self._observers(key)) or event_log.wants_content()
        endpoint = self._accounts.endpoints[prepared.call.permit.route[0]]
        try:
            ended = await make_call(prepared, endpoint, self._now, watched=watched)
            self._ended.append(ended)
        finally:
            self._under_way[key] -= 1
            if not self._under_way[key]:
                del self._under_way[key]  # or it would keep the key of every client's request
            self._wake()

    def _forget(self, task: asyncio.Task[None]) -> None:
        del self._tasks[task]
        self._expired.discard(task)

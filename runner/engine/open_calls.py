"""The calls that are not settled yet: those under way, and those that have ended."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import anyio

from runner.core.settlement import Settlement
from runner.engine import event_log
from runner.engine.account_pool import AccountPool
from runner.engine.call import CallTrace, EndedCall, Observer, PreparedCall, make_call
from runner.language import _
from runner.store import set_aside

GATHER_S = 0.002
MANY_UNDER_WAY = 8


class OpenCalls:
    """Makes calls in a task group, and keeps each that has ended until its end is stored.

    Args:
        accounts: Where calls are sent.
        now: The moment by the provider's clock.
        observers: By batch, who watches its calls.
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
        self._tasks: set[asyncio.Task[None]] = set()

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._ended or self.under_way)

    @property
    def under_way(self) -> int:
        """Calls that have not ended."""
        return self._under_way.total()

    @property
    def ended(self) -> Sequence[EndedCall]:
        """Calls whose end is not stored yet, in the order in which they have ended."""
        return tuple(self._ended)

    def by_batch(self) -> Counter[int]:
        """All of them, by batch."""
        ended = Counter(one.prepared.call.permit.key for one in self._ended)
        return +(self._under_way + ended)

    def start(self, tasks: asyncio.TaskGroup, calls: Sequence[PreparedCall]) -> None:
        """Make calls that are in the ledger. A task of anyio's would cost each 14 µs more."""
        self._under_way.update(prepared.call.permit.key for prepared in calls)
        for prepared in calls:
            task = tasks.create_task(self._make(prepared))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def give_up(self) -> None:
        """Cancel the calls under way; in the ledger they count as spent."""
        for task in self._tasks:
            task.cancel()

    async def gather(self) -> None:
        """With many under way, wait a moment for more of them to end: they are settled together."""
        under_way = self.under_way
        if under_way >= MANY_UNDER_WAY and len(self._ended) < under_way:
            await anyio.sleep(GATHER_S)

    def keep(self, database: Path, why: str) -> str:
        """Write what has ended to a file beside the database; what is told of it."""
        kept = [one.set_aside(why, self._now()) for one in self._ended]
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
        """The ends of the first of them are stored: forget them, and tell who watches."""
        self._ended = self._ended[len(ended) :]
        for one, settlement in zip(ended, settlements, strict=True):
            call = one.prepared.call
            for observer in self._observers(call.permit.key):
                observer(CallTrace(call, one.sent, one.result, settlement.jobs))

    async def _make(self, prepared: PreparedCall) -> None:
        key = prepared.call.permit.key
        watched = bool(self._observers(key)) or event_log.wants_content()
        endpoint = self._accounts.endpoints[prepared.call.permit.route[0]]
        ended = await make_call(prepared, endpoint, self._now, watched=watched)
        self._under_way[key] -= 1
        self._ended.append(ended)
        self._wake()

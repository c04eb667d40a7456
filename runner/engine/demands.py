"""The demands of a turn: those of the server's clients, and those of the batches that may run.

How many calls of a batch could start is known where its jobs are read ahead. Elsewhere its counts
tell the largest number, so that only the jobs of admitted calls must be read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.admission import Admission
from runner.core.demand import Cap, Demand, Rules
from runner.core.route import Route
from runner.engine.client_caps import capped
from runner.engine.client_queue import ClientQueue, is_of_client
from runner.engine.memory import Memory, shares_of
from runner.engine.read_ahead import CALLS_AHEAD, ReadAhead
from runner.engine.snapshot import Snapshot, demand_of, has_work, routes_of
from runner.providers.account import Account
from runner.store.batches import Batch
from runner.store.counts import Changes

RulesOf = Callable[[Batch | None], Rules | None]
"""Returns the rules for the calls of a batch, or of clients (None); None if none may start."""


def admit_nothing(_batch: Batch | None) -> Rules | None:
    """Returns no rules, so that no call starts."""
    return None


class Demands:
    """The demands of one turn.

    Args:
        memory: The state in which the turn admits calls.
        clients: The requests of clients.
        accounts: The accounts that may be called.
        rules_of: Returns the user's rules for a batch.
        read_ahead: The jobs that are read ahead.
        free: The number of calls that may start in this process.

    Attributes:
        shares: The number of calls that each demand has had, for fair sharing.
    """

    def __init__(
        self,
        memory: Memory,
        clients: ClientQueue,
        accounts: Sequence[Account],
        rules_of: RulesOf,
        read_ahead: ReadAhead,
        free: int,
    ) -> None:
        self._snapshot = memory.snapshot
        self._of_clients = clients.demands(accounts) if rules_of(None) is not None else []
        self._batches = _wanted(memory.snapshot, accounts, rules_of)
        self._read_ahead = read_ahead
        self._free = max(1, free)
        self._names = [account.name for account in accounts]
        self._most: dict[int, int] = {}  # calls of a batch that may start beside others' calls
        self._read: set[int] = set()  # in this turn
        own = [batch.id for batch, _, _ in self._batches]
        self.shares = shares_of(memory.shares, [*(each.key for each in self._of_clients), *own])
        batches = memory.snapshot.batches.values()
        of_batches = {batch.id: batch.client for batch in batches if batch.client}
        self._owners = {**of_batches, **clients.names()}

    @property
    def routes(self) -> set[Route]:
        """Every route that a call of a demand may take."""
        of_batches = (routes for _, _, routes in self._batches)
        return {r for own in (*(d.routes for d in self._of_clients), *of_batches) for r in own}

    @property
    def whose(self) -> set[str]:
        """The clients of the server that have a demand."""
        return {self._owners[key] for key in self.shares if key in self._owners}

    def present(self, changes: Changes, caps: Mapping[str, Cap]) -> list[Demand]:
        """Returns the demands after these changes, with the caps of their clients."""
        shares, due = self.shares, self._snapshot.next_due
        demands = [replace(demand, share=shares[demand.key]) for demand in self._of_clients]
        for batch, rules, routes in self._batches:
            current = changes.applied_to(batch)
            if has_work(current):
                ready = self._ready(current)
                demands.append(demand_of(current, routes, ready, due, rules, shares[batch.id]))
        return capped(demands, self._owners, caps) if caps else demands

    async def read(
        self, connection: AsyncConnection, admitted: Admission, now: int, changes: Changes
    ) -> bool:
        """Reads the jobs of the admitted calls ahead; returns whether any were missing.

        Then the calls must be admitted again. If a batch has fewer calls than its counts promised,
        it is the turn of others; so the second time the jobs of all batches are read. Those of
        small batches are read together with those whose turn comes next.
        """
        keys = {permit.key for permit in admitted.permits}
        every = [batch for batch, _, _ in self._batches]
        if not self._unread([batch for batch in every if batch.id in keys], changes):
            return False
        unread = self._unread(every, changes)
        whose = unread if self._read else self._first(unread, keys)
        await self._read_ahead.refill(connection, whose, self._free, self._names, now, changes)
        self._read.update(batch.id for batch in whose)
        return True

    def hold_back(self, admitted: Admission) -> bool:
        """Bounds the calls of batches that ask the same; returns whether fewer may start.

        Then the calls must be admitted again. Their jobs must have been read.
        """
        wanted = Counter(p.key for p in admitted.permits if not is_of_client(p.key))
        fewer = self._read_ahead.most_at_once(wanted)
        self._most.update(fewer)
        return bool(fewer)

    def _first(self, unread: Sequence[Batch], keys: Collection[int]) -> list[Batch]:
        """Returns the batches with these ids, and others while all have few calls together."""
        first = [batch for batch in unread if batch.id in keys]
        calls = sum(batch.packing.calls(batch.counts.ready) for batch in first)
        others = (batch for batch in unread if batch.id not in keys)
        for batch in sorted(others, key=lambda batch: (batch.priority, self.shares[batch.id])):
            calls += batch.packing.calls(batch.counts.ready)
            if calls > CALLS_AHEAD:
                break
            first.append(batch)
        return first

    def _ready(self, batch: Batch) -> int:
        """Returns how many calls of a batch could start; at most, if its jobs are not read."""
        if self._is_unread(batch):
            return batch.packing.calls(batch.counts.ready)
        offered = self._read_ahead.offered(batch)
        return min(offered, self._most.get(batch.id, offered))

    def _unread(self, among: Sequence[Batch], changes: Changes) -> list[Batch]:
        return [batch for batch in among if self._is_unread(changes.applied_to(batch))]

    def _is_unread(self, batch: Batch) -> bool:
        return batch.id not in self._read and self._read_ahead.lacks(batch, self._free)


def _wanted(
    snapshot: Snapshot, accounts: Sequence[Account], rules_of: RulesOf
) -> list[tuple[Batch, Rules, tuple[Route, ...]]]:
    """Returns the batches whose calls may start, with the rules for them and their routes."""
    known: dict[tuple[str, ...], tuple[Route, ...]] = {}
    wanted = []
    for batch in snapshot.batches.values():
        if batch.models not in known:
            known[batch.models] = routes_of(batch.models, accounts)
        if (routes := known[batch.models]) and (rules := rules_of(batch)) is not None:
            wanted.append((batch, rules, routes))
    return wanted

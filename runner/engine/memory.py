"""The engine's state between two turns, and the decisions of a turn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from runner.core.admission import Admission
from runner.core.demand import Cap, Demand
from runner.core.failing import EndedRows
from runner.core.rejections import NO_STREAK, Streak
from runner.core.route import Route
from runner.core.selection import Wait
from runner.core.settlement import Settlement
from runner.core.start_bucket import StartBucket
from runner.engine.call import PreparedCall
from runner.engine.route_stats import RouteStats
from runner.engine.snapshot import Snapshot

UNKNOWN_REVISION = (-1, -1)


@dataclass(frozen=True, slots=True)
class Memory:
    """The engine's state between two turns.

    Attributes:
        snapshot: The queue and the windows.
        revision: The revision of the database that `snapshot` describes; unknown if it was not read
            in a turn.
        routes: The statistics of each route.
        rates: The limit of starts per second by account, where there is one.
        shares: The number of calls that each demand has had, for fair sharing.
        streaks: By batch, the calls rejected since its last answer.
        ended_rows: By batch, the rows that have ended in this process.
        client_caps: The caps of the server's clients, as of the previous turn.
    """

    snapshot: Snapshot
    revision: tuple[int, int]
    routes: Mapping[Route, RouteStats] = field(default_factory=dict)
    rates: Mapping[str, StartBucket] = field(default_factory=dict)
    shares: Mapping[int, int] = field(default_factory=dict)
    streaks: Mapping[int, Streak] = field(default_factory=dict)
    ended_rows: Mapping[int, EndedRows] = field(default_factory=dict)
    client_caps: Mapping[str, Cap] = field(default_factory=dict)

    @property
    def in_flight(self) -> int:
        """The number of calls of this process in flight."""
        return sum(stats.in_flight for stats in self.routes.values())

    def in_flight_of(self, account: str) -> int:
        """Returns the number of calls of an account in flight."""
        own = (stats for route, stats in self.routes.items() if route[0] == account)
        return sum(stats.in_flight for stats in own)

    def streak_of(self, batch_id: int) -> Streak:
        """Returns the rejections of a batch since its last answer, with other runners'."""
        own = self.streaks.get(batch_id, NO_STREAK)
        batch = self.snapshot.batches.get(batch_id)
        return own if batch is None else own.as_stored(batch.calls_rejected)

    def with_started(self, admitted: Admission) -> Memory:
        """Returns the state with the admitted calls in flight."""
        routes, shares = dict(self.routes), Counter(self.shares)
        shares.update(permit.key for permit in admitted.permits)
        for route in {permit.route for permit in admitted.permits}:
            state = admitted.state.routes[route]
            stats = routes.get(route) or RouteStats(state.controller)
            routes[route] = replace(stats, controller=state.controller, in_flight=state.in_flight)
        rates = {
            name: account.rate
            for name, account in admitted.state.accounts.items()
            if account.rate is not None
        }
        return replace(self, routes=routes, rates=rates, shares=shares)


@dataclass(frozen=True, slots=True)
class Turn:
    """The decisions of a turn.

    Attributes:
        memory: The engine's state after it.
        settlements: The settlements of the calls that had ended.
        calls: The admitted calls, to be made now.
        demands: The demands that were considered.
        wait: What the demands wait for when no further call can start.
        paused: The batches that it has paused.
    """

    memory: Memory
    settlements: Sequence[Settlement]
    calls: Sequence[PreparedCall]
    demands: Sequence[Demand]
    wait: Wait
    paused: Collection[int]


def shares_of(known: Mapping[int, int], present: Sequence[int]) -> dict[int, int]:
    """Returns the share of each present demand; a new one starts with the least of the others."""
    kept = {batch_id: known[batch_id] for batch_id in present if batch_id in known}
    least = min(kept.values(), default=0)
    return {batch_id: kept.get(batch_id, least) for batch_id in present}

"""What the engine knows between two turns, and what a turn of it has decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from runner.core.admission import Admission
from runner.core.demand import Cap, Demand
from runner.core.rejections import NO_STREAK, Streak
from runner.core.route import Route
from runner.core.selection import Wait
from runner.core.settlement import Settlement
from runner.core.start_bucket import StartBucket
from runner.engine.call import PreparedCall
from runner.engine.route_stats import RouteStats
from runner.engine.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Memory:
    """What the engine knows between two turns.

    Attributes:
        snapshot: The queue and the windows.
        revision: Of the database, when that was true.
        routes: What was learned of each route.
        rates: How fast the calls of each account may start, where that is bounded.
        shares: Calls that each batch has had beside the others.
        streaks: By batch, the calls rejected since its last answer.
        client_caps: What was left to clients of the server, by the turn before.
    """

    snapshot: Snapshot
    revision: tuple[int, int]
    routes: Mapping[Route, RouteStats] = field(default_factory=dict)
    rates: Mapping[str, StartBucket] = field(default_factory=dict)
    shares: Mapping[int, int] = field(default_factory=dict)
    streaks: Mapping[int, Streak] = field(default_factory=dict)
    client_caps: Mapping[str, Cap] = field(default_factory=dict)

    @property
    def in_flight(self) -> int:
        """Calls of this process under way."""
        return sum(stats.in_flight for stats in self.routes.values())

    def in_flight_of(self, account: str) -> int:
        """Those of them that this account makes."""
        own = (stats for route, stats in self.routes.items() if route[0] == account)
        return sum(stats.in_flight for stats in own)

    def streak_of(self, batch_id: int) -> Streak:
        """The rejections of a batch since its last answer, those that others have seen included."""
        own = self.streaks.get(batch_id, NO_STREAK)
        batch = self.snapshot.batches.get(batch_id)
        return own if batch is None else own.as_stored(batch.calls_rejected)

    def with_started(self, found: Admission) -> Memory:
        """What is known once the admitted calls are under way."""
        routes, shares = dict(self.routes), Counter(self.shares)
        shares.update(permit.key for permit in found.permits)
        for route in {permit.route for permit in found.permits}:
            state = found.state.routes[route]
            stats = routes.get(route) or RouteStats(state.controller)
            routes[route] = replace(stats, controller=state.controller, in_flight=state.in_flight)
        rates = {
            name: account.rate
            for name, account in found.state.accounts.items()
            if account.rate is not None
        }
        return replace(self, routes=routes, rates=rates, shares=shares)


@dataclass(frozen=True, slots=True)
class Turn:
    """What a turn has decided.

    Attributes:
        memory: What the engine knows from then on.
        settlements: What became of the calls that had ended.
        calls: Calls that may be made now.
        demands: What was wanted.
        wait: What is waited for, when no more can start.
    """

    memory: Memory
    settlements: tuple[Settlement, ...]
    calls: tuple[PreparedCall, ...]
    demands: tuple[Demand, ...]
    wait: Wait


def shares_of(known: Mapping[int, int], present: Sequence[int]) -> dict[int, int]:
    """What each batch has had; one that is new has had as little as the least of the others."""
    kept = {batch_id: known[batch_id] for batch_id in present if batch_id in known}
    least = min(kept.values(), default=0)
    return {batch_id: kept.get(batch_id, least) for batch_id in present}

"""Snapshots of the queue and the windows, for the engine's memory and for other readers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.demand import Cap, Demand, Rules
from runner.core.renewal import windows_at
from runner.core.route import Route, RouteState
from runner.core.selection import State
from runner.core.states import BatchState
from runner.core.window import Key, Window, WindowKey
from runner.providers.account import USUAL_TOKENS, Account
from runner.store import batches, jobs, reserve, windows
from runner.store.batches import Batch
from runner.store.counts import Changes


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The queue and the windows at one moment.

    Attributes:
        batches: The batches that may run and have jobs left, by id.
        latest: The newest window of each quota.
        superseded: The older windows of calls in flight.
        next_due: When the first waiting job is due (ms since the epoch); None if none waits.
        last_call_id: The id of the newest call in the ledger; 0 if there is none.
    """

    batches: Mapping[int, Batch]
    latest: Mapping[Key, Window]
    superseded: Mapping[WindowKey, Window]
    next_due: int | None
    last_call_id: int

    @property
    def windows(self) -> dict[WindowKey, Window]:
        """Every window in which a call may have a reservation."""
        latest = {(*key, window.period_key): window for key, window in self.latest.items()}
        return {**self.superseded, **latest}

    def with_windows(self, changed: Iterable[Window], opened: Iterable[Window] = ()) -> Snapshot:
        """Returns the snapshot with `changed` windows, and `opened` ones as the latest."""
        latest, superseded = dict(self.latest), dict(self.superseded)
        for window in changed:
            key = (window.account, window.model, window.quota)
            if key in latest and latest[key].period_key == window.period_key:
                latest[key] = window
            else:
                superseded[(*key, window.period_key)] = window
        for window in opened:
            key = (window.account, window.model, window.quota)
            old = latest.get(key)
            if old is not None and old.period_key != window.period_key:
                superseded[(*key, old.period_key)] = old
                superseded.pop((*key, window.period_key), None)
            latest[key] = window
        in_use = {key: window for key, window in superseded.items() if window.in_use}
        return replace(self, latest=latest, superseded=in_use)

    def with_changes(self, changes: Changes) -> Snapshot:
        """Returns the snapshot with changed counts of batches, without those that are done."""
        changed = (changes.applied_to(batch) for batch in self.batches.values())
        left = {batch.id: batch for batch in changed if has_work(batch)}
        return replace(self, batches=left)


def has_work(batch: Batch) -> bool:
    """Whether the batch has jobs that have not ended."""
    counts = batch.counts
    return counts.to_ask + counts.pending > 0


def is_runnable(batch: Batch) -> bool:
    """Whether a snapshot includes the batch: it may run, and has jobs left."""
    return batch.state in (BatchState.ACTIVE, BatchState.LOADING) and has_work(batch)


async def read_snapshot(connection: AsyncConnection, accounts: Sequence[str]) -> Snapshot:
    """Reads a snapshot, with the windows of these accounts."""
    latest = await windows.latest_windows(connection, accounts)
    in_use = await windows.in_use(connection)
    current = {(*key, window.period_key) for key, window in latest.items()}
    return Snapshot(
        batches={batch.id: batch for batch in await batches.runnable(connection)},
        latest=latest,
        superseded={key: window for key, window in in_use.items() if key not in current},
        next_due=await jobs.next_due(connection),
        last_call_id=await reserve.last_call_id(connection),
    )


def routes_of(models: Sequence[str], accounts: Sequence[Account]) -> tuple[Route, ...]:
    """Returns the routes to `models`, the preferred ones first: all models of each account in turn.

    So the whole allowance of an account is used before another's, which may cost money.
    """
    routes = [
        (account.name, name)
        for account in accounts
        for model in models
        if (name := account.provider_model(model)) is not None
    ]
    return tuple(dict.fromkeys(routes))


def windows_of(
    latest: Mapping[Key, Window],
    accounts: Sequence[Account],
    routes: Iterable[Route],
    now: int,
    reset_jitter_ms: int = 0,
    *,
    sure: bool = False,
) -> dict[Route, tuple[Window, ...]]:
    """Returns the windows that a call by each of these routes would touch at `now`.

    `sure` if `now` comes from the provider's own clock.
    """
    quotas = {account.name: account.quotas for account in accounts}
    return {
        (name, model): windows_at(
            latest, name, model, quotas[name], now, reset_jitter_ms, sure=sure
        )
        for name, model in routes
    }


def demand_of(
    batch: Batch,
    routes: tuple[Route, ...],
    ready: int,
    due: int | None,
    rules: Rules,
    share: int = 0,
) -> Demand:
    """Returns the demand of `batch`, of whose calls `ready` could start."""
    counts, left = batch.counts, batch.calls_left
    return Demand(
        batch.id,
        routes,
        ready,
        batch.priority,
        retrying=batch.packing.calls(counts.waiting),
        due=due if counts.waiting else None,
        rotate=batch.rotate,
        caps=() if left is None else (Cap(batch.part_of or batch.id, left),),
        share=share,
        in_flight=counts.running,
        pending=counts.pending > 0,
        backlog=batch.packing.calls(counts.ready + counts.waiting),
        rules=rules,
    )


def queue_demands(
    snapshot: Snapshot,
    accounts: Sequence[Account],
    rules: Rules,
    now: int,
    only: Collection[int] | None = None,
) -> tuple[list[Demand], State]:
    """Returns the demands of a snapshot and the state of admission, from the database alone.

    A process that makes no calls does not know the calls in flight and the controllers of others.
    """
    demands = [
        demand_of(batch, routes, batch.packing.calls(batch.counts.ready), snapshot.next_due, rules)
        for batch in snapshot.batches.values()
        if (only is None or batch.id in only) and (routes := routes_of(batch.models, accounts))
    ]
    by_route = windows_of(
        snapshot.latest, accounts, {r for demand in demands for r in demand.routes}, now
    )
    return demands, State(route_states(by_route, accounts))


def daily_grants(accounts: Sequence[Account]) -> dict[str, int]:
    """Returns the daily grant of each account for users who log in, in thousandths of a credit."""
    return {account.name: account.daily_grant for account in accounts}


def route_states(
    by_route: Mapping[Route, tuple[Window, ...]], accounts: Sequence[Account]
) -> dict[Route, RouteState]:
    """Returns the initial states of routes with these windows."""
    costs = {account.name: account.cost for account in accounts}
    return {
        (name, model): RouteState(windows, cost=costs[name](model, USUAL_TOKENS))
        for (name, model), windows in by_route.items()
    }

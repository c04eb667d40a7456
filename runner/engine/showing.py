"""Computation of a run's progress, done only for a watcher, and not at every turn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from runner.core.forecast import Forecast, forecast
from runner.core.route import UNKNOWN, Route, RouteState
from runner.core.selection import Wait
from runner.core.window import Window
from runner.engine.engine_status import EngineStatus
from runner.engine.memory import Memory
from runner.engine.progress import Progress
from runner.engine.run import Run
from runner.engine.snapshot import daily_grants, route_states, routes_of, windows_of
from runner.providers.account import Account
from runner.store.batches import Batch


def progress_of(run: Run, memory: Memory, wait: Wait, status: EngineStatus) -> Progress:
    """Returns the progress of a run; `wait` holds the reasons why demands wait."""
    accounts, now = status.accounts, status.at + status.skew_ms
    in_flight = status.open_calls_of(run)
    own = tuple(batch for batch in memory.snapshot.batches.values() if run.concerns(batch))
    by_route = _windows(own, memory, accounts, now)
    of_paused = _windows(run.paused.values(), memory, accounts, now)
    reasons = tuple(reason for reason in wait.reasons if run.covers(reason.key))
    until = min((r.until for r in reasons if r.until is not None), default=None)
    touched = (*by_route.values(), *of_paused.values())
    shown = {window for each in touched for window in each if window.is_known}
    return Progress(
        at=status.at,
        batches=own,
        waiting=() if in_flight and run.stopping else reasons,
        until=None if until is None else until - status.skew_ms,
        windows=tuple(sorted(shown, key=lambda w: (w.account, w.model, w.quota))),
        in_flight=in_flight,
        forecast=_forecast(run, own, by_route, memory, accounts, now),
        trouble=status.trouble_of(run),
        stopping=run.stopping,
        refused=tuple((name, error.what) for name, error in status.refusals.items()),
        paused=tuple(run.paused.values()),
    )


def _windows(
    own: Iterable[Batch], memory: Memory, accounts: Sequence[Account], now: int
) -> dict[Route, tuple[Window, ...]]:
    """Returns the windows that the calls of these batches touch at `now`, by route."""
    routes = {route for batch in own for route in routes_of(batch.models, accounts)}
    return windows_of(memory.snapshot.latest, accounts, routes, now)


def _states(
    memory: Memory, by_route: Mapping[Route, tuple[Window, ...]], accounts: Sequence[Account]
) -> dict[Route, RouteState]:
    states = route_states(by_route, accounts)
    costs = {account.name: account.cost for account in accounts}
    return {
        route: replace(
            state,
            controller=stats.controller if (stats := memory.routes.get(route)) else UNKNOWN,
            cost=costs[route[0]](route[1], round(stats.tokens)) if stats else state.cost,
        )
        for route, state in states.items()
    }


def _forecast(
    run: Run,
    own: Sequence[Batch],
    by_route: Mapping[Route, tuple[Window, ...]],
    memory: Memory,
    accounts: Sequence[Account],
    now: int,
) -> Forecast | None:
    """Returns the forecast of the run's work; None if it is not wanted, or has no route."""
    if not (by_route and run.options.forecasts):
        return None
    states = _states(memory, by_route, accounts)
    calls = sum(batch.calls_needed for batch in own)
    pace_ms = _pace_ms(memory, states, accounts)
    grants = daily_grants(accounts)
    return forecast(calls, states, run.options.rules, now, pace_ms, _allowed(own), grants)


def _pace_ms(
    memory: Memory, states: Mapping[Route, RouteState], accounts: Sequence[Account]
) -> int:
    """Returns the time between the ends of two calls with all routes at full speed, in ms.

    The routes of an account share the rate at which its calls may start.
    """
    total = 0.0
    for account in accounts:
        own = [memory.routes.get(route) for route in states if route[0] == account.name]
        per_ms = sum(1 / stats.pace_ms for stats in own if stats is not None)
        if account.calls_per_second is not None:
            per_ms = min(per_ms, account.calls_per_second / 1_000)
        total += per_ms
    return max(1, round(1 / total)) if total else 1


def _allowed(own: Sequence[Batch]) -> int:
    """Returns the number of calls that batches still need, within the user's limits.

    A batch and its parts share one limit.
    """
    needed, left = Counter[int](), dict[int, int | None]()
    for batch in own:
        whole = batch.part_of or batch.id
        needed[whole] += batch.calls_needed
        left[whole] = batch.calls_left
    return sum(_least(calls, left[whole]) for whole, calls in needed.items())


def _least(calls: int, left: int | None) -> int:
    return calls if left is None else min(calls, left)

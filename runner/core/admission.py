"""Admission: which calls may start now, with their reservations, or when to ask again, and why.

`admit` is the only function that lets a call start. From the present windows, the calls in flight
and the demands it returns permits, together with the state that includes their reservations. It is
independent of batches: a demand is a number of calls by one of several routes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from runner.core import controller, quota
from runner.core.demand import Cap, Demand
from runner.core.gate import ParkReason
from runner.core.route import Route, with_windows
from runner.core.selection import Start, State, Wait, decide
from runner.core.window import Window


@dataclass(frozen=True, slots=True)
class Permit:
    """The permission to make one call.

    Attributes:
        key: The key of its demand.
        route: The account and the model to call.
        reserved: By quota, the period and the amount that the call reserves there.
        period_key: The quota day of the account's first window, for the ledger.
        probe: Whether no other call may be in flight, so that the provider's count is exact.
        circuit_open: Whether the circuit breaker of the route is open.
        by_client: Whether the call is for a client, who may use the reserve.
    """

    key: int
    route: Route
    reserved: Mapping[str, tuple[str, int]]
    period_key: str = ""
    probe: bool = False
    circuit_open: bool = False
    by_client: bool = False


@dataclass(frozen=True, slots=True)
class Admission:
    """The permits, the state with their reservations, and when to ask again without an event."""

    permits: tuple[Permit, ...]
    state: State
    wait: Wait


def admit(state: State, demands: Sequence[Demand], now: int) -> Admission:
    """Admits all calls that may start at `now`."""
    permits: list[Permit] = []
    while True:
        decision = decide(state, demands, now)
        if isinstance(decision, Wait):
            return Admission(tuple(permits), state, decision)
        [started] = [demand for demand in demands if demand.key == decision.key]
        state, permit = _reserve(state, started, decision, now)
        permits += [permit] * decision.count
        demands = [_after(demand, started, decision.count) for demand in demands]


def _reserve(state: State, demand: Demand, start: Start, now: int) -> tuple[State, Permit]:
    """Returns the state with the calls of `start` in flight, and the permit that they share."""
    route, before = start.route, state.routes[start.route]
    windows = quota.reserve(
        before.windows, start.count, now, before.cost, by_client=demand.interactive
    )
    permit = Permit(
        key=start.key,
        route=route,
        reserved={w.quota: (w.period_key, w.cost_of(before.cost)) for w in windows},
        period_key=windows[0].period_key if windows else "",
        probe=start.probe,
        circuit_open=any(w.gate.reason is ParkReason.CIRCUIT_OPEN for w in before.windows),
        by_client=demand.interactive,
    )
    return _in_flight(state, route, windows, start.count), permit


def _in_flight(state: State, route: Route, windows: Iterable[Window], count: int) -> State:
    """Returns `state` with `count` more calls of `route` in flight, reserved in `windows`."""
    changed = {(w.model, w.quota): w for w in windows}
    routes = {
        key: with_windows(other, changed) if key[0] == route[0] else other
        for key, other in state.routes.items()
    }
    before = routes[route]
    number = before.in_flight + count
    started = controller.started(before.controller, count, state.loop_ms, number)
    routes[route] = replace(before, in_flight=number, controller=started)
    accounts = dict(state.accounts)
    if (account := accounts.get(route[0])) is not None:
        rate = account.rate and account.rate.after(count, state.loop_ms)
        accounts[route[0]] = replace(account, in_flight=account.in_flight + count, rate=rate)
    return replace(state, routes=routes, accounts=accounts, in_flight=state.in_flight + count)


def _after(demand: Demand, started: Demand, count: int) -> Demand:
    """Returns `demand` after `count` calls of `started` have started."""
    if demand is started:
        return _started(demand, count)
    if not demand.caps or not started.caps:
        return demand
    return replace(demand, caps=_used(demand.caps, started.caps, count))


def _used(caps: tuple[Cap, ...], of_started: tuple[Cap, ...], count: int) -> tuple[Cap, ...]:
    """Returns `caps` with `count` calls taken from those that the started demand shares."""
    shared = {cap.whose for cap in of_started}
    return tuple(
        replace(cap, left=cap.left - count) if cap.whose in shared else cap for cap in caps
    )


def _started(demand: Demand, count: int) -> Demand:
    return replace(
        demand,
        ready=demand.ready - count,
        backlog=None if demand.backlog is None else max(0, demand.backlog - count),
        caps=_used(demand.caps, demand.caps, count),
        share=demand.share + count,
        in_flight=demand.in_flight + count,
    )

"""Computes routes, wait reasons and forecasts of the queue without making a call.

It uses the functions that admit calls, on data passed in; it does not read the database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from runner.core import selection
from runner.core.credits import DailyGrants
from runner.core.demand import Cap, Demand, Rules, WaitReason
from runner.core.forecast import Forecast, bounded, forecast
from runner.core.route import Route
from runner.core.selection import Start, State, Wait
from runner.core.window import Window
from runner.engine.client_caps import capped
from runner.engine.snapshot import (
    Snapshot,
    daily_grants,
    queue_demands,
    route_states,
    routes_of,
)
from runner.errors import ConfigError
from runner.language import _
from runner.providers.account import Account
from runner.store.batches import Batch

Windows = Mapping[Route, tuple[Window, ...]]


@dataclass(frozen=True, slots=True)
class QueueForecast:
    """The demands of a queue at one moment, and the state of its routes.

    Attributes:
        demands: The demands of the batches.
        state: The state of the routes.
        now: The moment (ms since the epoch).
        daily_grants: The daily grant of each account, in thousandths of a credit.
        most_a_day: The daily cap on calls of each client of the server.
    """

    demands: tuple[Demand, ...]
    state: State
    now: int
    daily_grants: DailyGrants
    most_a_day: Mapping[str, int] = field(default_factory=dict)

    @property
    def waiting(self) -> dict[int, WaitReason]:
        """The wait reason by batch id; batches that may run are left out."""
        decision = selection.decide(self.state, self.demands, self.now)
        reasons = decision.reasons if isinstance(decision, Wait) else ()
        return {reason.key: reason for reason in reasons}

    def routes(self, batch: Batch) -> dict[Route, WaitReason | None]:
        """Returns, for each route of `batch`, why it waits there; None where it may run."""
        demand = self._demand(batch)
        if demand is None:
            return {}
        reasons = selection.wait_reasons(self.state, demand, self.demands, self.now)
        return {route: None if isinstance(why, Start) else why for route, why in reasons.items()}

    def finish(self, batch: Batch) -> Forecast | None:
        """Forecasts the end of `batch`; None if no part of it may run."""
        demand = self._demand(batch)
        if demand is None:
            return None
        states = {route: self.state.routes[route] for route in demand.routes}
        calls = batch.calls_needed
        before = sum(_before(calls, demand, other) for other in self.demands if other is not demand)
        most = None if demand.left is None else demand.left + before
        result = forecast(
            calls + before,
            states,
            demand.rules,
            self.now,
            most=most,
            daily_grants=self.daily_grants,
        )
        for cap in demand.caps:
            if cap.until is not None and isinstance(cap.whose, str):
                theirs = sum(_before(calls, demand, other) for other in self._sharing(demand, cap))
                left, a_day = cap.left, self.most_a_day[cap.whose]
                result = bounded(replace(result, calls=calls + theirs), left, a_day, cap.until)
        return replace(result, calls=calls)

    def _sharing(self, demand: Demand, cap: Cap) -> list[Demand]:
        """Returns the other demands that share a cap."""
        return [other for other in self.demands if other is not demand and cap in other.caps]

    def _demand(self, batch: Batch) -> Demand | None:
        return next((demand for demand in self.demands if demand.key == batch.id), None)


@dataclass(frozen=True, slots=True)
class Forecaster:
    """The accounts in use, and the rules of runs."""

    accounts: tuple[Account, ...]
    rules: Rules

    def serves(self, batch: Batch) -> bool:
        """Whether an account serves any of the models of `batch`."""
        return bool(routes_of(batch.models, self.accounts))

    def routes(self, models: Sequence[str]) -> tuple[Route, ...]:
        """Returns the routes to `models`.

        Raises:
            ConfigError: No account in use serves any of them.
        """
        routes = routes_of(models, self.accounts)
        if not routes:
            raise ConfigError(
                _("no account serves {models}").format(models=_(" or ").join(models)),
                where=", ".join(account.name for account in self.accounts),
                remedy=_(
                    "add it to the models of an account, use another account, or name another "
                    "model in the job file"
                ),
            )
        return routes

    def forecast(self, calls: int, windows: Windows, now: int, most: int | None) -> Forecast:
        """Forecasts the end of `calls` calls through `windows`; `most` caps how many are made."""
        return forecast(
            calls,
            route_states(windows, self.accounts),
            self.rules,
            now,
            most=most,
            daily_grants=daily_grants(self.accounts),
        )

    def queue_forecast(
        self, snapshot: Snapshot, now: int, caps: Mapping[str, Cap], most_a_day: Mapping[str, int]
    ) -> QueueForecast:
        """Returns the forecast of a queue at `now`; `caps` are the calls left to server clients."""
        demands, state = queue_demands(snapshot, self.accounts, self.rules, now)
        owners = {batch.id: batch.client for batch in snapshot.batches.values() if batch.client}
        bounded_demands = tuple(capped(demands, owners, caps))
        return QueueForecast(bounded_demands, state, now, daily_grants(self.accounts), most_a_day)


def _before(calls: int, demand: Demand, other: Demand) -> int:
    """Estimates the calls of another batch that precede the end of `calls` calls of `demand`.

    A batch with a higher priority goes first entirely; one with the same priority alternates.
    """
    if not set(demand.routes) & set(other.routes) or other.priority > demand.priority:
        return 0
    theirs = other.calls if other.left is None else min(other.calls, other.left)
    return theirs if other.priority < demand.priority else min(theirs, calls)


def place(window: Window) -> tuple[str, str, bool, str]:
    """Returns the sort key of a window in a list: the primary one of its scope first."""
    return window.account, window.model, not window.primary, window.quota

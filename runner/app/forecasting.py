"""What can be told of the queue without making a call: routes, waits, and when it will be done.

It computes with the functions that admit calls, from what it is handed; it reads no database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from runner.core import selection
from runner.core.credits import DailyGrants
from runner.core.demand import Cap, Demand, Rules, Waiting
from runner.core.forecast import Forecast, bounded, forecast
from runner.core.route import Route
from runner.core.selection import Start, State, Wait
from runner.core.window import Window
from runner.engine.client_caps import capped
from runner.engine.snapshot import (
    Snapshot,
    daily_grants,
    outlook_of,
    route_states,
    routes_of,
)
from runner.errors import ConfigError
from runner.language import _
from runner.providers.account import Account
from runner.store.batches import Batch

Windows = Mapping[Route, tuple[Window, ...]]


@dataclass(frozen=True, slots=True)
class Outlook:
    """The demands of a queue at one moment, and the state they meet.

    Attributes:
        demands: What the batches want.
        state: What they meet.
        now: The moment (ms since the epoch).
        daily_grants: The credits that each account is granted a day.
        most_a_day: By client of the server, how many calls it may make in a day.
    """

    demands: tuple[Demand, ...]
    state: State
    now: int
    daily_grants: DailyGrants
    most_a_day: Mapping[str, int] = field(default_factory=dict)

    @property
    def waiting(self) -> dict[int, Waiting]:
        """By batch, what it waits for; those that may go on are left out."""
        decision = selection.decide(self.state, self.demands, self.now)
        reasons = decision.reasons if isinstance(decision, Wait) else ()
        return {reason.key: reason for reason in reasons}

    def routes(self, batch: Batch) -> dict[Route, Waiting | None]:
        """Of each route of `batch`, what holds it back there, if anything."""
        demand = self._demand(batch)
        if demand is None:
            return {}
        found = selection.wait_reasons(self.state, demand, self.demands, self.now)
        return {route: None if isinstance(why, Start) else why for route, why in found.items()}

    def finish(self, batch: Batch) -> Forecast | None:
        """When `batch` will be done; None if nothing of it may run."""
        demand = self._demand(batch)
        if demand is None:
            return None
        states = {route: self.state.routes[route] for route in demand.routes}
        calls = batch.calls_needed
        before = sum(_before(calls, demand, one) for one in self.demands if one is not demand)
        most = None if demand.left is None else demand.left + before
        found = forecast(
            calls + before,
            states,
            demand.rules,
            self.now,
            most=most,
            daily_grants=self.daily_grants,
        )
        for cap in demand.caps:
            if cap.until is not None and isinstance(cap.whose, str):
                theirs = sum(_before(calls, demand, one) for one in self._beside(demand, cap))
                left, a_day = cap.left, self.most_a_day[cap.whose]
                found = bounded(replace(found, calls=calls + theirs), left, a_day, cap.until)
        return replace(found, calls=calls)

    def _beside(self, demand: Demand, cap: Cap) -> list[Demand]:
        """The other demands that share a cap."""
        return [one for one in self.demands if one is not demand and cap in one.caps]

    def _demand(self, batch: Batch) -> Demand | None:
        return next((demand for demand in self.demands if demand.key == batch.id), None)


@dataclass(frozen=True, slots=True)
class Forecaster:
    """The accounts that are used, and what the user wants of a run."""

    accounts: tuple[Account, ...]
    rules: Rules

    def serves(self, batch: Batch) -> bool:
        """Whether an account serves any of the models of `batch`."""
        return bool(routes_of(batch.models, self.accounts))

    def routes(self, models: Sequence[str]) -> tuple[Route, ...]:
        """The routes to `models`.

        Raises:
            ConfigError: None of the accounts that are used serves any of them.
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
        """When `calls` calls through `windows` will be done; `most`: how many are allowed."""
        return forecast(
            calls,
            route_states(windows, self.accounts),
            self.rules,
            now,
            most=most,
            daily_grants=daily_grants(self.accounts),
        )

    def outlook(
        self, snapshot: Snapshot, now: int, caps: Mapping[str, Cap], most_a_day: Mapping[str, int]
    ) -> Outlook:
        """The outlook of a queue at `now`; `caps` are what is left to clients of the server."""
        demands, state = outlook_of(snapshot, self.accounts, self.rules, now)
        owners = {one.id: one.client for one in snapshot.batches.values() if one.client}
        bounded_demands = tuple(capped(demands, owners, caps))
        return Outlook(bounded_demands, state, now, daily_grants(self.accounts), most_a_day)


def _before(calls: int, demand: Demand, other: Demand) -> int:
    """How many calls of another batch are made before so many of `demand` are done.

    Those of a batch that goes first all are; of one with the same priority, as many.
    """
    if not set(demand.routes) & set(other.routes) or other.priority > demand.priority:
        return 0
    theirs = other.calls if other.left is None else min(other.calls, other.left)
    return theirs if other.priority < demand.priority else min(theirs, calls)


def place(window: Window) -> tuple[str, str, bool, str]:
    """Where a window stands in a list: the primary one of its scope first."""
    return window.account, window.model, not window.primary, window.quota

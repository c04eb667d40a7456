"""What can be told of the queue without making a call: ways, waits, and when it will be done.

It reckons with the functions that schedule, on what it is handed; it reads no database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from runner.core import admission
from runner.core.admission import Demand, Rules, Wait, Waiting
from runner.core.forecast import Forecast, forecast
from runner.core.route import Route, RouteState
from runner.core.window import Window
from runner.engine.view import View, routes_of
from runner.errors import ConfigError
from runner.providers.account import USUAL_TOKENS, Account
from runner.store.batches import Batch

Windows = dict[Route, tuple[Window, ...]]


@dataclass(frozen=True, slots=True)
class Outlook:
    """The accounts that are used, and what the user wants of a run."""

    accounts: tuple[Account, ...]
    rules: Rules

    def routes(self, models: Sequence[str]) -> tuple[Route, ...]:
        """The ways to `models`.

        Raises:
            ConfigError: None of the accounts that are used serves any of them.
        """
        routes = routes_of(models, self.accounts)
        if not routes:
            names = ", ".join(account.name for account in self.accounts)
            raise ConfigError(
                f"no account serves {' or '.join(models)}",
                where=names,
                remedy="name the model in the job file as the accounts' models do",
            )
        return routes

    def forecast(self, calls: int, windows: Windows, now: int, most: int | None) -> Forecast:
        """When `calls` calls through `windows` will be done; `most`: how many are allowed."""
        return forecast(calls, self._states(windows), self.rules, now, most=most)

    def waiting(self, view: View, now: int) -> dict[int, Waiting]:
        """By batch, what it waits for; those that may go on are left out."""
        decision = admission.decide(view.demands, self._states(view.windows), self.rules, now)
        reasons = decision.reasons if isinstance(decision, Wait) else ()
        return {reason.batch_id: reason for reason in reasons}

    def ways(self, batch: Batch, view: View, now: int) -> dict[Route, Waiting | None]:
        """Of each way of `batch`, what holds it back there, if anything."""
        states = self._states(view.windows)
        demands = [demand for demand in view.demands if demand.batch_id == batch.id]
        return {
            route: found if isinstance(found, Waiting) else None
            for demand in demands
            for route, found in admission.wait_reasons(
                demand, view.demands, states, self.rules, now
            ).items()
        }

    def finish(self, batch: Batch, view: View, now: int) -> Forecast | None:
        """When `batch` will be done; None if nothing of it may run."""
        demand = next((demand for demand in view.demands if demand.batch_id == batch.id), None)
        if demand is None:
            return None
        windows = {route: view.windows[route] for route in demand.routes}
        calls = batch.calls_needed
        before = sum(_before(calls, demand, other) for other in view.demands if other is not demand)
        found = self.forecast(calls + before, windows, now, _both(demand.left, before))
        return replace(found, calls=calls)

    def _states(self, windows: Windows) -> dict[Route, RouteState]:
        costs = {account.name: account.cost for account in self.accounts}
        return {
            (name, model): RouteState(found, cost=costs[name](model, USUAL_TOKENS))
            for (name, model), found in windows.items()
        }


def _before(calls: int, demand: Demand, other: Demand) -> int:
    """How many calls of another batch are made before so many of `work` are done.

    Those of a batch that goes first all are; of one with the same priority, as many.
    """
    if not set(demand.routes) & set(other.routes) or other.priority > demand.priority:
        return 0
    theirs = other.calls if other.left is None else min(other.calls, other.left)
    return theirs if other.priority < demand.priority else min(theirs, calls)


def _both(left: int | None, more: int) -> int | None:
    return None if left is None else left + more


def place(window: Window) -> tuple[str, str, bool, str]:
    """Where a window stands in a list: the primary one of its scope first."""
    return window.account, window.model, not window.primary, window.quota

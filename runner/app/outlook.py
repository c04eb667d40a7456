"""What can be told of the queue without making a call: ways, waits, and when it will be done.

It reckons with the functions that schedule, on what it is handed; it reads no database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from runner.core import schedule
from runner.core.forecast import Forecast, forecast
from runner.core.lane import Lane, Route
from runner.core.schedule import Rules, Wait, Waiting, Work
from runner.core.window import Window
from runner.errors import ConfigError
from runner.providers.account import USUAL_TOKENS, Account
from runner.runtime.view import View, routes_of
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
        return forecast(calls, self._lanes(windows), self.rules, now, most=most)

    def waiting(self, view: View, now: int) -> dict[int, Waiting]:
        """By batch, what it waits for; those that may go on are left out."""
        decision = schedule.decide(view.works, self._lanes(view.windows), self.rules, now)
        reasons = decision.reasons if isinstance(decision, Wait) else ()
        return {reason.batch_id: reason for reason in reasons}

    def ways(self, batch: Batch, view: View, now: int) -> dict[Route, Waiting | None]:
        """Of each way of `batch`, what holds it back there, if anything."""
        lanes = self._lanes(view.windows)
        works = [work for work in view.works if work.batch_id == batch.id]
        return {
            route: found if isinstance(found, Waiting) else None
            for work in works
            for route, found in schedule.explain(work, view.works, lanes, self.rules, now).items()
        }

    def finish(self, batch: Batch, view: View, now: int) -> Forecast | None:
        """When `batch` will be done; None if nothing of it may run."""
        work = next((work for work in view.works if work.batch_id == batch.id), None)
        if work is None:
            return None
        windows = {route: view.windows[route] for route in work.routes}
        calls = batch.calls_needed
        before = sum(_before(calls, work, other) for other in view.works if other is not work)
        found = self.forecast(calls + before, windows, now, _both(work.left, before))
        return replace(found, calls=calls)

    def _lanes(self, windows: Windows) -> dict[Route, Lane]:
        costs = {account.name: account.cost for account in self.accounts}
        return {
            (name, model): Lane(found, cost=costs[name](model, USUAL_TOKENS))
            for (name, model), found in windows.items()
        }


def _before(calls: int, work: Work, other: Work) -> int:
    """How many calls of another batch are made before so many of `work` are done.

    Those of a batch that goes first all are; of one with the same priority, as many.
    """
    if not set(work.routes) & set(other.routes) or other.priority > work.priority:
        return 0
    theirs = other.calls if other.left is None else min(other.calls, other.left)
    return theirs if other.priority < work.priority else min(theirs, calls)


def _both(left: int | None, more: int) -> int | None:
    return None if left is None else left + more


def place(window: Window) -> tuple[str, str, bool, str]:
    """Where a window stands in a list: the primary one of its scope first."""
    return window.account, window.model, not window.primary, window.quota

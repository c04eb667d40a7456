"""The accounts of a run: which may be called, how fast, and what is under way in their states.

It knows what this runner has learned of them; budgets are the ledger's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from aiolimiter import AsyncLimiter
from anyio.abc import TaskGroup

from runner.clock import Clock
from runner.core.admission import Rules
from runner.core.concurrency import Concurrency
from runner.core.forecast import Forecast, forecast
from runner.core.route import Route, RouteState
from runner.core.verdict import Kind, Verdict
from runner.engine.lanes import RouteStats
from runner.engine.purses import Purse
from runner.engine.view import View
from runner.engine.writer import Writer
from runner.errors import UnauthorisedError
from runner.providers.account import Account
from runner.providers.endpoint import Endpoint
from runner.store.batches import Batch


class Roster:
    """The accounts that this runner may call, in the order in which they are preferred."""

    def __init__(
        self, endpoints: Sequence[Endpoint], writer: Writer, clock: Clock, max_concurrency: int
    ) -> None:
        self._endpoints = {endpoint.account.name: endpoint for endpoint in endpoints}
        self._limiters = {
            name: AsyncLimiter(endpoint.account.calls_per_second, 1)
            for name, endpoint in self._endpoints.items()
        }
        self._purses = {name: Purse(e, writer, clock) for name, e in self._endpoints.items()}
        self._most = max_concurrency
        self._states: dict[Route, RouteStats] = {}
        self.refused: dict[str, UnauthorisedError] = {}

    @property
    def accounts(self) -> list[Account]:
        """Those that may still be called, with the prices that were learned."""
        return [purse.priced() for name, purse in self._purses.items() if name not in self.refused]

    @property
    def in_flight(self) -> int:
        """Calls under way, of all states."""
        return sum(state.in_flight for state in self._states.values())

    def endpoint(self, name: str) -> Endpoint:
        """Where the calls of this account go."""
        return self._endpoints[name]

    def state(self, route: Route) -> RouteStats:
        """The state of a route; a new one starts narrow."""
        if route not in self._states:
            account = self._purses[route[0]].priced()
            start = min(account.preset.start_concurrency, self._most)
            self._states[route] = RouteStats(account, route[1], Concurrency(start, self._most))
        return self._states[route]

    def states(self, view: View) -> dict[Route, RouteState]:
        """Every state that the view's work may take, as the core sees it."""
        return {route: self.state(route).view(windows) for route, windows in view.windows.items()}

    def pace_ms(self, view: View) -> int:
        """Milliseconds between the ends of two calls when all states run at full speed."""
        per_ms = sum(1 / self.state(route).pace_ms for route in view.windows)
        return max(1, round(1 / per_ms)) if per_ms else 1

    def forecast(self, view: View, rules: Rules, now: int) -> Forecast | None:
        """When all of the view's work will be done; None if there is no way for it."""
        if not view.windows:
            return None
        calls = sum(batch.calls_needed for batch in view.batches)
        most = _allowed(view.batches)
        return forecast(calls, self.states(view), rules, now, self.pace_ms(view), most)

    async def acquire(self, name: str, count: int) -> int:
        """Wait for the account's turn; how many of `count` calls may start at once."""
        burst = min(count, self._endpoints[name].account.calls_per_second)
        await self._limiters[name].acquire(burst)
        return burst

    @property
    def looked(self) -> bool:
        """Whether every balance that can be asked for was asked for."""
        return all(purse.looked for purse in self._purses.values())

    def watch_purses(self, tasks: TaskGroup, view: View, woken: Callable[[], None]) -> None:
        """Ask for the balances from time to time, at no cost; `woken` is called after each."""
        self.meet(view)
        for name, purse in self._purses.items():
            tasks.start_soon(purse.watch, partial(self._told, name, woken))

    def meet(self, view: View) -> None:
        """Take note of the models that are asked for: their prices are worth knowing."""
        for name, purse in self._purses.items():
            purse.models = frozenset(model for account, model in view.windows if account == name)

    def _told(self, name: str, woken: Callable[[], None], verdict: Verdict | None) -> None:
        if verdict is not None:
            self.refuse(name, verdict)
        woken()

    def heed(self, name: str, verdict: Verdict) -> None:
        """Learn what concerns an account as a whole."""
        if verdict.kind is Kind.UNAUTHORISED:
            self.refuse(name, verdict)
        rule = self._endpoints[name].account.credits
        if verdict.kind is Kind.SPENT and rule is not None and verdict.quota == rule.name:
            self._purses[name].hurry()

    def refuse(self, name: str, verdict: Verdict) -> None:
        """Call this account no more: the provider refuses it."""
        where = f"account {name} ({self._endpoints[name].account.preset.title})"
        self.refused[name] = UnauthorisedError(verdict.why, where=where, remedy=verdict.remedy)

    @property
    def refusal(self) -> UnauthorisedError | None:
        """Why nobody can be called any more, if it is so."""
        if len(self.refused) < len(self._endpoints):
            return None
        return next(iter(self.refused.values()))


def _allowed(found: Sequence[Batch]) -> int:
    """How many calls batches still need, as far as the user allows them.

    A whole and its parts are allowed so many together.
    """
    needed, left = Counter[int](), dict[int, int | None]()
    for batch in found:
        whole = batch.part_of or batch.id
        needed[whole] += batch.calls_needed
        left[whole] = batch.calls_left
    return sum(_least(calls, left[whole]) for whole, calls in needed.items())


def _least(calls: int, left: int | None) -> int:
    return calls if left is None else min(calls, left)

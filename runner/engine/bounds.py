"""The limits on the calls of a process, and the state on which admission is decided."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from random import Random

from runner.core import controller, start_bucket
from runner.core.route import Route, RouteState
from runner.core.selection import AccountState, State
from runner.core.window import Window
from runner.engine.call import loop_ms
from runner.engine.memory import Memory
from runner.engine.options import EngineOptions
from runner.engine.route_stats import RouteStats
from runner.engine.snapshot import windows_of
from runner.providers.account import Account

LONGEST_JITTER_MS = 3_000


def draw_reset_jitter(random: Random) -> int:
    """Returns how long a process waits after a reset, in ms: each its own short time."""
    return round(random.random() * LONGEST_JITTER_MS)


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits on the calls of this process, beside those in its memory.

    Attributes:
        options: The options of the engine.
        reset_jitter_ms: The wait after a reset, in ms.
        is_sure: Returns whether the provider has confirmed the time.
    """

    options: EngineOptions
    reset_jitter_ms: int
    is_sure: Callable[[], bool]

    def state(
        self, memory: Memory, accounts: Sequence[Account], routes: Collection[Route], now: int
    ) -> State:
        """Returns the state of admission for these routes."""
        by_name = {account.name: account for account in accounts}
        by_route = windows_of(
            memory.snapshot.latest,
            accounts,
            routes,
            now,
            self.reset_jitter_ms,
            sure=self.is_sure(),
        )
        states = {
            route: self._route_state(memory, by_name[route[0]], route, own)
            for route, own in by_route.items()
        }
        of_accounts = {name: _of_account(memory, account) for name, account in by_name.items()}
        return State(states, of_accounts, memory.in_flight, self.options.max_concurrency, loop_ms())

    def _route_state(
        self, memory: Memory, account: Account, route: Route, own: tuple[Window, ...]
    ) -> RouteState:
        stats = memory.routes.get(route) or self._new_route(account)
        cost = account.cost(route[1], round(stats.tokens))
        return RouteState(own, stats.controller, stats.in_flight, cost, stats.refusal)

    def _new_route(self, account: Account) -> RouteStats:
        most = self.options.max_concurrency
        start = min(account.preset.start_concurrency, most)
        return RouteStats(controller.new(start, most))


def _of_account(memory: Memory, account: Account) -> AccountState:
    rate = memory.rates.get(account.name)
    if rate is None and account.calls_per_second:
        rate = start_bucket.full(account.calls_per_second)
    return AccountState(memory.in_flight_of(account.name), account.max_concurrency, rate)

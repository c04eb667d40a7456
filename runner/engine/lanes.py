"""What this runner has under way in each state, and how wide the state has proved to be.

It is memory only: after a restart a state starts narrow again, and nothing is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runner.core import concurrency
from runner.core.concurrency import Concurrency
from runner.core.forecast import USUAL_CALL_MS
from runner.core.route import RouteState
from runner.core.verdict import Kind
from runner.core.window import Window
from runner.providers.account import USUAL_TOKENS, Account

# How much a new measurement weighs against those before it.
WEIGHT = 0.1
# The estimate falls by this part a call: a long reply is remembered for some dozens of calls.
FORGET = 0.02


@dataclass(slots=True)
class RouteStats:
    """One state's calls in flight, its learned concurrency, and what a call takes in it."""

    account: Account
    model: str
    concurrency: Concurrency
    in_flight: int = 0
    narrowed_at: int = 0
    tokens: float = USUAL_TOKENS
    call_ms: float = USUAL_CALL_MS

    def view(self, windows: Sequence[Window]) -> RouteState:
        """The state as the core sees it."""
        cost = self.account.cost(self.model, round(self.tokens))
        return RouteState(tuple(windows), self.concurrency, self.in_flight, cost)

    def started(self) -> None:
        """A call has begun."""
        self.in_flight += 1

    def ended(self) -> None:
        """A call is over, however it ended."""
        self.in_flight -= 1

    def learn(self, kind: Kind, tokens: int | None, started_at: int, now: int) -> None:
        """Widen on an answer; narrow once for each burst of throttling."""
        if kind is Kind.DONE:
            self.concurrency = concurrency.answered(self.concurrency)
            self.call_ms += WEIGHT * (max(0, now - started_at) - self.call_ms)
        elif kind is Kind.THROTTLED and started_at >= self.narrowed_at:
            self.concurrency = concurrency.throttled(self.concurrency)
            self.narrowed_at = now
        if tokens is not None:
            first = self.tokens == USUAL_TOKENS
            self.tokens = tokens if first else max(tokens, self.tokens * (1 - FORGET))

    @property
    def pace_ms(self) -> float:
        """Milliseconds between the ends of two calls, at full speed."""
        at_once = self.call_ms / self.concurrency.allowed
        return max(1.0, at_once, 1_000 / self.account.calls_per_second)

"""What this process has learned of a route, and what it has under way there.

It is memory only: after a restart a route starts anew, and nothing is lost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from runner.core import controller
from runner.core.charging import Outcome
from runner.core.controller import Controller
from runner.core.forecast import USUAL_CALL_MS
from runner.core.settlement import RouteEvidence
from runner.core.verdict import Kind
from runner.providers.account import USUAL_TOKENS

# How much a new measurement weighs against those before it.
WEIGHT = 0.1
# The estimate of tokens falls by this part a call: a long reply is remembered for some dozens.
FORGET = 0.02


@dataclass(frozen=True, slots=True)
class RouteStats:
    """One route.

    Attributes:
        controller: What it was found to bear.
        in_flight: Calls under way.
        tokens: What a call is expected to take.
        call_ms: How long a call takes, smoothed.
        answered_at: When it last answered a call (ms since the epoch).
    """

    controller: Controller
    in_flight: int = 0
    tokens: float = USUAL_TOKENS
    call_ms: float = USUAL_CALL_MS
    answered_at: int = -1

    def after(self, outcome: Outcome, now: int) -> tuple[RouteStats, RouteEvidence]:
        """The route after a call has ended, and what it tells of that call."""
        in_flight, verdict = self.in_flight - 1, outcome.verdict
        evidence = RouteEvidence(
            others_answered=self.answered_at >= outcome.sent_at, exhausted=True
        )
        after = replace(self, in_flight=in_flight, tokens=self._tokens(outcome.tokens))
        match verdict.kind:
            case Kind.DONE | Kind.REJECTED:
                learned = controller.answered(self.controller, outcome.sent_at, now, in_flight)
                took_ms = max(0, now - outcome.sent_at)
                after = replace(
                    after,
                    controller=learned,
                    call_ms=self.call_ms + WEIGHT * (took_ms - self.call_ms),
                    answered_at=now,
                )
            case Kind.THROTTLED | Kind.TRANSIENT if (
                verdict.overloaded or verdict.kind is Kind.THROTTLED
            ):
                learned = controller.throttled(
                    self.controller, outcome.sent_at, verdict.wait_ms, now, in_flight
                )
                exhausted = controller.exhausted(learned, now)
                after = replace(after, controller=learned)
                evidence = replace(evidence, exhausted=exhausted)
            case Kind.TRANSIENT:
                after = replace(after, controller=controller.faulted(self.controller, now))
            case _:
                pass
        return after, evidence

    @property
    def pace_ms(self) -> float:
        """Milliseconds between the ends of two calls, at full speed."""
        return max(1e-3, self.call_ms / self.controller.allowed)

    def _tokens(self, counted: int | None) -> float:
        if counted is None:
            return self.tokens
        first = self.tokens == USUAL_TOKENS
        return counted if first else max(counted, self.tokens * (1 - FORGET))

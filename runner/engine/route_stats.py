"""Statistics of a route in this process: its controller, calls in flight, and moving averages.

They are in memory only, and are learned again after a restart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from runner.core import controller
from runner.core.charging import Outcome
from runner.core.controller_state import Controller
from runner.core.forecast import USUAL_CALL_MS
from runner.core.settlement import RouteEvidence
from runner.core.verdict import Kind
from runner.providers.account import USUAL_TOKENS

# The weight of a new measurement in a moving average.
WEIGHT = 0.1
# The estimate of tokens falls by this part at each call, so that a long reply counts for dozens.
FORGET = 0.02
# After this many consecutive refusals that may be for pace or for allowance, a probe decides which.
AMBIGUOUS_REFUSALS = 4
SEVERAL = -1
# For this long after an answer, a possible outage counts against the rows that meet it: for about
# twenty calls, given the waits between them.
RECENT_MS = 10 * 60_000


@dataclass(frozen=True, slots=True)
class RouteStats:
    """The statistics of one route.

    Attributes:
        controller: The adaptive limits of its calls.
        in_flight: The number of calls in flight.
        tokens: The estimated tokens of a call.
        call_ms: The duration of a call in ms, smoothed.
        answered_loop_ms: When it last answered a call, by the loop's clock; -1 for never.
        refused_job: The first job of the calls that it has refused since then; `SEVERAL` if they
            had different ones, 0 if it has refused none.
        refusal: The provider's words at the last refusal since then.
    """

    controller: Controller
    in_flight: int = 0
    tokens: float = USUAL_TOKENS
    call_ms: float = USUAL_CALL_MS
    answered_loop_ms: int = -1
    refused_job: int = 0
    refusal: str = ""

    def refused(
        self, outcome: Outcome, job: int, sent_loop_ms: int, loop_ms: int
    ) -> tuple[RouteStats, RouteEvidence]:
        """Returns the statistics after a call without an answer, with the evidence about it.

        `job` is the first job of the call; `sent_loop_ms` and `loop_ms` are by the loop's clock.
        """
        verdict, others = outcome.verdict, self.in_flight - 1
        learned = self.controller
        if verdict.overloaded or verdict.kind is Kind.THROTTLED:
            learned = controller.throttled(learned, sent_loop_ms, verdict.wait_ms, loop_ms, others)
        else:
            learned = controller.faulted(learned, loop_ms)
        doubtful = verdict.ambiguous and learned.backoff.refusals >= AMBIGUOUS_REFUSALS
        only = self.refused_job in (0, job)
        evidence = RouteEvidence(
            others_answered=self.answered_loop_ms >= sent_loop_ms
            or (verdict.perhaps_row and (only or self._answers_at(loop_ms))),
            exhausted=doubtful or controller.exhausted(learned),
        )
        after = replace(
            self,
            in_flight=others,
            controller=learned,
            tokens=self._tokens([outcome.tokens]),
            refused_job=job if only else SEVERAL,
            refusal=verdict.why,
        )
        return after, evidence

    def answered(
        self, sent_loop_ms: Sequence[int], tokens: Sequence[int | None], loop_ms: int
    ) -> RouteStats:
        """Returns the statistics after answers to calls; the turn's refusals must come first."""
        in_flight = self.in_flight - len(sent_loop_ms)
        took_ms = loop_ms - sum(sent_loop_ms) / len(sent_loop_ms)
        weight = 1 - (1 - WEIGHT) ** len(sent_loop_ms)
        return RouteStats(
            controller.answered(self.controller, sent_loop_ms, loop_ms, in_flight),
            in_flight,
            self._tokens(tokens),
            self.call_ms + weight * (took_ms - self.call_ms),
            loop_ms,
        )

    def _answers_at(self, loop_ms: int) -> bool:
        """Whether its last answer is recent enough to rule out an outage."""
        return self.answered_loop_ms >= 0 and loop_ms - self.answered_loop_ms < RECENT_MS

    @property
    def pace_ms(self) -> float:
        """The time between the ends of two calls at full speed, in ms."""
        return max(1e-3, self.call_ms / self.controller.allowed)

    def _tokens(self, counted: Sequence[int | None]) -> float:
        tokens = self.tokens
        for number in counted:
            if number is not None:
                first = tokens == USUAL_TOKENS
                tokens = number if first else max(number, tokens * (1 - FORGET))
        return tokens

"""What this process has learned of a route, and what it has under way there.

It is memory only: after a restart a route starts anew, and nothing is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
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
# After so many refusals in a row that may be for pace or for allowance, a probe is to tell which.
AMBIGUOUS_REFUSALS = 4
SEVERAL = -1
# For so long after an answer, what may be an outage is held against the rows that meet it: some
# twenty calls, as the waits go.
RECENT_MS = 10 * 60_000


@dataclass(frozen=True, slots=True)
class RouteStats:
    """One route.

    Attributes:
        controller: What it was found to bear.
        in_flight: Calls under way.
        tokens: What a call is expected to take.
        call_ms: How long a call takes, smoothed.
        answered_ms: When it last answered a call, by the loop's clock.
        refused_job: The first job of the calls that it has refused since then; `SEVERAL` where
            they had different ones, 0 where there was no call.
        refusal: What the provider said of the last of them.
    """

    controller: Controller
    in_flight: int = 0
    tokens: float = USUAL_TOKENS
    call_ms: float = USUAL_CALL_MS
    answered_ms: int = -1
    refused_job: int = 0
    refusal: str = ""

    def refused(
        self, outcome: Outcome, job: int, sent_ms: int, now_ms: int
    ) -> tuple[RouteStats, RouteEvidence]:
        """The route after a call that brought no answer, and what the others tell of that call.

        `job` is the first job of the call; `sent_ms` and `now_ms` are by the loop's clock.
        """
        verdict, others = outcome.verdict, self.in_flight - 1
        learned = self.controller
        if verdict.overloaded or verdict.kind is Kind.THROTTLED:
            learned = controller.throttled(learned, sent_ms, verdict.wait_ms, now_ms, others)
        else:
            learned = controller.faulted(learned, now_ms)
        doubtful = verdict.ambiguous and learned.drought.refusals >= AMBIGUOUS_REFUSALS
        only = self.refused_job in (0, job)
        evidence = RouteEvidence(
            others_answered=self.answered_ms >= sent_ms
            or (verdict.perhaps_row and (only or self._answers_at(now_ms))),
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
        self, sent_ms: Sequence[int], tokens: Sequence[int | None], now_ms: int
    ) -> RouteStats:
        """The route after answers to calls that were sent at `sent_ms`; refusals come first."""
        in_flight = self.in_flight - len(sent_ms)
        took_ms = now_ms - sum(sent_ms) / len(sent_ms)
        weight = 1 - (1 - WEIGHT) ** len(sent_ms)
        return RouteStats(
            controller.answered(self.controller, sent_ms, now_ms, in_flight),
            in_flight,
            self._tokens(tokens),
            self.call_ms + weight * (took_ms - self.call_ms),
            now_ms,
        )

    def _answers_at(self, now_ms: int) -> bool:
        """Whether its last answer is not so old that there may be an outage."""
        return self.answered_ms >= 0 and now_ms - self.answered_ms < RECENT_MS

    @property
    def pace_ms(self) -> float:
        """Milliseconds between the ends of two calls, at full speed."""
        return max(1e-3, self.call_ms / self.controller.allowed)

    def _tokens(self, counted: Sequence[int | None]) -> float:
        tokens = self.tokens
        for number in counted:
            if number is not None:
                first = tokens == USUAL_TOKENS
                tokens = number if first else max(number, tokens * (1 - FORGET))
        return tokens

"""The end of one call, as far as the provider told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from runner.core.charging import Outcome
from runner.core.verdict import Kind, Reply, Verdict
from runner.core.window import Count

# What a refusal of ``response_format`` names, and by which verdicts such a refusal comes.
_OF_FORMAT = re.compile(
    r"response.?format|json|schema|structured.?output|guided|grammar|requested parameters",
    re.IGNORECASE,
)
_REFUSALS = frozenset({Kind.REJECTED, Kind.GONE, Kind.TRANSIENT})


@dataclass(frozen=True, slots=True)
class CallResult:
    """The end of one call.

    Attributes:
        verdict: What it means.
        reply: What came back; None if no whole reply did.
        counts: The provider's own counts, by quota.
        date: The provider's clock, in ms since the epoch, if it was told.
        body: The reply to a forwarded request, as it came.
        refused_format: The type of ``response_format`` that the model has refused, if it has.
    """

    verdict: Verdict
    reply: Reply | None = None
    counts: Mapping[str, Count] = field(default_factory=dict)
    date: int | None = None
    body: str = ""
    refused_format: str = ""

    @property
    def tokens(self) -> int | None:
        """How many tokens the provider counted; None if it did not say."""
        reply = self.reply
        if reply is None or (reply.prompt_tokens is None and reply.completion_tokens is None):
            return None
        return (reply.prompt_tokens or 0) + (reply.completion_tokens or 0)

    def outcome(self, *, probe: bool, sent_at: int = 0) -> Outcome:
        """What the windows need to know of it."""
        return Outcome(self.verdict, probe, self.counts, self.tokens, sent_at)

    @property
    def refuses_format(self) -> bool:
        """Whether the call failed for its ``response_format``; some answer with an empty shell."""
        reply, verdict = self.reply, self.verdict
        if reply is None or verdict.kind not in _REFUSALS:
            return False
        if not reply.refused:
            return verdict.perhaps_row
        told = f"{reply.code} {reply.message}"
        return not reply.message.startswith("not ") and bool(_OF_FORMAT.search(told))

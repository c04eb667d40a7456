"""The result of one call."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from runner.core.charging import Outcome
from runner.core.verdict import Kind, Reply, Verdict
from runner.core.window import Count

# Words in a refusal of ``response_format``, and the verdicts on such a refusal.
_OF_FORMAT = re.compile(
    r"response.?format|json|schema|structured.?output|guided|grammar|requested parameters",
    re.IGNORECASE,
)
_REFUSALS = frozenset({Kind.REJECTED, Kind.GONE, Kind.TRANSIENT})


@dataclass(frozen=True, slots=True)
class CallResult:
    """The result of one call.

    Attributes:
        verdict: The verdict on the call.
        reply: The parsed reply; None if no complete reply arrived.
        counts: The provider's own counts, by quota.
        date: The provider's time, in ms since the epoch, or None.
        body: The body of the reply to a forwarded request, redacted; empty for other calls.
        refused_format: The type of ``response_format`` that the model has refused; empty if none.
    """

    verdict: Verdict
    reply: Reply | None = None
    counts: Mapping[str, Count] = field(default_factory=dict)
    date: int | None = None
    body: str = ""
    refused_format: str = ""

    @property
    def tokens(self) -> int | None:
        """The number of tokens that the provider counted; None if unknown."""
        reply = self.reply
        if reply is None or (reply.prompt_tokens is None and reply.completion_tokens is None):
            return None
        return (reply.prompt_tokens or 0) + (reply.completion_tokens or 0)

    def outcome(self, *, probe: bool, sent_at: int = 0) -> Outcome:
        """Returns the outcome that the windows are charged with."""
        return Outcome(self.verdict, probe, self.counts, self.tokens, sent_at)

    @property
    def refuses_format(self) -> bool:
        """Whether the call failed because of its ``response_format``.

        Some providers refuse it with an error, and some send a reply without an answer.
        """
        reply, verdict = self.reply, self.verdict
        if reply is None or verdict.kind not in _REFUSALS:
            return False
        return self.names_format if reply.refused else verdict.perhaps_row

    @property
    def names_format(self) -> bool:
        """Whether its error is about the ``response_format``."""
        reply = self.reply
        if reply is None or reply.message.startswith("not "):
            return False
        return bool(_OF_FORMAT.search(f"{reply.code} {reply.message}"))

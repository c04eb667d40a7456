"""Defines the planned reply to one call, which the ASGI layer carries out."""

from __future__ import annotations

from typing import Literal, NamedTuple

ReplyKind = Literal["answer", "refusal", "rejection", "fault"]
"""A complete answer, a refusal by a limit, another 4xx, or a failure on the server's side."""

Delivery = Literal["whole", "dropped", "silent"]
"""The reply is sent whole, broken off in the middle of its body, or never sent."""

Headers = tuple[tuple[str, str], ...]


class ReplyPlan(NamedTuple):
    """The reply to one call, and its cost.

    Attributes:
        kind: The category in which the call is counted.
        status: The HTTP status of the reply.
        body: The whole body, even if only a part of it is sent.
        delay_ms: The time from the call's arrival to its reply.
        spends: Whether the call spends the account's allowance.
        delivery: The part of the reply that is sent.
        content_type: The media type of the body.
        headers: The headers of the reply other than those about its body.
        tokens: The tokens of the prompt and of the generated answer, even if it is not sent.
        failed: Whether the call failed on the server's side and therefore costs no credits.
        retry_ms: The time until a throttle clears, in ms; None for other replies.
    """

    kind: ReplyKind
    status: int
    body: bytes
    delay_ms: int
    spends: bool
    delivery: Delivery = "whole"
    content_type: str = "application/json"
    headers: Headers = ()
    tokens: int = 0
    failed: bool = False
    retry_ms: int | None = None

    @property
    def occupies(self) -> bool:
        """Whether a model works on the call, so that it counts towards the concurrency."""
        return self.kind in {"answer", "fault"}

    def delayed(self, ms: int) -> ReplyPlan:
        """Returns the same reply, sent `ms` later."""
        return self._replace(delay_ms=self.delay_ms + ms)

    def on_step(self, step_ms: int, now_ms: int) -> ReplyPlan:
        """Returns the same reply, sent at the multiple of `step_ms` nearest to its time.

        The call arrived at `now_ms`.
        """
        sent_at = round((now_ms + self.delay_ms) / step_ms) * step_ms
        return self._replace(delay_ms=max(0, sent_at - now_ms))

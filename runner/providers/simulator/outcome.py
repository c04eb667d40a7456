"""What becomes of one call, as a value for the ASGI layer to obey.

It knows how a reply is described; it decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["answer", "refusal", "rejection", "fault"]
"""An answer in full, a 429, another 4xx, or something gone wrong on the server's side."""

Ending = Literal["whole", "dropped", "silent"]
"""The reply is sent whole, breaks off in mid-body, or never begins."""

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The fate of one call.

    Attributes:
        kind: How the call is counted.
        status: HTTP status of the reply.
        body: The whole body, even if the ending keeps the caller from seeing all of it.
        delay_ms: Time from the call's arrival to its reply.
        spends: Whether it spends the caller's allowance.
        ending: How much of the reply is sent.
        content_type: Media type of the body.
        headers: Headers of the reply beside those about its body.
        tokens: Tokens of the prompt and of the answer that was made, seen or not.
        failed: Whether it failed on the server's side, and so costs no credits.
        retry_ms: Milliseconds until a throttle will have cleared; None is no throttle.
    """

    kind: Kind
    status: int
    body: bytes
    delay_ms: int
    spends: bool
    ending: Ending = "whole"
    content_type: str = "application/json"
    headers: Headers = ()
    tokens: int = 0
    failed: bool = False
    retry_ms: int | None = None

    @property
    def occupies(self) -> bool:
        """Whether a model works on it, so that it counts towards the concurrency limit."""
        return self.kind in {"answer", "fault"}

"""What was said in one call, for somebody who looks on; it is shown, and kept nowhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runner.providers.endpoint import CallResult
from runner.store.dispatch import JobEnd, Started


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call that was made.

    Attributes:
        started: The call.
        sent: What was asked, as JSON values: messages, texts, or a whole request. Images in it are
            named, not shown.
        heard: What came back.
        ends: What follows for each of its jobs.
    """

    started: Started
    sent: Any
    heard: CallResult
    ends: tuple[JobEnd, ...]


Observer = Callable[[Exchange], None]


def unobserved(_exchange: Exchange) -> None:
    """The observer of a run on which nobody looks."""

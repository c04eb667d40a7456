"""The history of a job, stored between its calls."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tries:
    """The history of a job's calls, as counts.

    Attributes:
        attempts: The calls that it was part of, without those that tell nothing about it.
        crashes: The runners that died while it was in a call.
        faults: The transient faults of its calls.
        invalid_replies: The invalid answers to it alone.
        splits: The splits of its pack.
    """

    attempts: int = 1
    crashes: int = 0
    faults: int = 0
    invalid_replies: int = 0
    splits: int = 0

    def with_attempt(self) -> Tries:
        """Returns the history with one more call."""
        rest = self.crashes, self.faults, self.invalid_replies, self.splits
        return Tries(self.attempts + 1, *rest)  # `replace` takes five times the time

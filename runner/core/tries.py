"""What a job has been through: what is kept of it between its calls."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tries:
    """What a job has been through.

    Attributes:
        attempts: Calls that it was part of, save those that told nothing about it.
        crashes: Runners that died while it was in a call.
        faults: Passing faults that it met.
        invalid_replies: Invalid answers to it alone.
        splits: How often its pack was split.
    """

    attempts: int = 1
    crashes: int = 0
    faults: int = 0
    invalid_replies: int = 0
    splits: int = 0

    def with_attempt(self) -> Tries:
        """What it has been through once it is part of one more call."""
        rest = self.crashes, self.faults, self.invalid_replies, self.splits
        return Tries(self.attempts + 1, *rest)  # `replace` takes five times as long

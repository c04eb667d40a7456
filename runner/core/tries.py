"""The history of a job, stored between its calls."""

from __future__ import annotations

from dataclasses import dataclass

# The history of a job that was rejected with many others begins anew, with a fault that belongs to
# no attempt: so it can be told from a job with faults of its own.
REQUEUED_ATTEMPTS = 0
REQUEUED_FAULTS = 1


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

    @property
    def was_requeued(self) -> bool:
        """Whether it was rejected with many others before the present call.

        Otherwise each fault belongs to an earlier attempt than the present one.
        """
        return 0 < self.attempts <= self.faults

    def with_attempt(self) -> Tries:
        """Returns the history with one more call."""
        rest = self.crashes, self.faults, self.invalid_replies, self.splits
        return Tries(self.attempts + 1, *rest)  # `replace` takes five times the time

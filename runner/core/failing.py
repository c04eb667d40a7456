"""Decides when a batch pauses because too large a share of its rows has failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runner.core.states import JobState

# The share of failures is judged from this number of ended rows on.
JUDGED_ROWS = 50


@dataclass(frozen=True, slots=True)
class EndedRows:
    """The numbers of rows of a batch that have succeeded and failed in this process."""

    succeeded: int = 0
    failed: int = 0

    def with_changes(self, moved: Mapping[str, int]) -> EndedRows:
        """Returns the numbers after jobs have moved; `moved` is the change by state."""
        succeeded = moved.get(JobState.SUCCEEDED, 0)
        failed = moved.get(JobState.FAILED, 0)
        return EndedRows(self.succeeded + succeeded, self.failed + failed)

    def pause_reason(self, most_failed: float) -> str:
        """Returns why the batch is to be paused; empty if it may go on.

        Args:
            most_failed: The share of failed rows, from 0 to 1, above which the batch pauses.
        """
        ended = self.succeeded + self.failed
        if ended < JUDGED_ROWS or self.failed <= most_failed * ended:
            return ""
        return f"{self.failed} of the last {ended} rows have failed"


NO_ROWS = EndedRows()

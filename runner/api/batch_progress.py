"""Reports the progress of a batch while it runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from runner.api.moments import moment, moment_or_none
from runner.app.running.engine_host import OnStart
from runner.engine.progress import Progress, Watcher
from runner.store.batches import Batch as StoredBatch
from runner.wording import wait_messages


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchProgress:
    """The progress of a batch at one time.

    Attributes:
        name: The batch's name.
        at: The time of the report.
        rows: The number of rows in the batch.
        succeeded: The number of rows with an answer; with votes, those of the first vote.
        failed: The number of rows that have failed; with votes, those of the first vote.
        share: The completed share of all jobs, from 0 to 1, those of votes included.
        calls: The number of calls made so far.
        in_flight: The number of calls in flight.
        waiting: The reason for the wait and its end, in a sentence; empty while calls start.
        until: The time at which the wait ends, if it is known.
        finish: The forecast time of completion, if there is a forecast.
    """

    name: str
    at: datetime
    rows: int
    succeeded: int
    failed: int
    share: float
    calls: int
    in_flight: int = 0
    waiting: str = ""
    until: datetime | None = None
    finish: datetime | None = None

    @property
    def done(self) -> int:
        """The number of rows that have succeeded or failed."""
        return self.succeeded + self.failed


OnProgress = Callable[[BatchProgress], None]


def progress_of(
    parts: Sequence[StoredBatch], at: int, shown: Progress | None = None
) -> BatchProgress:
    """Returns the progress of a batch, given with its parts, at `at`, in ms since the epoch.

    Args:
        parts: The stored batch itself, followed by its parts.
        at: The time of the report.
        shown: The progress of its run, if it is running.
    """
    whole = parts[0]
    answers = sum(part.rows for part in parts)
    waits = wait_messages.waits(shown.waiting, at) if shown and not shown.in_flight else []
    forecast = shown.forecast if shown else None
    return BatchProgress(
        name=whole.name,
        at=moment(at),
        rows=whole.rows,
        succeeded=whole.counts.succeeded,
        failed=whole.counts.failed,
        share=1 - sum(part.left for part in parts) / answers if answers else 1.0,
        calls=whole.calls_made,
        in_flight=shown.in_flight if shown else 0,
        waiting="; ".join(waits),
        until=moment_or_none(shown.until) if shown else None,
        finish=moment_or_none(forecast.finishes_at) if forecast else None,
    )


class ProgressReporter:
    """A watcher of a run that reports the progress of a batch to the user's function.

    If the function raises, the run is stopped; calls in flight may finish, and nothing is lost.

    Args:
        parts: The batch itself, followed by its parts before the run.
        tell: The user's function.
        then: Another watcher, or None.

    Attributes:
        failure: The exception that the function raised, or None.
    """

    def __init__(
        self, parts: Sequence[StoredBatch], tell: OnProgress, then: Watcher | None
    ) -> None:
        self._known = {part.id: part for part in parts}
        self._tell = tell
        self._then = then
        self._stop: Callable[[], None] | None = None
        self.failure: Exception | None = None

    def __call__(self, shown: Progress) -> None:
        """Reports the progress `shown` by the run."""
        if self._then is not None:
            self._then(shown)
        updated = {batch.id: batch for batch in (*shown.paused, *shown.batches)}
        self._known = {key: updated.get(key, part) for key, part in self._known.items()}
        if self.failure is None:
            self.tell(progress_of(tuple(self._known.values()), shown.at, shown))

    def tell(self, progress: BatchProgress) -> None:
        """Calls the user's function; an exception is stored, and stops the run."""
        try:
            self._tell(progress)
        except Exception as error:  # noqa: BLE001 - raised where the run is awaited
            self.failure = error
            if self._stop is not None:
                self._stop()

    def on_start(self, then: OnStart | None) -> OnStart:
        """Returns the callback that receives the run's stop function, and passes it to `then`."""

        def started(stop: Callable[[], None]) -> None:
            self._stop = stop
            if then is not None:
                then(stop)

        return started

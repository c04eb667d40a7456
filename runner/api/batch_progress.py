"""How a batch stands while it runs, for whoever watches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from runner.api.moments import moment, moment_or_none
from runner.app.engine_host import OnStart
from runner.engine.progress import Progress, Watcher
from runner.store.batches import Batch as StoredBatch
from runner.wording import wait_messages


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchProgress:
    """A batch at one moment of its run.

    Attributes:
        name: The batch's name.
        at: The moment.
        rows: Rows in the batch.
        succeeded: Rows with an answer; where rows are voted on, those of the first vote.
        failed: Rows that have failed, likewise.
        share: How much of all answers is there, from 0 to 1, those of votes included.
        calls: Calls made so far.
        in_flight: Calls under way.
        waiting: What is waited for, and until when, in a sentence; empty while calls start.
        until: When something happens by itself, where that is known.
        finish: When all is expected to be done, where that can be told.
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
        """Rows that have come to their end."""
        return self.succeeded + self.failed


OnProgress = Callable[[BatchProgress], None]


def progress_of(
    family: Sequence[StoredBatch], at: int, shown: Progress | None = None
) -> BatchProgress:
    """How the batch that `family` makes stands at `at`; `shown` is what its run tells."""
    whole = family[0]
    answers = sum(part.rows for part in family)
    waits = wait_messages.waits(shown.waiting, at) if shown and not shown.in_flight else []
    forecast = shown.forecast if shown else None
    known = forecast is not None and forecast.days > 0 and not forecast.beyond
    return BatchProgress(
        name=whole.name,
        at=moment(at),
        rows=whole.rows,
        succeeded=whole.counts.succeeded,
        failed=whole.counts.failed,
        share=1 - sum(part.left for part in family) / answers if answers else 1.0,
        calls=whole.calls_made,
        in_flight=shown.in_flight if shown else 0,
        waiting="; ".join(waits),
        until=moment_or_none(shown.until) if shown else None,
        finish=moment(forecast.finish_at) if forecast and known else None,
    )


class ProgressReporter:
    """A watcher of a run that tells a function of the user how the batch stands.

    If the function raises, the run is stopped: calls in flight may end, and nothing is lost.

    Args:
        family: The batch and its parts, as they stand before the run.
        tell: The function.
        then: Who else watches.

    Attributes:
        failure: What the function raised.
    """

    def __init__(
        self, family: Sequence[StoredBatch], tell: OnProgress, then: Watcher | None
    ) -> None:
        self._known = {part.id: part for part in family}
        self._tell = tell
        self._then = then
        self._stop: Callable[[], None] | None = None
        self.failure: Exception | None = None

    def __call__(self, shown: Progress) -> None:
        """Tell what is new."""
        if self._then is not None:
            self._then(shown)
        seen = {batch.id: batch for batch in (*shown.paused, *shown.batches)}
        self._known = {key: seen.get(key, part) for key, part in self._known.items()}
        if self.failure is None:
            self.tell(progress_of(tuple(self._known.values()), shown.at, shown))

    def tell(self, found: BatchProgress) -> None:
        """Tell the function; what it raises is kept."""
        try:
            self._tell(found)
        except Exception as error:  # noqa: BLE001 - raised where the run is waited for
            self.failure = error
            if self._stop is not None:
                self._stop()

    def on_start(self, then: OnStart | None) -> OnStart:
        """What learns how the run is stopped, and tells `then`."""

        def started(stop: Callable[[], None]) -> None:
            self._stop = stop
            if then is not None:
                then(stop)

        return started

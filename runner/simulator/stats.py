"""Counts the calls that the provider has received, in total and by quota day.

Tests and benchmarks compare a runner's ledger with them. They contain no token and no prompt.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from runner.simulator.quota_days import day_name
from runner.simulator.reply_plan import ReplyPlan


@dataclass(frozen=True, slots=True)
class DayStats:
    """Calls that arrived on one quota day.

    Attributes:
        calls: All calls.
        answered: Calls whose complete answer was sent.
        refused: Calls refused by a limit: those with a 429, and those refused by `limit_req`.
        spent: Calls that spent allowance.
    """

    calls: int
    answered: int
    refused: int
    spent: int


@dataclass(frozen=True, slots=True)
class Stats:
    """The counts since the simulator was started.

    Attributes:
        now: The simulator's time, ISO 8601 in UTC.
        calls: All calls.
        answered: Calls whose complete answer was sent; a faulty reply with status 200 is none.
        refused: Calls refused by a limit, as in `DayStats`.
        by_day: The counts by quota day, YYYY-MM-DD in its zone; days without calls are left out.
        in_flight: Calls that have arrived and have not been replied to.
        max_in_flight: The largest number of concurrent calls in flight, refused ones included.
        prompts: The number of different prompts and inputs in the answered calls.
        images: Images that were paid for, whether or not they were delivered.
        image_prompts: The number of different prompts of those images.
    """

    now: str
    calls: int
    answered: int
    refused: int
    by_day: Mapping[str, DayStats]
    in_flight: int
    max_in_flight: int
    prompts: int
    images: int
    image_prompts: int


class CallCounts:
    """Counts calls as they arrive and as they end.

    Attributes:
        occupied: Calls that the models are working on.
    """

    def __init__(self) -> None:
        self.occupied = 0
        self._in_flight = 0
        self._max_in_flight = 0
        self._days: dict[int, _DayCounts] = {}
        self._prompts: set[bytes] = set()
        self._images = 0
        self._image_prompts: set[bytes] = set()

    def arrived(self, day: int, plan: ReplyPlan) -> None:
        """Counts a call that has just been decided; it belongs to `day` until it ends."""
        counts = self._days.get(day)
        if counts is None:
            counts = self._days[day] = _DayCounts()
        counts.calls += 1
        counts.refused += plan.kind == "refusal"
        counts.spent += plan.spends
        self.occupied += plan.occupies
        self._in_flight += 1
        self._max_in_flight = max(self._max_in_flight, self._in_flight)

    def answered(self, day: int, prompts: Iterable[bytes]) -> None:
        """Counts an answer that was sent completely, and its prompts, given by their digests."""
        self._days[day].answered += 1
        self._prompts.update(prompts)

    def images_paid(self, count: int, prompts: Iterable[bytes]) -> None:
        """Counts the images that a call paid for."""
        self._images += count
        self._image_prompts.update(prompts)

    def left(self, plan: ReplyPlan) -> None:
        """Removes a call from those in flight, whether it was replied to or its caller gave up."""
        self._in_flight -= 1
        self.occupied -= plan.occupies

    def stats(self, now_ms: int) -> Stats:
        """Returns the counts so far."""
        days = self._days.values()
        return Stats(
            now=datetime.fromtimestamp(now_ms / 1000, UTC).isoformat(timespec="milliseconds"),
            calls=sum(day.calls for day in days),
            answered=sum(day.answered for day in days),
            refused=sum(day.refused for day in days),
            by_day={day_name(day): self._days[day].stats() for day in sorted(self._days)},
            in_flight=self._in_flight,
            max_in_flight=self._max_in_flight,
            prompts=len(self._prompts),
            images=self._images,
            image_prompts=len(self._image_prompts),
        )


@dataclass(slots=True)
class _DayCounts:
    """The counts of one quota day so far."""

    calls: int = 0
    answered: int = 0
    refused: int = 0
    spent: int = 0

    def stats(self) -> DayStats:
        return DayStats(self.calls, self.answered, self.refused, self.spent)

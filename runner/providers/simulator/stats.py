"""What the provider has seen: the truth a runner's ledger is measured against.

It knows counts, by quota day and in all; it holds no token and no text of a prompt.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from runner.providers.simulator.days import day_name
from runner.providers.simulator.outcome import Outcome


@dataclass(frozen=True, slots=True)
class DayStats:
    """Calls that arrived on one quota day.

    Attributes:
        calls: All that arrived, however they ended.
        answered: Those whose real answer was sent in full.
        refused: Those that got a 429.
        spent: Those that spent allowance.
    """

    calls: int
    answered: int
    refused: int
    spent: int


@dataclass(frozen=True, slots=True)
class Stats:
    """Calls since the simulator began.

    Attributes:
        now: The simulator's time, ISO 8601 in UTC.
        calls: All that arrived, however they ended.
        answered: Those whose real answer was sent in full; a faulty 200 is none.
        refused: Those that got a 429.
        by_day: The same by quota day, YYYY-MM-DD in its zone, days without calls left out.
        in_flight: Those that have arrived and not been replied to.
        max_in_flight: The most that were in flight at once.
        prompts: Different first user messages, inputs and image prompts among the answered.
        images: Images that were paid for, whatever became of them.
        image_prompts: Different prompts among those.
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


class Tally:
    """Counts calls as they arrive and as they end."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.busy = 0
        self._max_in_flight = 0
        self._calls: Counter[int] = Counter()
        self._answered: Counter[int] = Counter()
        self._refused: Counter[int] = Counter()
        self._spent: Counter[int] = Counter()
        self._prompts: set[bytes] = set()
        self._images = 0
        self._image_prompts: set[bytes] = set()

    def arrived(self, day: int, outcome: Outcome) -> None:
        """Count a call that has just been decided; `day` is the one it counts for throughout."""
        self._calls[day] += 1
        self._refused[day] += outcome.kind == "refusal"
        self._spent[day] += outcome.spends
        self.in_flight += 1
        self.busy += outcome.occupies
        self._max_in_flight = max(self._max_in_flight, self.in_flight)

    def answered(self, day: int, prompts: Iterable[bytes]) -> None:
        """Count an answer sent in full to what has the fingerprints `prompts`."""
        self._answered[day] += 1
        self._prompts.update(prompts)

    def painted(self, count: int, prompts: Iterable[bytes]) -> None:
        """Count images that a call has paid for, seen or not."""
        self._images += count
        self._image_prompts.update(prompts)

    def left(self, outcome: Outcome) -> None:
        """Count a call out, whether it was replied to or given up by its caller."""
        self.in_flight -= 1
        self.busy -= outcome.occupies

    def stats(self, now_ms: int) -> Stats:
        """Return the counts so far."""
        return Stats(
            now=datetime.fromtimestamp(now_ms / 1000, UTC).isoformat(timespec="milliseconds"),
            calls=self._calls.total(),
            answered=self._answered.total(),
            refused=self._refused.total(),
            by_day={day_name(day): self._day(day) for day in sorted(self._calls)},
            in_flight=self.in_flight,
            max_in_flight=self._max_in_flight,
            prompts=len(self._prompts),
            images=self._images,
            image_prompts=len(self._image_prompts),
        )

    def _day(self, day: int) -> DayStats:
        return DayStats(
            calls=self._calls[day],
            answered=self._answered[day],
            refused=self._refused[day],
            spent=self._spent[day],
        )

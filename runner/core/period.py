"""The kinds of quota period: calendar, rolling window, continuous refill, and occasional grant.

A kind states how it is written, when it begins and ends, and how it is renewed; how amounts change
in it is in usage.py. All kinds have the same attributes, so that nobody else tells them apart:

- `resets`: whether its whole allowance is renewed at known moments, each followed by a probe.
- `renewal_ms`: the time in ms over which its allowance is renewed continuously; None if it is not.
- `slides`: whether each amount comes back by itself, a period after it was spent.
- `granted`: whether its allowance is renewed at unknown moments, by somebody's grant.
- `is_daily`: whether it is a calendar's day.
- `zone`: the time zone of its calendar; None if it has none.
- `history`: the field of `Window` that keeps past amounts, and is stored.
- `reset_bounds_ms`: between which times from now a reset that a header names is believed; None
  if none is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Literal

from runner.core.calendar import NEVER, Day, day_at, month_at
from runner.core.time_units import HOUR_MS

_UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_LENGTH = re.compile(r"([1-9]\d{0,10})(ms|[smhd])")
# The longest periods of calendars: the day on which clocks are set back, and a month with one.
_LONGEST_DAY_MS, _LONGEST_MONTH_MS = 25 * HOUR_MS, (31 * 24 + 1) * HOUR_MS

History = Literal["recent", "expiries", "others"]


@dataclass(frozen=True, slots=True)
class Calendar:
    """Days or months of a named zone: the whole allowance is renewed when one begins."""

    unit: str  # "day" or "month"
    zone: str

    resets: ClassVar[bool] = True
    renewal_ms: ClassVar[None] = None
    slides: ClassVar[bool] = False
    granted: ClassVar[bool] = False
    history: ClassVar[History] = "others"

    @property
    def is_daily(self) -> bool:
        """Whether it is a day, not a month."""
        return self.unit == "day"

    @property
    def reset_bounds_ms(self) -> tuple[int, int]:
        """A header's reset must be ahead by at most the calendar's period."""
        return 0, _LONGEST_DAY_MS if self.is_daily else _LONGEST_MONTH_MS

    def span(self, now: int) -> Day:
        """Returns the day or month at `now`."""
        return day_at(now, self.zone) if self.is_daily else month_at(now, self.zone)

    def encode(self) -> str:
        """Returns it as text that `read_period` parses."""
        return f"{self.unit} of {self.zone}"

    def used_up(self, _unit: str) -> str:
        """Returns why no call may start once its allowance is used up."""
        return f"the {self.unit}'s allowance is spent"


@dataclass(frozen=True, slots=True)
class _Continuous:
    """A period of `ms` milliseconds without a beginning, in which an allowance comes back."""

    ms: int

    resets: ClassVar[bool] = False
    granted: ClassVar[bool] = False
    is_daily: ClassVar[bool] = False
    zone: ClassVar[None] = None
    history: ClassVar[History] = "recent"

    @property
    def renewal_ms(self) -> int:
        """Its length."""
        return self.ms

    @property
    def reset_bounds_ms(self) -> tuple[int, int]:
        """A header's reset must be later than its own length, and at most a day ahead."""
        return self.ms, _LONGEST_DAY_MS

    def span(self, now: int) -> Day:
        """Returns a period from `now` on, without a name and an end."""
        return Day("", now, NEVER)

    def used_up(self, unit: str) -> str:
        """Returns why no call may start while its allowance of `unit` is used up."""
        return f"as many {unit} as are allowed at once"


@dataclass(frozen=True, slots=True)
class Rolling(_Continuous):
    """A sliding window: what was spent in the last `ms` milliseconds counts."""

    slides: ClassVar[bool] = True

    def encode(self) -> str:
        """Returns it as text that `read_period` parses."""
        return f"rolling {self.ms}ms"


@dataclass(frozen=True, slots=True)
class Refill(_Continuous):
    """A token bucket with continuous refill: an empty one is full after `ms` milliseconds."""

    slides: ClassVar[bool] = False

    def encode(self) -> str:
        """Returns it as text that `read_period` parses."""
        return f"refill {self.ms}ms"


@dataclass(frozen=True, slots=True)
class Grant:
    """A balance that is renewed by grants at unknown moments."""

    resets: ClassVar[bool] = False
    renewal_ms: ClassVar[None] = None
    slides: ClassVar[bool] = False
    granted: ClassVar[bool] = True
    is_daily: ClassVar[bool] = False
    zone: ClassVar[None] = None
    history: ClassVar[History] = "expiries"
    reset_bounds_ms: ClassVar[None] = None

    def span(self, now: int) -> Day:
        """Returns a period from `now` on, without a name and an end."""
        return Day("", now, NEVER)

    def encode(self) -> str:
        """Returns it as text that `read_period` parses."""
        return "grant"

    def used_up(self, unit: str) -> str:
        """Returns why no call may start once its balance of `unit` is used up."""
        return f"the {unit} are spent"


Period = Calendar | Rolling | Refill | Grant


def read_period(text: str, zone: str) -> Period:
    """Parses ``day``, ``month``, ``rolling 1m``, ``refill 24h`` or ``grant``.

    Args:
        text: The period as a preset states it. Lengths are in ms, s, m, h or d. A calendar
            may name its zone, as in ``day of Asia/Shanghai``.
        zone: The zone of calendar days and months that name none.

    Raises:
        ValueError: `text` is none of these.
    """
    unit, _, named = text.partition(" of ")
    if unit in ("day", "month"):
        return Calendar(unit, named or zone)
    if text == "grant":
        return Grant()
    kind, _, length = text.partition(" ")
    if kind not in ("rolling", "refill") or not _LENGTH.fullmatch(length):
        raise ValueError('must be "day", "month", "grant", or as "rolling 1m" or "refill 24h"')
    ms = read_length(length)
    return Rolling(ms) if kind == "rolling" else Refill(ms)


def read_length(text: str) -> int:
    """Parses a length such as ``24h`` and returns it in ms; units are ms, s, m, h and d.

    Raises:
        ValueError: `text` is not a length.
    """
    if (match := _LENGTH.fullmatch(text)) is None:
        raise ValueError('must be a length, as "24h" or "90d"')
    number, measure = match.groups()
    return int(number) * _UNITS_MS[measure]

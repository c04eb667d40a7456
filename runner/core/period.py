"""The kinds of quota period: calendar, rolling window, continuous refill, and occasional grant.

What was spent in a period is in window.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_LENGTH = re.compile(r"([1-9]\d{0,10})(ms|[smhd])")


@dataclass(frozen=True, slots=True)
class Calendar:
    """Days or months of a named zone: the whole allowance is renewed when one begins."""

    unit: str  # "day" or "month"
    zone: str


@dataclass(frozen=True, slots=True)
class Rolling:
    """A sliding window: what was spent in the last `ms` milliseconds counts."""

    ms: int


@dataclass(frozen=True, slots=True)
class Refill:
    """A token bucket with continuous refill: an empty one is full after `ms` milliseconds."""

    ms: int


@dataclass(frozen=True, slots=True)
class Grant:
    """A balance that is renewed by grants at unknown moments."""


Period = Calendar | Rolling | Refill | Grant


def read_period(text: str, zone: str) -> Period:
    """Parses ``day``, ``month``, ``rolling 1m``, ``refill 24h`` or ``grant``.

    Args:
        text: The period as a preset spells it. Lengths are in ms, s, m, h or d. A calendar
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


def spell(period: Period) -> str:
    """Returns `period` as text that `read_period` parses, with its zone."""
    match period:
        case Calendar(unit, zone):
            return f"{unit} of {zone}"
        case Rolling(ms):
            return f"rolling {ms}ms"
        case Refill(ms):
            return f"refill {ms}ms"
        case Grant():
            return "grant"

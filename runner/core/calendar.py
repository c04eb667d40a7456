"""Calendar days and months of a named time zone, as half-open periods in milliseconds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

# The end of a period without a known end: the year 9999.
NEVER = 253_370_764_800_000


@dataclass(frozen=True, slots=True)
class Day:
    """A calendar day or month: ``starts_at <= now < ends_at``, in ms since the epoch.

    A day in a zone with daylight saving lasts 23, 24 or 25 hours.
    """

    name: str  # YYYY-MM-DD for a day, YYYY-MM for a month
    starts_at: int
    ends_at: int


def day_at(now: int, zone: str) -> Day:
    """Returns the calendar day of `zone` that contains the moment `now` (ms since the epoch)."""
    local = datetime.fromtimestamp(now / 1000, UTC).astimezone(_zone(zone)).date()
    midnight = datetime.combine(local, time(), _zone(zone))
    following = datetime.combine(local + timedelta(days=1), time(), _zone(zone))
    return Day(local.isoformat(), _ms(midnight), _ms(following))


def month_at(now: int, zone: str) -> Day:
    """Returns the calendar month of `zone` that contains the moment `now` (ms since the epoch)."""
    first = datetime.fromtimestamp(now / 1000, UTC).astimezone(_zone(zone)).date().replace(day=1)
    following = (first + timedelta(days=31)).replace(day=1)
    begins, ends = (datetime.combine(day, time(), _zone(zone)) for day in (first, following))
    return Day(f"{first:%Y-%m}", _ms(begins), _ms(ends))


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)

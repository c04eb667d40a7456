"""The provider's calendar: which day and which month a moment lies in, and when a day begins.

It knows zones and resets that come late; what is counted by days is none of its business.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from runner.providers.simulator.config import SHANGHAI

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


def quota_day(now_ms: int, reset_late_s: int = 0, zone: str = SHANGHAI) -> int:
    """Return the number of the quota day `now_ms` lies in, counted from 1970-01-01 in `zone`."""
    return _date(now_ms, reset_late_s, zone).toordinal() - _EPOCH.toordinal()


def quota_month(now_ms: int, reset_late_s: int = 0, zone: str = SHANGHAI) -> int:
    """Return the number of the quota month `now_ms` lies in, counted from the year 0."""
    day = _date(now_ms, reset_late_s, zone)
    return day.year * 12 + day.month - 1


def day_begins_ms(day: int, reset_late_s: int = 0, zone: str = SHANGHAI) -> int:
    """Return the first millisecond of quota day `day`.

    Where the clocks skip midnight, the day begins as they do; where they strike it twice, it
    begins with the first stroke.
    """
    midnight = datetime.combine(_on(day), time(), ZoneInfo(zone))
    return (midnight.astimezone(UTC) - _EPOCH) // _MS + reset_late_s * 1000


def day_name(day: int) -> str:
    """Return the calendar date of quota day `day` as YYYY-MM-DD."""
    return _on(day).isoformat()


def _on(day: int) -> date:
    return date.fromordinal(_EPOCH.toordinal() + day)


@lru_cache(maxsize=64)  # one call asks half a dozen times about its moment
def _date(now_ms: int, reset_late_s: int, zone: str) -> date:
    moment = _EPOCH + timedelta(milliseconds=now_ms - reset_late_s * 1000)
    return moment.astimezone(ZoneInfo(zone)).date()

"""Computes the provider's quota day and quota month at a given time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from runner.simulator.config import SHANGHAI

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class QuotaDay:
    """One quota day.

    Attributes:
        number: The days since 1970-01-01 in the provider's time zone.
        month: The number of the month, counted from the year 0.
        begins_ms: The start of the day, in ms since the epoch.
        ends_ms: The start of the next day.
    """

    number: int
    month: int
    begins_ms: int
    ends_ms: int


class QuotaCalendar:
    """The quota days of one provider.

    Args:
        zone: The IANA name of the time zone whose midnight ends a day.
        reset_late_s: The delay, in seconds, of the end of every day after midnight.
        shifts_s: Additional delays in seconds, one for each day in turn, repeated cyclically.
    """

    def __init__(
        self, zone: str = SHANGHAI, reset_late_s: int = 0, shifts_s: Sequence[int] = ()
    ) -> None:
        self._zone = ZoneInfo(zone)
        self._late_ms = reset_late_s * 1000
        self._shifts_ms = [shift * 1000 for shift in shifts_s] or [0]
        # Cached, because successive calls nearly always need the same day.
        self._last = self._day_of(0)

    def day(self, now_ms: int) -> QuotaDay:
        """Returns the quota day of `now_ms`."""
        if not self._last.begins_ms <= now_ms < self._last.ends_ms:
            self._last = self._day_of(now_ms)
        return self._last

    def begins_ms(self, day: int) -> int:
        """Returns the start of the day number `day`, in ms since the epoch.

        When daylight saving skips midnight, the day begins at the skip. When midnight occurs twice,
        it begins at the first.
        """
        midnight = datetime.combine(_date(day), time(), self._zone)
        shift_ms = self._shifts_ms[day % len(self._shifts_ms)]
        return (midnight.astimezone(UTC) - _EPOCH) // _MS + self._late_ms + shift_ms

    def _day_of(self, now_ms: int) -> QuotaDay:
        moment = _EPOCH + timedelta(milliseconds=now_ms - self._late_ms)
        local = moment.astimezone(self._zone).date()
        number = local.toordinal() - _EPOCH.toordinal()
        if now_ms < self.begins_ms(number):
            number -= 1
        elif now_ms >= self.begins_ms(number + 1):
            number += 1
        local = _date(number)
        month = local.year * 12 + local.month - 1
        return QuotaDay(number, month, self.begins_ms(number), self.begins_ms(number + 1))


def day_name(day: int) -> str:
    """Returns the date of the day number `day` as YYYY-MM-DD."""
    return _date(day).isoformat()


def _date(day: int) -> date:
    return date.fromordinal(_EPOCH.toordinal() + day)

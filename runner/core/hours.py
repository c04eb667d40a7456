"""The hours of the day at which the user wants calls to be made.

It knows one stretch of the day in one zone, across midnight and changes of offset; whose calls
they are, it does not know.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

_FORM = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")
DAY_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Hours:
    """Every day from `begins` to `ends` in `zone`; across midnight if it ends before it begins."""

    begins: time
    ends: time
    zone: tzinfo

    def opens_at(self, now: int) -> int:
        """The first moment from `now` on that lies within (ms since the epoch)."""
        return max(now, self._stretch(now)[0])

    def closes_at(self, now: int) -> int:
        """The end of the stretch that holds `now`, or else of the next one."""
        return self._stretch(now)[1]

    def usable_ms(self, begin: int, end: int) -> int:
        """How much of ``begin .. end`` lies within."""
        usable, at = 0, begin
        while at < end:
            opens, closes = self._stretch(at)
            usable += max(0, min(end, closes) - max(at, opens))
            at = closes
        return usable

    def after(self, begin: int, ms: int) -> int:
        """The moment at which `ms` usable milliseconds have passed since `begin`."""
        at, left = begin, ms
        while True:
            opens, closes = self._stretch(at)
            at = max(at, opens)
            if at + left <= closes:
                return at + left
            left -= closes - at
            at = closes

    def _stretch(self, now: int) -> tuple[int, int]:
        """The stretch that holds `now`, or else the next one: ``opens <= x < closes``."""
        today = datetime.fromtimestamp(now / 1000, UTC).astimezone(self.zone).date()
        for days in (-1, 0, 1, 2):
            day = today + timedelta(days=days)
            last = day if self.ends > self.begins else day + timedelta(days=1)
            opens = _ms(datetime.combine(day, self.begins, self.zone))
            closes = _ms(datetime.combine(last, self.ends, self.zone))
            if now < closes and opens < closes:
                return opens, closes
        raise AssertionError("a stretch begins every day")  # pragma: no cover


def read_hours(text: str, zone: tzinfo) -> Hours:
    """``22:00-08:00`` in `zone`.

    Raises:
        ValueError: It is no such stretch, or an empty one.
    """
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise ValueError('must be as "22:00-08:00"')
    first, second, third, fourth = map(int, match.groups())
    begins, ends = time(first, second), time(third, fourth)
    if begins == ends:
        raise ValueError("must begin and end at different times")
    return Hours(begins, ends, zone)


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)

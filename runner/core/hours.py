"""The hours of the day at which the user allows calls: one stretch of the day in one time zone.

The stretch may cross midnight, and changes of the zone's offset are respected.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from itertools import pairwise

from runner.core.time_units import DAY_MS, HOUR_MS

_FORM = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class Hours:
    """Every day from `begins` to `ends` in `zone`; across midnight if `ends` is the earlier."""

    begins: time
    ends: time
    zone: tzinfo

    def opens_at(self, now: int) -> int:
        """Returns the first moment within the hours from `now` on (ms since the epoch)."""
        return max(now, self._stretch(now)[0])

    def usable_ms(self, begin: int, end: int) -> int:
        """Returns how much of ``begin .. end`` is within the hours, in ms."""
        usable, at = 0, begin
        while at < end:
            opens, closes = self._stretch(at)
            usable += max(0, min(end, closes) - max(at, opens))
            at = closes
        return usable

    def after(self, begin: int, ms: int) -> int:
        """Returns the moment at which `ms` usable milliseconds have passed since `begin`."""
        at, left = begin, ms
        while True:
            opens, closes = self._stretch(at)
            at = max(at, opens)
            if at + left <= closes:
                return at + left
            left -= closes - at
            at = closes

    def holds(self, now: int) -> bool:
        """Whether the local time of the zone at `now` is within the hours."""
        shown = datetime.fromtimestamp(now / 1000, UTC).astimezone(self.zone).time()
        if self.begins < self.ends:
            return self.begins <= shown < self.ends
        return shown >= self.begins or shown < self.ends

    def _stretch(self, now: int) -> tuple[int, int]:
        """Returns the stretch with `now` in it, or else the next one: ``opens <= x < closes``."""
        today = datetime.fromtimestamp(now / 1000, UTC).date()
        return next(stretch for stretch in _stretches(self, today) if now < stretch[1])


@lru_cache(maxsize=64)
def _stretches(hours: Hours, day: date) -> tuple[tuple[int, int], ...]:
    """Returns the stretches from the day before `day` to the third after it, in order.

    A day on which the offset changes may have two, where local times repeat or are skipped.
    """
    first = datetime.combine(day, time(), UTC) - timedelta(days=1)
    begin, end = _ms(first), _ms(first) + 4 * DAY_MS
    bounds = {begin, end, *_offset_changes(hours.zone, begin, end)}
    for days in range(6):
        for bound in (hours.begins, hours.ends):
            local = datetime.combine(first.date() + timedelta(days=days - 1), bound, hours.zone)
            bounds |= {_ms(local), _ms(local.replace(fold=1))}
    stretches: list[tuple[int, int]] = []
    for opens, closes in pairwise(sorted(bound for bound in bounds if begin <= bound <= end)):
        if not hours.holds((opens + closes) // 2):
            continue
        if stretches and stretches[-1][1] == opens:
            opens = stretches.pop()[0]  # noqa: PLW2901 - adjacent stretches are merged
        stretches.append((opens, closes))
    return tuple(stretches)


def _offset_changes(zone: tzinfo, begin: int, end: int) -> Iterator[int]:
    """Yields the moments between `begin` and `end` at which the zone's offset changes."""

    def offset(moment: int) -> timedelta | None:
        return datetime.fromtimestamp(moment / 1000, UTC).astimezone(zone).utcoffset()

    for start in range(begin, end, HOUR_MS):
        before, after = start, start + HOUR_MS
        if offset(before) == offset(after):
            continue
        while after - before > 1:
            middle = (before + after) // 2
            before, after = (middle, after) if offset(middle) == offset(start) else (before, middle)
        yield after


def read_hours(text: str, zone: tzinfo) -> Hours:
    """Parses hours such as ``22:00-08:00`` in `zone`.

    Raises:
        ValueError: `text` has another form, or the stretch is empty.
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

"""Defines wall clocks and the local time zone.

Waits use the event loop's time; the time of day is always read from a `Clock`. So tests and
rehearsals can replace both by virtual time.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Protocol


class Clock(Protocol):
    """A wall clock."""

    @property
    def tick_s(self) -> float:
        """The longest sleep, in seconds, before the clock must be read again."""

    def now(self) -> int:
        """Returns the present time, in ms since the epoch, UTC."""


class SystemClock:
    """The machine's clock.

    The event loop's clock stops while a laptop sleeps, and the machine's may be corrected at any
    time. So long waits are divided into short ticks.
    """

    tick_s = 5.0

    def now(self) -> int:
        """Returns the present time, in ms since the epoch, UTC."""
        return time.time_ns() // 1_000_000


class LocalZone(tzinfo):
    """This machine's time zone, including its changes of offset."""

    def utcoffset(self, moment: datetime | None) -> timedelta | None:
        """Returns the offset at a local time."""
        return None if moment is None else moment.replace(tzinfo=None).astimezone().utcoffset()

    def dst(self, moment: datetime | None) -> timedelta | None:
        """Returns None, because the part for daylight saving time is not known."""
        del moment
        return None

    def tzname(self, moment: datetime | None) -> str | None:
        """Returns the zone's name at a local time."""
        return None if moment is None else moment.replace(tzinfo=None).astimezone().tzname()

    def fromutc(self, moment: datetime) -> datetime:
        """Converts a time in UTC to this zone."""
        local = moment.replace(tzinfo=UTC).astimezone()
        return local.replace(tzinfo=self)


def moment(ms: int, zone: tzinfo | None = None) -> datetime:
    """Converts ms since the epoch to a datetime in `zone`; None means the machine's zone."""
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone(zone)

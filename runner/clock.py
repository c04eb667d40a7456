"""The hour, and how long one may sleep before asking it again.

Whatever waits goes through the event loop's time; whatever asks the hour goes through a Clock.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Protocol


class Clock(Protocol):
    """A wall clock."""

    @property
    def tick_s(self) -> float:
        """The longest sleep after which the hour must be asked again, in seconds."""

    def now(self) -> int:
        """The present moment, in ms since the epoch (UTC)."""


class SystemClock:
    """The machine's clock.

    The loop's own clock stands still while a laptop sleeps, and the machine's may be corrected
    at any time; so long waits are made of short ticks.
    """

    tick_s = 5.0

    def now(self) -> int:
        """The present moment, in ms since the epoch (UTC)."""
        return time.time_ns() // 1_000_000


class LocalZone(tzinfo):
    """This machine's zone, its changes of offset included."""

    def utcoffset(self, moment: datetime | None) -> timedelta | None:
        """The offset at a local moment."""
        return None if moment is None else moment.replace(tzinfo=None).astimezone().utcoffset()

    def dst(self, moment: datetime | None) -> timedelta | None:
        """Not told apart from the offset."""
        del moment
        return None

    def tzname(self, moment: datetime | None) -> str | None:
        """The zone's name at a local moment."""
        return None if moment is None else moment.replace(tzinfo=None).astimezone().tzname()

    def fromutc(self, moment: datetime) -> datetime:
        """A moment of UTC, in this zone."""
        local = moment.replace(tzinfo=UTC).astimezone()
        return local.replace(tzinfo=self)


def moment(ms: int, zone: tzinfo | None = None) -> datetime:
    """`ms` since the epoch as a date and time in `zone`; None means the machine's own zone."""
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone(zone)

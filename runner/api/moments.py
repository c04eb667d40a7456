"""Converts times in ms to datetimes in the time zone of this machine."""

from __future__ import annotations

from datetime import datetime


def moment(ms: int) -> datetime:
    """Returns the datetime of `ms` since the epoch."""
    return datetime.fromtimestamp(ms / 1000).astimezone()


def moment_or_none(ms: int | None) -> datetime | None:
    """Returns the datetime of `ms` since the epoch, or None."""
    return None if ms is None else moment(ms)

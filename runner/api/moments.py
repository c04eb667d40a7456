"""Moments as Python has them: datetimes with the zone of this machine."""

from __future__ import annotations

from datetime import datetime


def moment(ms: int) -> datetime:
    """The moment `ms` milliseconds after the epoch."""
    return datetime.fromtimestamp(ms / 1000).astimezone()


def moment_or_none(ms: int | None) -> datetime | None:
    """The moment; None for none."""
    return None if ms is None else moment(ms)

"""Formats durations as providers write them in headers and messages."""

from __future__ import annotations

from runner.core.time_units import HOUR_MS, MINUTE_MS, SECOND_MS


def whole_seconds(length_ms: int) -> str:
    """Returns a duration in seconds, rounded up."""
    return str(-(-length_ms // SECOND_MS))


def duration(length_ms: int) -> str:
    """Returns a duration in Go's format: ``0s``, ``850ms``, ``2m59.56s``, ``1h0m0s``."""
    if 0 < length_ms < SECOND_MS:
        return f"{length_ms}ms"
    hours, rest = divmod(length_ms, HOUR_MS)
    minutes, rest = divmod(rest, MINUTE_MS)
    seconds = f"{rest / SECOND_MS:.3f}".rstrip("0").rstrip(".")
    if hours:
        return f"{hours}h{minutes}m{seconds}s"
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"

"""Numbers, durations and moments as text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from runner.clock import moment
from runner.core.window import CREDIT, Unit

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
# Below this, seconds matter to a person.
SHORT_MS = 10 * MINUTE_MS


def number(value: float) -> str:
    """``8,400``."""
    return f"{value:,}"


def out_of(part: int, whole: int) -> str:
    """``4,000 of 8,400``."""
    return f"{part:,} of {whole:,}"


def count(value: int, noun: str, plural: str | None = None) -> str:
    """``1 row``, ``2 rows``."""
    return f"{value:,} {noun if value == 1 else plural or noun + 's'}"


def listed(words: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1]))) if words else ""


def place(path: Path) -> str:
    """A file by the shortest name that it has where one stands."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def model_names(names: Sequence[str]) -> str:
    """``Qwen/Qwen3-8B``, or ``Qwen/Qwen3-8B or another of 3``."""
    return names[0] if len(names) == 1 else f"{names[0]} or another of {len(names)}"


def amount(value: int, unit: Unit) -> str:
    """An amount of a unit; credits are shown whole, and kept in thousandths."""
    return f"{value / CREDIT:,g}" if unit is Unit.CREDITS else number(value)


def one_of(unit: Unit) -> int:
    """The amount of one call, one token or one credit."""
    return CREDIT if unit is Unit.CREDITS else 1


def percent(part: int, whole: int) -> str:
    """``47 %``, rounded down: only what is complete is 100 %."""
    return f"{100 * part // whole if whole else 100} %"


def size(number: int) -> str:
    """``312 bytes``, ``4.2 MB``: decimal units, as disks have them."""
    if number < 1_000:  # noqa: PLR2004
        return f"{number} bytes"
    for unit, factor in (("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)):
        if number >= factor:
            return f"{number / factor:.1f} {unit}"
    return ""


def age(ms: int) -> str:
    """``just now``, ``5 min ago``, ``3 h ago``, ``12 d ago``."""
    for factor, unit in ((DAY_MS, "d"), (HOUR_MS, "h"), (MINUTE_MS, "min")):
        if ms >= factor:
            return f"{ms // factor} {unit} ago"
    return "just now"


def duration(ms: int) -> str:
    """``4 d 0 h 2 min``, ``7 h 12 min``, ``3 min 5 s``, ``43 s``."""
    if ms < MINUTE_MS:
        return f"{max(0, ms) // SECOND_MS} s"
    minutes, seconds = ms // MINUTE_MS % 60, ms // SECOND_MS % 60
    if ms < SHORT_MS and seconds:
        return f"{minutes} min {seconds} s"
    if ms < HOUR_MS:
        return f"{minutes} min"
    hours = ms // HOUR_MS % 24
    if ms < DAY_MS:
        return f"{hours} h {minutes} min"
    return f"{ms // DAY_MS} d {hours} h {minutes} min"


def round_duration(ms: int) -> str:
    """``1 min``, ``24 h``, ``90 s``: a whole number of the largest unit that divides it."""
    for unit_ms, name in ((HOUR_MS, "h"), (MINUTE_MS, "min"), (SECOND_MS, "s")):
        if ms % unit_ms == 0:
            return f"{ms // unit_ms} {name}"
    return f"{ms} ms"


def time_left(ms: int) -> str:
    """``in 7 h 12 min``, rounded up to what `duration` shows; ``now`` when it is past."""
    if ms <= 0:
        return "now"
    unit = SECOND_MS if ms < SHORT_MS else MINUTE_MS
    return f"in {duration(-(-ms // unit) * unit)}"


def when(ms: int, now: int, zone: tzinfo | None = None) -> str:
    """``16:00``, ``00:00 tomorrow`` or ``Thu 27 Nov 09:40``, as seen from `now`."""
    return _when(ms, now, zone, "%H:%M:%S" if 0 <= ms - now < SHORT_MS else "%H:%M")


def minute(ms: int, now: int, zone: tzinfo | None = None) -> str:
    """As `when`, but always to the minute, rounded up."""
    return _when(-(-ms // MINUTE_MS) * MINUTE_MS, now, zone, "%H:%M")


def _when(ms: int, now: int, zone: tzinfo | None, form: str) -> str:
    then, today = moment(ms, zone), moment(now, zone)
    clock = format(then, form)
    days = (then.date() - today.date()).days
    if days == 0:
        return clock
    if days == 1:
        return f"{clock} tomorrow"
    year = f" {then.year}" if then.year != today.year else ""
    return f"{then:%a} {then.day} {then:%b}{year} {clock}"


def until(ms: int, now: int, zone: tzinfo | None = None, provider_zone: str | None = None) -> str:
    """``00:00 tomorrow (in 7 h 12 min)``, or ``16:00 (in 7 h 12 min; 00:00 in Asia/Shanghai)``."""
    theirs = ""
    if provider_zone is not None:
        there, here = moment(ms, ZoneInfo(provider_zone)), moment(ms, zone)
        if there.utcoffset() != here.utcoffset():
            theirs = f"; {there:%H:%M} in {provider_zone}"
    return f"{when(ms, now, zone)} ({time_left(ms - now)}{theirs})"


def day(name: str) -> str:
    """``Tue 24 Nov`` for ``2026-11-24``."""
    found = date.fromisoformat(name)
    return f"{found:%a} {found.day:2} {found:%b}"


def iso(ms: int) -> str:
    """A moment for a machine: ISO 8601 with the offset of this machine's zone."""
    return moment(ms).isoformat(timespec="milliseconds")


def shortened(text: str, most: int) -> str:
    """`text` on one line, at most `most` characters long."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def speed(rows_a_minute: float | None, rows_a_call: float | None) -> str:
    """``42 rows a minute, 18.5 rows a call``; empty where it is not known."""
    told = []
    if rows_a_minute:
        shown = f"{rows_a_minute:,.0f}" if rows_a_minute >= 10 else f"{rows_a_minute:.1f}"  # noqa: PLR2004
        told.append(f"{shown} rows a minute")
    if rows_a_call and rows_a_call > 1.05:  # noqa: PLR2004 - else it says nothing
        told.append(f"{rows_a_call:.1f} rows a call")
    return ", ".join(told)

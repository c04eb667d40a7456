"""Formats numbers, durations and times as text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from runner.clock import moment
from runner.core.time_units import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from runner.core.window import CREDIT, Unit
from runner.language import _, ngettext

COMMA, SEMICOLON = _(", "), _("; ")
"""The separators between clauses."""
# Shorter durations are shown with seconds.
SHORT_MS = 10 * MINUTE_MS
WEEKDAYS = (_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun"))
MONTHS = (
    *(_("Jan"), _("Feb"), _("Mar"), _("Apr"), _("May"), _("Jun")),
    *(_("Jul"), _("Aug"), _("Sep"), _("Oct"), _("Nov"), _("Dec")),
)


def number(value: float) -> str:
    """Returns ``8,400``."""
    return f"{value:,}"


def out_of(part: int, whole: int) -> str:
    """Returns ``4,000 of 8,400``."""
    return _("{part:,} of {whole:,}").format(part=part, whole=whole)


def count(value: int, noun: str, plural: str | None = None) -> str:
    """Returns ``1 row`` or ``2 rows``."""
    several = plural or noun + "s"
    one, more = "{number} " + noun, "{number} " + several
    return ngettext(one, more, value).format(number=f"{value:,}")


def beside(text: str, more: str) -> str:
    """Returns ``text (more)``."""
    return _("{text} ({more})").format(text=text, more=more)


def listed(words: Sequence[str]) -> str:
    """Returns ``a``, ``a and b`` or ``a, b and c``; empty without words."""
    return _(" and ").join(filter(None, (", ".join(words[:-1]), words[-1]))) if words else ""


def place(path: Path) -> str:
    """Returns a path relative to the working directory if it is inside, else the path itself."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def model_names(names: Sequence[str]) -> str:
    """Returns ``Qwen/Qwen3-8B`` or ``Qwen/Qwen3-8B or another of 3``."""
    if len(names) == 1:
        return names[0]
    return _("{name} or another of {number}").format(name=names[0], number=len(names))


def amount(value: int, unit: Unit) -> str:
    """Returns an amount of a unit; credits are stored in thousandths and shown in credits."""
    return f"{value / CREDIT:,g}" if unit is Unit.CREDITS else number(value)


def one_of(unit: Unit) -> int:
    """Returns the amount of one call, one token or one credit."""
    return CREDIT if unit is Unit.CREDITS else 1


def percent(part: int, whole: int) -> str:
    """Returns ``47 %``, rounded down so that only a complete whole is 100 %."""
    return f"{100 * part // whole if whole else 100} %"


def size(number: int) -> str:
    """Returns ``312 bytes`` or ``4.2 MB``, in decimal units."""
    if number < 1_000:  # noqa: PLR2004
        return _("{number} bytes").format(number=number)
    for unit, factor in (("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)):
        if number >= factor:
            return f"{number / factor:.1f} {unit}"
    return ""


def age(ms: int) -> str:
    """Returns ``just now``, ``5 min ago``, ``3 h ago`` or ``12 d ago``."""
    if ms >= DAY_MS:
        return _("{number} d ago").format(number=ms // DAY_MS)
    if ms >= HOUR_MS:
        return _("{number} h ago").format(number=ms // HOUR_MS)
    if ms >= MINUTE_MS:
        return _("{number} min ago").format(number=ms // MINUTE_MS)
    return _("just now")


def duration(ms: int) -> str:
    """Returns ``4 d 0 h 2 min``, ``7 h 12 min``, ``3 min 5 s`` or ``43 s``."""
    if ms < MINUTE_MS:
        return _("{seconds} s").format(seconds=max(0, ms) // SECOND_MS)
    minutes, seconds = ms // MINUTE_MS % 60, ms // SECOND_MS % 60
    if ms < SHORT_MS and seconds:
        return _("{minutes} min {seconds} s").format(minutes=minutes, seconds=seconds)
    if ms < HOUR_MS:
        return _("{minutes} min").format(minutes=minutes)
    hours = ms // HOUR_MS % 24
    if ms < DAY_MS:
        return _("{hours} h {minutes} min").format(hours=hours, minutes=minutes)
    days = ms // DAY_MS
    return _("{days} d {hours} h {minutes} min").format(days=days, hours=hours, minutes=minutes)


def round_duration(ms: int) -> str:
    """Returns a duration in its largest integral unit: ``1 min``, ``24 h`` or ``90 s``."""
    if ms % HOUR_MS == 0:
        return _("{hours} h").format(hours=ms // HOUR_MS)
    if ms % MINUTE_MS == 0:
        return _("{minutes} min").format(minutes=ms // MINUTE_MS)
    if ms % SECOND_MS == 0:
        return _("{seconds} s").format(seconds=ms // SECOND_MS)
    return _("{milliseconds} ms").format(milliseconds=ms)


def time_left(ms: int) -> str:
    """Returns ``in 7 h 12 min``, rounded up to the precision of `duration`; ``now`` if past."""
    if ms <= 0:
        return _("now")
    unit = SECOND_MS if ms < SHORT_MS else MINUTE_MS
    return _("in {duration}").format(duration=duration(-(-ms // unit) * unit))


def when(ms: int, now: int, zone: tzinfo | None = None) -> str:
    """Returns ``16:00``, ``00:00 tomorrow`` or ``Thu 27 Nov 09:40``, as seen from `now`."""
    return _when(ms, now, zone, "%H:%M:%S" if 0 <= ms - now < SHORT_MS else "%H:%M")


def minute(ms: int, now: int, zone: tzinfo | None = None) -> str:
    """Returns the same as `when`, but always to the minute, rounded up."""
    return _when(-(-ms // MINUTE_MS) * MINUTE_MS, now, zone, "%H:%M")


def _when(ms: int, now: int, zone: tzinfo | None, form: str) -> str:
    then, today = moment(ms, zone), moment(now, zone)
    clock = format(then, form)
    days = (then.date() - today.date()).days
    if days == 0:
        return clock
    if days == 1:
        return _("{clock} tomorrow").format(clock=clock)
    return dated(then, clock, year=then.year != today.year)


def dated(then: datetime, clock: str, *, year: bool) -> str:
    """Returns ``Thu 27 Nov 09:40``, or ``Thu 27 Nov 2026 09:40`` with the year."""
    template = _("{weekday} {day} {month} {clock}")
    if year:
        template = _("{weekday} {day} {month} {year} {clock}")
    weekday, month = WEEKDAYS[then.weekday()], MONTHS[then.month - 1]
    return template.format(weekday=weekday, day=then.day, month=month, year=then.year, clock=clock)


def until(ms: int, now: int, zone: tzinfo | None = None, provider_zone: str | None = None) -> str:
    """Returns ``16:00 (in 7 h 12 min)``, with ``; 00:00 in Asia/Shanghai`` if that zone differs."""
    theirs = ""
    if provider_zone is not None:
        there, here = moment(ms, ZoneInfo(provider_zone)), moment(ms, zone)
        if there.utcoffset() != here.utcoffset():
            theirs = _("; {there:%H:%M} in {zone}").format(there=there, zone=provider_zone)
    template = _("{when} ({time_left}{theirs})")
    return template.format(when=when(ms, now, zone), time_left=time_left(ms - now), theirs=theirs)


def day(name: str) -> str:
    """Returns ``Tue 24 Nov`` for ``2026-11-24``."""
    parsed = date.fromisoformat(name)
    weekday, month = WEEKDAYS[parsed.weekday()], MONTHS[parsed.month - 1]
    return _("{weekday} {day:2} {month}").format(weekday=weekday, day=parsed.day, month=month)


def iso(ms: int) -> str:
    """Returns a time in ISO 8601, with the UTC offset of the machine's zone."""
    return moment(ms).isoformat(timespec="milliseconds")


def shortened(text: str, most: int) -> str:
    """Returns `text` on one line, cut to at most `most` characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def speed(rows_a_minute: float | None, rows_a_call: float | None) -> str:
    """Returns ``42 rows a minute, 18.5 rows a call``; empty if unknown."""
    parts = []
    if rows_a_minute:
        shown = f"{rows_a_minute:,.0f}" if rows_a_minute >= 10 else f"{rows_a_minute:.1f}"  # noqa: PLR2004
        parts.append(_("{shown} rows a minute").format(shown=shown))
    if rows_a_call and rows_a_call > 1.05:  # noqa: PLR2004 - about 1 is not informative
        parts.append(_("{rows_a_call:.1f} rows a call").format(rows_a_call=rows_a_call))
    return COMMA.join(parts)

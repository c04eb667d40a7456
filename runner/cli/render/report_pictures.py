"""Charts of the ledger on a terminal: a sparkline, a calendar, and a map of hours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from rich.console import RenderableType
from rich.text import Text

from runner.app.reports.reporting import Grouping, Report
from runner.language import _
from runner.wording import fmt

SPARKS = "▁▂▃▄▅▆▇█"
SHADES = "·░▒▓█"
MOST_SPARKS = 60
MOST_WEEKS = 26
CALENDAR_FROM = 8  # days; below, a sparkline says as much
MOST_DAYS_OF_HOURS = 14
WEEKDAYS = tuple(name if day % 2 == 0 else "" for day, name in enumerate(fmt.WEEKDAYS))


def picture(report: Report) -> list[RenderableType]:
    """Returns the chart below the table of a report."""
    calls = calls_by_day(report)
    if Grouping.HOUR in report.wanted.by:
        return [Text(), *hours(report)]
    if len(calls) < 2:  # noqa: PLR2004 - one day is no picture
        return []
    filled = _filled(calls)
    shown = [
        Text(),
        Text(
            _("{sparkline}  calls a day").format(
                sparkline=sparkline([n for _, n in filled][-MOST_SPARKS:])
            ),
            "cyan",
        ),
    ]
    return [*shown, *(calendar(filled) if len(filled) >= CALENDAR_FROM else [])]


def calls_by_day(report: Report) -> dict[date, int]:
    """Returns the number of calls of each day that had any."""
    calls: dict[date, int] = {}
    for line in report.days:
        day = date.fromisoformat(line.labels["day"])
        calls[day] = calls.get(day, 0) + line.figures.calls
    return dict(sorted(calls.items()))


def _filled(calls: dict[date, int]) -> list[tuple[date, int]]:
    first, last = min(calls), max(calls)
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return [(day, calls.get(day, 0)) for day in days]


def sparkline(numbers: Sequence[int]) -> str:
    """Returns a block for each number; zero is a blank."""
    most = max(numbers, default=0) or 1
    return "".join(" " if not n else SPARKS[(len(SPARKS) - 1) * n // most] for n in numbers)


def calendar(filled: Sequence[tuple[date, int]]) -> list[RenderableType]:
    """Returns a column for each week, Monday first; a darker mark is more calls."""
    most = max(number for _, number in filled)
    calls = dict(filled)
    start = filled[-1][0] - timedelta(days=filled[-1][0].weekday(), weeks=MOST_WEEKS - 1)
    start = max(start, filled[0][0] - timedelta(days=filled[0][0].weekday()))
    weeks = (filled[-1][0] - start).days // 7 + 1
    lines: list[RenderableType] = [Text()]
    for weekday, name in enumerate(WEEKDAYS):
        days = [start + timedelta(days=7 * week + weekday) for week in range(weeks)]
        marks = "".join(f"{_shade(calls[day], most) if day in calls else ' '} " for day in days)
        lines.append(Text.assemble((f"{name:4}", "dim"), (marks, "cyan")))
    return lines


def hours(report: Report) -> list[RenderableType]:
    """Returns a line for each day, with a mark for each hour of the provider's clock."""
    days = list(report.hours.items())[-MOST_DAYS_OF_HOURS:]
    most = max((number for _, numbers in days for number in numbers), default=0) or 1
    scale = "".join(f"{hour:<12}" for hour in ("00", "06", "12", "18"))
    lines: list[RenderableType] = [Text(" " * 12 + scale, "dim")]
    for day, numbers in days:
        marks = "".join(f"{_shade(number, most)} " for number in numbers)
        lines.append(Text.assemble((f"{day}  ", "dim"), (marks, "cyan")))
    return lines


def _shade(number: int, most: int) -> str:
    if not number:
        return SHADES[0]
    return SHADES[1 + (len(SHADES) - 1) * (number - 1) // most]

"""Charts as SVG: numbers in, a text out that stands in a page by itself, without any script.

Colours are CSS variables of the page (see `STYLE`), so a chart follows the light and the dark
theme, and a printer. Every mark has a title, which browsers show under the pointer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from runner.app.report_words import OUTCOMES

WIDTH = 720
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 10, 28
BAR_ROW = 24
LABEL_WIDTH = 220
LONGEST_LABEL = 30
HOURS = 24
CELL = 26
_STEPS = (1, 2, 2.5, 5, 10)
_TICKS = 4

STYLE = """
:root { --ink: #1b1f24; --dim: #6b7280; --line: #d8dce2; --paper: #ffffff; --card: #f7f8fa;
  --answered: #2f9e6e; --wasted: #b8860b; --failed: #d1495b; --throttled: #8d7bd6;
  --refused: #c77dba; --in_flight: #7aa5d8; --limit: #1b1f24; --series: #3b7dd8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --dim: #9aa3af; --line: #3a3f47;
  --paper: #14171b; --card: #1c2026; --answered: #4cc38a; --wasted: #e2b93b; --failed: #f0707f;
  --throttled: #a898f0; --refused: #e39bd6; --in_flight: #8fb8ea; --limit: #e6e8eb;
  --series: #6aa6f8; } }
@media print { :root { --ink: #000; --dim: #444; --line: #bbb; --paper: #fff; --card: #fff; } }
svg { display: block; width: 100%; height: auto; font: 12px system-ui, sans-serif; }
svg text { fill: var(--ink); } svg .dim { fill: var(--dim); }
svg .grid { stroke: var(--line); stroke-width: 1; } svg .none { fill: var(--line); }
svg .limit { stroke: var(--limit); stroke-width: 1.5; stroke-dasharray: 4 3; fill: none; }
svg .curve { stroke: var(--series); stroke-width: 2; fill: none; }
svg .forecast { stroke: var(--series); stroke-width: 2; stroke-dasharray: 5 4; fill: none; }
"""


@dataclass(frozen=True, slots=True)
class Stack:
    """One bar: its label, its parts from below (the name of a colour, an amount), and a limit."""

    label: str
    parts: tuple[tuple[str, int], ...]
    limit: int | None = None

    @property
    def height(self) -> int:
        """The sum of its parts."""
        return sum(number for _, number in self.parts)


def stacked_bars(stacks: Sequence[Stack], title: str) -> str:
    """Bars in a row, each with its limit as a broken line."""
    most = nice_top(max([s.height for s in stacks] + [s.limit or 0 for s in stacks], default=0))
    height = 240
    plot = height - TOP - BOTTOM
    step = (WIDTH - LEFT - RIGHT) / max(1, len(stacks))
    bar = max(1.0, min(48.0, step * 0.7))
    marks = [_grid(most, height)]
    for number, stack in enumerate(stacks):
        left = LEFT + number * step + (step - bar) / 2
        base = float(height - BOTTOM)
        for name, amount in stack.parts:
            if not amount:
                continue
            tall = plot * amount / most
            base -= tall
            told = f"{stack.label}: {amount:,} {OUTCOMES.get(name, name)}"
            marks.append(_rect(left, base, bar, tall, f"var(--{name})", told, amount))
        if stack.limit:
            y = height - BOTTOM - plot * stack.limit / most
            told = f"{stack.label}: the limit is {stack.limit:,}"
            marks.append(
                f'<line class="limit" x1="{left - 2:.1f}" x2="{left + bar + 2:.1f}" y1="{y:.1f}" '
                f'y2="{y:.1f}"><title>{escape(told)}</title></line>'
            )
        if _is_labelled(number, len(stacks)):
            marks.append(_text(left + bar / 2, height - 10, stack.label[-5:], "middle"))
    return _svg(WIDTH, height, title, marks)


def bars(values: Sequence[tuple[str, int]], title: str, colour: str = "series") -> str:
    """Horizontal bars, each with its label before it and its number behind."""
    most = max([number for _, number in values], default=0) or 1
    room = WIDTH - LABEL_WIDTH - 70
    marks = []
    for place, (label, number) in enumerate(values):
        y = TOP + place * BAR_ROW
        shown = label if len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 1]}…"
        long = max(1.0, room * number / most)
        told = f"{label}: {number:,}"
        marks += [
            _text(LABEL_WIDTH - 8, y + 15, shown, "end"),
            _rect(LABEL_WIDTH, y + 3, long, BAR_ROW - 8, f"var(--{colour})", told, number),
            _text(LABEL_WIDTH + long + 6, y + 15, f"{number:,}", "start"),
        ]
    return _svg(WIDTH, 2 * TOP + BAR_ROW * len(values), title, marks)


def heat_map(rows: Sequence[tuple[str, Sequence[int]]], title: str) -> str:
    """A row of twenty-four squares a day, the darker the more."""
    most = max((number for _, numbers in rows for number in numbers), default=0) or 1
    left = 92
    marks = [_text(left + (h + 0.5) * CELL, 14, f"{h:02}", "middle", "dim") for h in (0, 6, 12, 18)]
    for place, (label, numbers) in enumerate(rows):
        y = 20 + place * CELL
        marks.append(_text(left - 8, y + 17, label, "end"))
        for hour, number in enumerate(numbers):
            told = f"{label} {hour:02}:00: {number:,} calls"
            x, side = left + hour * CELL, CELL - 3
            fill = "var(--series)" if number else "var(--line)"
            shade = 0.25 + 0.75 * number / most if number else 0.5
            square = _rect(x, y, side, side, fill, told, number)
            marks.append(square.replace("<rect ", f'<rect opacity="{shade:.2f}" ', 1))
    return _svg(left + HOURS * CELL + RIGHT, 26 + CELL * len(rows), title, marks)


def curve(
    points: Sequence[tuple[float, float, str]],
    title: str,
    *,
    forecast: tuple[float, float, str] | None = None,
) -> str:
    """A line through points (x, y, what is told of each); the forecast is reached by a broken one.

    A line of one point is a dot.
    """
    every = [*points, *([forecast] if forecast else [])]
    height, top = 220, nice_top(max((y for _, y, _ in every), default=0))
    first, last = min(x for x, _, _ in every), max(x for x, _, _ in every)
    wide, plot = WIDTH - LEFT - RIGHT - 8, height - TOP - BOTTOM

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - first) / (last - first) if last > first else 0.5
        return LEFT + 4 + wide * across, height - BOTTOM - plot * y / top

    marks = [_grid(top, height)]
    marks.append(
        f'<polyline class="curve" points="{_points([place(x, y) for x, y, _ in points])}"/>'
    )
    if forecast and points:
        ends = [place(*points[-1][:2]), place(*forecast[:2])]
        marks.append(f'<polyline class="forecast" points="{_points(ends)}"/>')
    for number, (x, y, told) in enumerate(every):
        across, up = place(x, y)
        marks.append(
            f'<circle cx="{across:.1f}" cy="{up:.1f}" r="3" fill="var(--series)" '
            f'data-value="{y:g}"><title>{escape(told)}</title></circle>'
        )
        if number in (0, len(every) - 1):
            anchor = "start" if number == 0 and len(every) > 1 else "end"
            marks.append(_text(across, height - 10, told.partition(":")[0], anchor))
    return _svg(WIDTH, height, title, marks)


def nice_top(most: float) -> float:
    """A round number that is not below `most`, for the top of a scale."""
    if most <= 0:
        return 1
    power = 10.0 ** (len(str(int(most))) - 1) if most >= 1 else 1.0
    while most < power:
        power /= 10
    return next(step * power for step in _STEPS if step * power >= most)


def _is_labelled(number: int, count: int) -> bool:
    every = max(1, -(-count // 12))
    return number % every == 0


def _grid(top: float, height: int) -> str:
    lines = []
    for number in range(_TICKS + 1):
        value = top * number / _TICKS
        y = height - BOTTOM - (height - TOP - BOTTOM) * number / _TICKS
        lines.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        lines.append(_text(LEFT - 6, y + 4, f"{value:,g}", "end", "dim"))
    return "".join(lines)


def _rect(x: float, y: float, wide: float, tall: float, fill: str, told: str, value: int) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{tall:.1f}" rx="2" '
        f'fill="{fill}" data-value="{value}"><title>{escape(told)}</title></rect>'
    )


def _text(x: float, y: float, text: str, anchor: str, style: str = "") -> str:
    named = f' class="{style}"' if style else ""
    return f'<text{named} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _points(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def _svg(wide: float, height: float, title: str, marks: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:g} {height:g}" role="img" '
        f'aria-label="{escape(title)}">{"".join(marks)}</svg>'
    )

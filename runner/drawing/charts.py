"""Draws charts as SVG texts, which are embedded in a page without scripts.

Colours are CSS variables of the page (see `STYLE`), so a chart follows light, dark and print
themes. Each mark has a description, which is shown above the chart while the mark has the pointer
or the keyboard focus, or after it was touched.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from runner.language import _
from runner.wording.report_words import OUTCOMES

WIDE, NARROW = 720, 358
"""The widths of a chart: on a desktop, and on a phone of 390 pixels."""
LEFT, RIGHT, BOTTOM = 56, 12, 28
TIP_ROW = 15
LETTER = 7  # an upper bound of a letter's width
BAR_ROW, TALL_BAR_ROW = 24, 40
LABEL_WIDTH = 220
DATE_WIDTH = 60
HOURS = 24
CELL = 26
_STEPS = (1, 2, 2.5, 5, 10)
_TICKS = 4

COLOURS = """
:root { --ink: #1b1f24; --dim: #6b7280; --line: #d8dce2; --paper: #ffffff; --card: #f7f8fa;
  --answered: #2f9e6e; --wasted: #b8860b; --failed: #d1495b; --throttled: #8d7bd6;
  --refused: #c77dba; --in_flight: #7aa5d8; --limit: #1b1f24; --series: #3b7dd8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --dim: #9aa3af; --line: #3a3f47;
  --paper: #14171b; --card: #1c2026; --answered: #4cc38a; --wasted: #e2b93b; --failed: #f0707f;
  --throttled: #a898f0; --refused: #e39bd6; --in_flight: #8fb8ea; --limit: #e6e8eb;
  --series: #6aa6f8; } }
@media print { :root { --ink: #000; --dim: #444; --line: #bbb; --paper: #fff; --card: #fff; } }
"""
MARKS = """
svg { display: block; width: 100%; height: auto; font: 12px system-ui, sans-serif; }
svg text { fill: var(--ink); } svg .dim { fill: var(--dim); }
svg .grid { stroke: var(--line); stroke-width: 1; } svg .none { fill: var(--line); }
svg .limit { stroke: var(--limit); stroke-width: 1.5; stroke-dasharray: 4 3; fill: none; }
svg .curve { stroke: var(--series); stroke-width: 2; fill: none; }
svg .hit { fill: transparent; } svg .tip { visibility: hidden; font-weight: 600; }
svg .mark:hover > .tip, svg .mark:focus > .tip { visibility: visible; }
svg:hover .mark:focus:not(:hover) > .tip { visibility: hidden; }
svg .row:focus > .tip { visibility: visible; } svg:hover .row:focus > .tip { visibility: hidden; }
svg :is(.mark, .row):focus { outline: none; }
svg .mark:focus > :is(rect, circle), svg .row:focus rect { stroke: var(--ink); stroke-width: 1.5; }
svg .forecast { stroke: var(--series); stroke-width: 2; stroke-dasharray: 5 4; fill: none; }
"""
STYLE = COLOURS + MARKS


@dataclass(frozen=True, slots=True)
class Stack:
    """One bar: its label, its parts from the bottom (colour name, amount), and a limit."""

    label: str
    parts: tuple[tuple[str, int], ...]
    limit: int | None = None

    @property
    def height(self) -> int:
        """The sum of the parts."""
        return sum(number for _name, number in self.parts)

    @property
    def description(self) -> str:
        """A description: ``2026-01-05: 40 (38 answered, 2 failed), the limit is 50``."""
        parts = [f"{number:,} {OUTCOMES.get(name, name)}" for name, number in self.parts if number]
        limit = _(", the limit is {limit:,}").format(limit=self.limit) if self.limit else ""
        return f"{self.label}: {self.height:,} ({', '.join(parts) or 0}){limit}"


def stacked_bars(stacks: Sequence[Stack], title: str, width: int = WIDE) -> str:
    """Draws vertical stacked bars, each with its limit as a dashed line."""
    most = nice_top(max([s.height for s in stacks] + [s.limit or 0 for s in stacks], default=0))
    height, top = 240, _top(width)
    plot = height - top - BOTTOM
    step = (width - LEFT - RIGHT) / max(1, len(stacks))
    bar = max(1.0, min(48.0, step * 0.7))
    labelled = max(1, -(-len(stacks) * DATE_WIDTH // (width - LEFT)))
    marks = [_grid(most, width, height)]
    for number, stack in enumerate(stacks):
        left = LEFT + number * step + (step - bar) / 2
        base = float(height - BOTTOM)
        shapes = [_hit(LEFT + number * step, top, step, plot)]
        for name, amount in stack.parts:
            if not amount:
                continue
            part_height = plot * amount / most
            base -= part_height
            tooltip = f"{stack.label}: {amount:,} {OUTCOMES.get(name, name)}"
            shapes.append(_rect(left, base, bar, part_height, f"var(--{name})", tooltip, amount))
        if stack.limit:
            y = height - BOTTOM - plot * stack.limit / most
            shapes.append(
                f'<line class="limit" x1="{left - 2:.1f}" x2="{left + bar + 2:.1f}" y1="{y:.1f}" '
                f'y2="{y:.1f}"/>'
            )
        if number % labelled == 0:
            shapes.append(_text(left + bar / 2, height - 10, stack.label[-5:], "middle"))
        marks.append(_mark(shapes, stack.description, width))
    return _svg(width, height, title, marks)


def bars(
    values: Sequence[tuple[str, int]], title: str, colour: str = "series", width: int = WIDE
) -> str:
    """Draws horizontal bars with labels, which are above the bars if the chart is narrow."""
    most = max([number for _label, number in values], default=0) or 1
    above = width < WIDE
    row, left = (TALL_BAR_ROW, 0) if above else (BAR_ROW, LABEL_WIDTH)
    room, longest = width - left - 70, (width if above else LABEL_WIDTH) // LETTER
    marks = []
    for row_number, (label, number) in enumerate(values):
        y = _top(width) + row_number * row
        short_label = label if len(label) <= longest else f"{label[: longest - 1]}…"
        long = max(1.0, room * number / most)
        description = f"{label}: {number:,}"
        base = y + row - BAR_ROW
        name = (
            _text(0, y + 14, short_label, "start")
            if above
            else _text(left - 8, y + 15, short_label, "end")
        )
        shapes = [
            _hit(0, y, width, row),
            name,
            _rect(left, base + 3, long, BAR_ROW - 8, f"var(--{colour})", description, number),
            _text(left + long + 6, base + 15, f"{number:,}", "start"),
        ]
        marks.append(_mark(shapes, description, width))
    return _svg(width, _top(width) + 10 + row * len(values), title, marks)


def heat_map(rows: Sequence[tuple[str, Sequence[int]]], title: str, width: int = WIDE) -> str:
    """Draws a row of twenty-four squares for each day; a darker square is a higher value.

    The keyboard focus moves from day to day, the pointer and touches select an hour.
    """
    most = max((number for _label, numbers in rows for number in numbers), default=0) or 1
    left = 92 if width == WIDE else 48
    cell, top = min(CELL, (width - left - RIGHT) / HOURS), _top(width) + 10
    marks = [
        _text(left + (h + 0.5) * cell, top - 6, f"{h:02}", "middle", "dim") for h in (0, 6, 12, 18)
    ]
    for row_number, (label, numbers) in enumerate(rows):
        y = top + row_number * cell
        name = label if width == WIDE else label[-5:]
        shapes = [_text(left - 8, y + cell / 2 + 4, name, "end")]
        for hour, number in enumerate(numbers):
            description = f"{label} {hour:02}:00: {number:,} calls"
            side = cell * 0.88
            fill = "var(--series)" if number else "var(--line)"
            shade = 0.25 + 0.75 * number / most if number else 0.5
            square = _rect(left + hour * cell, y, side, side, fill, description, number)
            square = square.replace("<rect ", f'<rect opacity="{shade:.2f}" ', 1)
            shapes.append(_mark([square], description, width, focus=-1))
        busy = [f"{hour:02}:00: {number:,}" for hour, number in enumerate(numbers) if number]
        description = f"{label}: {sum(numbers):,} ({', '.join(busy) or 0})"
        marks.append(_mark(shapes, description, width, style="row"))
    return _svg(max(width, left + HOURS * cell + RIGHT), top + 6 + cell * len(rows), title, marks)


def curve(
    points: Sequence[tuple[float, float, str]],
    title: str,
    *,
    forecast: tuple[float, float, str] | None = None,
    width: int = WIDE,
) -> str:
    """Draws a line through points (x, y, description), with a dashed line to the forecast.

    A line of one point is drawn as a dot.
    """
    all_points = [*points, *([forecast] if forecast else [])]
    height, most = 220, nice_top(max((y for _x, y, _description in all_points), default=0))
    first, last = (
        min(x for x, _y, _description in all_points),
        max(x for x, _y, _description in all_points),
    )
    wide, plot = width - LEFT - RIGHT - 8, height - _top(width) - BOTTOM

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - first) / (last - first) if last > first else 0.5
        return LEFT + 4 + wide * across, height - BOTTOM - plot * y / most

    line = _points([place(x, y) for x, y, _description in points])
    marks = [_grid(most, width, height), f'<polyline class="curve" points="{line}"/>']
    if forecast and points:
        ends = [place(*points[-1][:2]), place(*forecast[:2])]
        marks.append(f'<polyline class="forecast" points="{_points(ends)}"/>')
    for number, (x, y, description) in enumerate(all_points):
        across, up = place(x, y)
        dot = (
            f'<circle cx="{across:.1f}" cy="{up:.1f}" r="3" fill="var(--series)" '
            f'data-value="{y:g}"><title>{escape(description)}</title></circle>'
        )
        shapes = [_hit(across - 8, up - 8, 16, 16), dot]
        if number in (0, len(all_points) - 1):
            anchor = "start" if number == 0 and len(all_points) > 1 else "end"
            shapes.append(_text(across, height - 10, description.partition(":")[0], anchor))
        marks.append(_mark(shapes, description, width))
    return _svg(width, height, title, marks)


def nice_top(most: float) -> float:
    """Returns a round number that is at least `most`, for the top of a scale."""
    if most <= 0:
        return 1
    power = 10.0 ** (len(str(int(most))) - 1) if most >= 1 else 1.0
    while most < power:
        power /= 10
    return next(step * power for step in _STEPS if step * power >= most)


def _top(width: int) -> int:
    """Returns the height of the space above a chart, which holds the descriptions."""
    return 10 + TIP_ROW * _tip_rows(width)


def _tip_rows(width: int) -> int:
    return 1 if width == WIDE else 2


def _mark(
    shapes: Sequence[str], description: str, width: int, *, focus: int = 0, style: str = ""
) -> str:
    """Returns the group of a mark's shapes, with its description; `focus` is its tabindex."""
    rows = textwrap.wrap(
        description,
        width // LETTER,
        max_lines=_tip_rows(width),
        placeholder="…",
        break_on_hyphens=False,
    )
    spans = (
        f'<tspan x="{width - RIGHT}" y="{TIP_ROW * (row_number + 1) - 2}">{escape(row)}</tspan>'
        for row_number, row in enumerate(rows)
    )
    return (
        f'<g class="{style or "mark"}" tabindex="{focus}" role="img" '
        f'aria-label="{escape(description)}">'
        f'{"".join(shapes)}<text class="tip" text-anchor="end">{"".join(spans)}</text></g>'
    )


def _hit(x: float, y: float, wide: float, tall: float) -> str:
    """Returns an invisible area that receives the pointer."""
    return f'<path class="hit" d="M{x:.1f} {y:.1f}h{wide:.1f}v{tall:.1f}h{-wide:.1f}z"/>'


def _grid(most: float, width: int, height: int) -> str:
    lines = []
    for number in range(_TICKS + 1):
        value = most * number / _TICKS
        y = height - BOTTOM - (height - _top(width) - BOTTOM) * number / _TICKS
        lines.append(
            f'<line class="grid" x1="{LEFT}" x2="{width - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        lines.append(_text(LEFT - 6, y + 4, f"{value:,g}", "end", "dim"))
    return "".join(lines)


def _rect(x: float, y: float, wide: float, tall: float, fill: str, tooltip: str, value: int) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{tall:.1f}" rx="2" '
        f'fill="{fill}" data-value="{value}"><title>{escape(tooltip)}</title></rect>'
    )


def _text(x: float, y: float, text: str, anchor: str, style: str = "") -> str:
    named = f' class="{style}"' if style else ""
    return f'<text{named} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _points(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def _svg(wide: float, height: float, title: str, marks: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:g} {height:g}" role="group" '
        f'aria-label="{escape(title)}">{"".join(marks)}</svg>'
    )

"""A drawing: boxes, arrows and texts, in light and dark as the reader's screen is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

Point = tuple[float, float]

_STYLE = """
text { font: 14px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: #24292f }
.small { font-size: 12px; fill: #57606a }
.strong { font-weight: 600 }
.box { fill: #f6f8fa; stroke: #8c959f }
.good { fill: #dafbe1; stroke: #2da44e }
.bad { fill: #ffebe9; stroke: #cf222e }
.main { fill: #ddf4ff; stroke: #0969da }
.line { fill: none; stroke: #57606a; stroke-width: 1.3 }
.grid { stroke: #d0d7de }
.first { fill: none; stroke: #0969da; stroke-width: 2.2 }
.second { fill: none; stroke: #bc4c00; stroke-width: 2.2; stroke-dasharray: 6 4 }
.head { fill: #57606a }
.under { fill: #ffffff }
.halo { paint-order: stroke; stroke: #ffffff; stroke-width: 5px; stroke-linejoin: round }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .small { fill: #9198a1 }
  .box { fill: #21262d; stroke: #6e7681 }
  .good { fill: #12361f; stroke: #3fb950 }
  .bad { fill: #421c1c; stroke: #f85149 }
  .main { fill: #10304f; stroke: #58a6ff }
  .line { stroke: #9198a1 }
  .grid { stroke: #30363d }
  .first { stroke: #58a6ff }
  .second { stroke: #f0883e }
  .head { fill: #9198a1 }
  .under { fill: #0d1117 }
  .halo { stroke: #0d1117 }
}
"""


@dataclass(frozen=True, slots=True)
class Box:
    """A box with its middle at `x`, `y`."""

    x: float
    y: float
    width: float = 120
    height: float = 40

    def edge(self, towards: Point) -> Point:
        """Returns the point where a line from the middle to `towards` leaves the box."""
        dx, dy = towards[0] - self.x, towards[1] - self.y
        across = self.width / 2 / abs(dx) if dx else math.inf
        down = self.height / 2 / abs(dy) if dy else math.inf
        part = min(across, down)
        return self.x + dx * part, self.y + dy * part


@dataclass
class Drawing:
    """A drawing that grows; `text` gives it as SVG."""

    width: int
    height: int
    title: str
    parts: list[str] = field(default_factory=list)

    def box(self, box: Box, *lines: str, kind: str = "box") -> None:
        """Adds a box with lines of text; the first line is strong."""
        x, y = box.x - box.width / 2, box.y - box.height / 2
        self.parts.append(
            f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{box.width:g}" '
            f'height="{box.height:g}" rx="6"/>'
        )
        top = box.y + 5 - 9 * (len(lines) - 1)
        for number, line in enumerate(lines):
            style = "small" if number else "strong"
            self.words(line, (box.x, top + 18 * number), style)

    def words(self, text: str, at: Point, style: str = "", anchor: str = "middle") -> None:
        """Adds a line of text."""
        x, y = at
        self.parts.append(
            f'<text class="{style}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">'
            f"{escape(text)}</text>"
        )

    def arrow(self, start: Box, end: Box, label: str = "", *, bend: float = 0) -> None:
        """Adds an arrow from box to box; `bend` moves its middle to the left, in pixels."""
        dx, dy = end.x - start.x, end.y - start.y
        length = math.hypot(dx, dy)
        middle = (start.x + end.x) / 2, (start.y + end.y) / 2
        over = middle[0] + dy / length * bend * 2, middle[1] - dx / length * bend * 2
        tail, tip = start.edge(over), end.edge(over)
        self.path([tail, over, tip], curved=True)
        self._head(over, tip)
        if label:
            x = tail[0] / 4 + over[0] / 2 + tip[0] / 4
            y = tail[1] / 4 + over[1] / 2 + tip[1] / 4
            self.words(label, (x, y + 4), "small halo")

    def path(self, points: Sequence[Point], style: str = "line", *, curved: bool = False) -> None:
        """Adds a line through points; or a quadratic curve, whose control point is the second."""
        first, *rest = [f"{x:.1f} {y:.1f}" for x, y in points]
        way = f"Q {' '.join(rest)}" if curved else f"L {' '.join(rest)}"
        self.parts.append(f'<path class="{style}" d="M {first} {way}"/>')

    def _head(self, before: Point, tip: Point) -> None:
        angle = math.atan2(tip[1] - before[1], tip[0] - before[0])
        ends = [
            (tip[0] - 10 * math.cos(angle + turn), tip[1] - 10 * math.sin(angle + turn))
            for turn in (0.4, -0.4)
        ]
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (tip, *ends))
        self.parts.append(f'<polygon class="head" points="{points}"/>')

    def text(self) -> str:
        """Returns the whole drawing."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
            f'width="{self.width}" height="{self.height}" role="img">'
        )
        under = f'<rect class="under" width="{self.width}" height="{self.height}" rx="8"/>'
        title = f"<title>{escape(self.title)}</title>"
        return "\n".join([head, title, f"<style>{_STYLE}</style>", under, *self.parts, "</svg>\n"])

"""The common layouts: tables, lists of facts, and hints, whose command lines are not wrapped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions
from rich.table import Table
from rich.text import Text

# A command line up to the end of its clause, or any other word, with its trailing spaces.
_UNBROKEN = re.compile(r"\bmidnight (?:-|[a-z])(?:'[^']*'|(?!, )[^;\uff1b\uff0c'])*|\S+\s*")


def table(*columns: str, right: Iterable[str] = ()) -> Table:
    """Returns an empty table that fits eighty columns; `right` names right-aligned columns."""
    numbers = frozenset(right)
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False)
    for name in columns:
        if name in numbers:
            grid.add_column(name, justify="right", no_wrap=True)
        else:
            grid.add_column(name, overflow="fold")
    return grid


def facts(pairs: Iterable[tuple[str, str]]) -> Table:
    """Returns names and values, a line for each pair."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in pairs:
        grid.add_row(f"  {name}", Text(value))
    return grid


@dataclass(frozen=True, slots=True)
class Hint:
    """A sentence whose command lines are not wrapped, so that they can be pasted.

    A command that is wider than the terminal has its own line, which the terminal wraps. `head` is
    written before the first line, and the others are indented by its width.
    """

    text: str
    style: str = ""
    head: str = ""

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """Yields the text with its line breaks, which rich must not wrap again."""
        indent = cell_len(self.head)
        lines = _lines(self.text, max(1, options.max_width - indent))
        body = Text(f"\n{' ' * indent}".join(lines), self.style, no_wrap=True, overflow="ignore")
        yield Text.assemble((self.head, "dim"), body, no_wrap=True, overflow="ignore")


def _lines(text: str, width: int) -> list[str]:
    lines = [""]
    for piece in _UNBROKEN.findall(text):
        if lines[-1] and cell_len(lines[-1] + piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return [line.rstrip() for line in lines]

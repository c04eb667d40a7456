"""The layouts that everything uses: columns, facts a line each, sentences with commands in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions
from rich.table import Table
from rich.text import Text

# A command line up to the end of its clause, or any other word; with the spaces behind it.
_UNBROKEN = re.compile(r"\bmidnight (?:-|[a-z])(?:'[^']*'|(?!, )[^;\uff1b\uff0c'])*|\S+\s*")


def table(*columns: str, right: Iterable[str] = ()) -> Table:
    """An empty table that fits eighty columns; the columns named in `right` hold numbers."""
    numbers = frozenset(right)
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False)
    for name in columns:
        if name in numbers:
            made.add_column(name, justify="right", no_wrap=True)
        else:
            made.add_column(name, overflow="fold")
    return made


def facts(pairs: Iterable[tuple[str, str]]) -> Table:
    """Names and values, a line each."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in pairs:
        grid.add_row(f"  {name}", Text(value))
    return grid


@dataclass(frozen=True, slots=True)
class Hint:
    """A sentence in which no command line is broken, so that it can be pasted.

    A command that is wider than the terminal has a line of its own, which the terminal wraps.
    `head` stands before the first line, and those that follow are indented as far.
    """

    text: str
    style: str = ""
    head: str = ""

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """Its lines, none of which rich wraps again."""
        indent = cell_len(self.head)
        lines = _lines(self.text, max(1, options.max_width - indent))
        told = Text(f"\n{' ' * indent}".join(lines), self.style, no_wrap=True, overflow="ignore")
        yield Text.assemble((self.head, "dim"), told, no_wrap=True, overflow="ignore")


def _lines(text: str, width: int) -> list[str]:
    lines = [""]
    for piece in _UNBROKEN.findall(text):
        if lines[-1] and cell_len(lines[-1] + piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return [line.rstrip() for line in lines]

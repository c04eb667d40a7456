"""A command in a pseudo-terminal, what it has drawn there, and a picture of that."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path

import pyte
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from rich.text import Text

LINES = 200


def _theme(background: str, text: str, normal: str, bright: str) -> TerminalTheme:
    """Returns a theme of colours in hex: black, red, green, yellow, blue, magenta, cyan, white."""

    def rgb(colour: str) -> tuple[int, int, int]:
        red, green, blue = bytes.fromhex(colour)
        return red, green, blue

    colours = [[rgb(each) for each in group.split()] for group in (normal, bright)]
    return TerminalTheme(rgb(background), rgb(text), *colours)


LIGHT = _theme(
    "ffffff",
    "24292f",
    "24292f a40e26 116329 7d4e00 0969da 8250df 1b7c83 6e7781",
    "57606a cf222e 1a7f37 9a6700 218bff a475f9 3192aa 8c959f",
)
DARK = _theme(
    "0d1117",
    "e6edf3",
    "6e7681 ff7b72 3fb950 d29922 58a6ff bc8cff 39c5cf b1bac4",
    "6e7681 ffa198 56d364 e3b341 79c0ff d2a8ff 56d4dd f0f6fc",
)


class Terminal:
    """A command that believes to be in a terminal of `columns` and many lines."""

    def __init__(
        self, command: Sequence[str], folder: Path, environ: Mapping[str, str], columns: int
    ) -> None:
        self.columns = columns
        self._screen = pyte.Screen(columns, LINES)
        self._stream = pyte.ByteStream(self._screen)
        self._pid, self._fd = pty.fork()
        if self._pid == 0:
            os.chdir(folder)
            os.execvpe(command[0], command, {**environ, "TERM": "xterm-256color"})  # noqa: S606
        size = struct.pack("HHHH", 60, columns, 0, 0)
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, size)

    def read_for(self, seconds: float) -> bool:
        """Reads its output for so long; returns whether it is still running."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self._fd], [], [], left)[0]:
                try:
                    data = os.read(self._fd, 65_536)
                except OSError:  # it has ended
                    return False
                if not data:
                    return False
                self._stream.feed(data)
        return True

    def read_until_end(self, most: float = 120) -> None:
        """Reads until it ends."""
        if self.read_for(most):
            raise TimeoutError
        os.waitpid(self._pid, 0)

    def stop(self) -> None:
        """Interrupts it twice, and waits for its end."""
        for _ in range(2):
            os.kill(self._pid, signal.SIGINT)
            self.read_for(0.5)
        self.read_until_end(10)

    def lines(self) -> list[Text]:
        """Returns the lines of the screen up to the last one that is not empty."""
        found = [self._line(number) for number in range(LINES)]
        while found and not found[-1].plain.strip():
            found.pop()
        return found

    def _line(self, number: int) -> Text:
        row, made = self._screen.buffer[number], Text()
        for column in range(self.columns):
            cell = row[column]
            made.append(cell.data, _style(cell))
        made.rstrip()
        return made


def _style(cell: pyte.screens.Char) -> Style:
    return Style(
        color=_colour(cell.fg),
        bgcolor=_colour(cell.bg),
        bold=cell.bold,
        italic=cell.italics,
        underline=cell.underscore,
        reverse=cell.reverse,
    )


def _colour(name: str) -> str | None:
    if name == "default":
        return None
    if re.fullmatch("[0-9a-f]{6}", name):
        return f"#{name}"
    bright = name.startswith("bright")
    plain = name.removeprefix("bright").replace("brown", "yellow")
    return f"{'bright_' if bright else ''}{plain}"


# As rich's own, but without fonts from a network, and with both themes.
_FORMAT = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px;
  line-height: {line_height}px;
  font-variant-east-asian: full-width;
}}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})"
  clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def picture(terminal: Terminal, command: Sequence[str], lines: int | None = None) -> str:
    """Returns the screen of a terminal as SVG, in light and dark.

    Of a long text, only the first `lines`; where `lines` is below zero, the first two and the last.
    """
    shown, more = terminal.lines(), Text("…", "dim")
    if lines is not None and len(shown) > abs(lines):
        shown = [*shown[:lines], more] if lines > 0 else [*shown[:2], more, *shown[lines:]]
    prompt = Text.assemble(("$ ", "dim"), ("midnight " + " ".join(command), "bold"))
    name = f"screen-{command[0]}"

    def exported(theme: TerminalTheme) -> str:
        console = Console(
            record=True, file=StringIO(), width=terminal.columns, force_terminal=True,
            color_system="truecolor", legacy_windows=False,
        )  # fmt: skip
        for line in (prompt, *shown, Text()):
            console.print(line, no_wrap=True, overflow="crop", highlight=False)
        return console.export_svg(title="", theme=theme, code_format=_FORMAT, unique_id=name)

    return _in_both(exported(LIGHT), exported(DARK))


def _in_both(light: str, dark: str) -> str:
    """Returns a picture with the colours of `light`, and those of `dark` on a dark screen."""
    rules = re.compile(r"^\.screen-\w+-r\d+ \{.*\}$", re.MULTILINE)
    other = "\n".join(rules.findall(dark))
    rect = re.compile(r'<rect fill="#[0-9a-f]{6}" (stroke="[^"]*" )?')
    light = rect.sub('<rect class="window" ', light, count=1)
    window = ".window { fill: #ffffff; stroke: #d0d7de }"
    night = ".window { fill: #0d1117; stroke: #30363d }"
    style = f"{window}\n@media (prefers-color-scheme: dark) {{\n{night}\n{other}\n}}\n</style>"
    return light.replace("</style>", style, 1)

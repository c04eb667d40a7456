"""Help and usage errors in languages other than English; loaded only for these.

Typer has English sentences of its own, and measures texts in characters, while a Chinese character
takes two columns.
"""

from __future__ import annotations

import re
from typing import Any

import typer.core
from rich.cells import cell_len

from runner.language import _, gettext_noop

# Texts that Typer passes to gettext.
OF_TYPER = (
    *(gettext_noop("Arguments"), gettext_noop("Options"), gettext_noop("Commands")),
    *(gettext_noop("required"), gettext_noop("default: {default}"), gettext_noop("(dynamic)")),
    *(gettext_noop("env var: {var}"), gettext_noop("Aborted!"), gettext_noop("Missing command.")),
    *(gettext_noop("No such command {name!r}."), gettext_noop("Show this message and exit.")),
    gettext_noop("Install completion for the current shell."),
    gettext_noop(
        "Show completion for the current shell, to copy it or customize the installation."
    ),
)
# English errors of Typer and Pydantic, to be matched and translated.
COMPLAINTS = (
    gettext_noop("missing argument {name}"),
    gettext_noop("missing option {name}"),
    gettext_noop("invalid value for {name}: {why}"),
    gettext_noop("invalid value: {why}"),
    gettext_noop("no such option: {name} (Possible options: {known})"),
    gettext_noop("no such option: {name}"),
    gettext_noop("option {name} requires an argument"),
    gettext_noop("option {name} does not take a value"),
    gettext_noop("got unexpected extra argument(s) ({names})"),
    gettext_noop("{what}. Did you mean {known}?"),
    gettext_noop("Value error, {why}"),
    gettext_noop("{value} is not one of {known}"),
    gettext_noop("Input should be a valid integer, unable to parse string as an integer"),
    gettext_noop("Input should be a valid number, unable to parse string as a number"),
    gettext_noop("Input should be greater than or equal to {least}"),
    gettext_noop("Input should be less than or equal to {most}"),
)
# Line breaks are permitted between these pieces, except before closing and after opening marks.
_PIECES = re.compile(r"\s+|[\x21-\u2e7f]+|.", re.DOTALL)
_OPENING = frozenset("（「『")  # noqa: RUF001
_CLOSING = frozenset("，。；：、）」！？％")  # noqa: RUF001


class WideFormatter(typer.Context.formatter_class):  # type: ignore[misc,valid-type]
    """A help formatter that measures texts in terminal columns."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Writes the usage line."""
        super().write_usage(prog, args, _("Usage: ") if prefix is None else prefix)

    def write_heading(self, heading: str) -> None:
        """Writes the heading of a section."""
        self.write(f"{' ' * self.current_indent}{_('{heading}:').format(heading=heading)}\n")

    def write_text(self, text: str) -> None:
        """Writes paragraphs; one that begins with a backspace keeps its line breaks."""
        indent = " " * self.current_indent
        for number, paragraph in enumerate(text.split("\n\n")):
            self.write("\n" if number else "")
            for line in _lines(paragraph, self.width - self.current_indent):
                self.write(f"{indent}{line}\n")

    def write_dl(self, rows: Any, col_max: int = 30, col_spacing: int = 2) -> None:
        """Writes names with their descriptions beside them."""
        pairs = list(rows)
        first = min(max(cell_len(name) for name, _text in pairs), col_max) + col_spacing
        indent, under = " " * self.current_indent, " " * (self.current_indent + first)
        for name, text in pairs:
            lines = _lines(_(text), max(self.width - first - 2, 10))
            if cell_len(name) > first - col_spacing:
                self.write(f"{indent}{name}\n")
                head = under
            else:
                head = f"{indent}{name}{' ' * (first - cell_len(name))}"
            heads = [head, *([under] * (len(lines) - 1))]
            self.write("".join(f"{a}{b}\n" for a, b in zip(heads, lines or [""], strict=True)))


def _lines(text: str, width: int) -> list[str]:
    if text.startswith("\b\n"):
        return text.removeprefix("\b\n").splitlines()
    lines, line = [], ""
    for piece in _PIECES.findall(" ".join(text.split())):
        if cell_len(line) + cell_len(piece.rstrip()) <= width:
            line += piece
            continue
        stays = len(line)
        while stays and (piece in _CLOSING or line[stays - 1] in _OPENING):
            stays, piece = stays - 1, line[stays - 1] + piece  # noqa: PLW2901
        lines.append(line[:stays].rstrip())
        line = piece.lstrip()
    return [*lines, line.rstrip()] if line.strip() else lines


def translate(command: Any) -> None:
    """Translates the help of `command` and its subcommands, and lays it out for wide characters."""
    vars(typer.core)["_"] = _
    _translate(command)


def _translate(command: Any) -> None:
    if command.help:
        command.help = _(command.help)
        command.short_help = command.help.partition("\n\n")[0]
    command.context_class = type(
        "WideContext", (command.context_class,), {"formatter_class": WideFormatter}
    )
    for subcommand in getattr(command, "commands", {}).values():
        _translate(subcommand)

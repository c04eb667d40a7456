"""The page about the commands, from what `--help` says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer
from markdown import code, prose, table

from runner.cli import app, exit_codes


def commands() -> str:
    """Returns the page about the commands."""
    top = typer.main.get_command(app.program([]))
    names = top.list_commands(top.context_class(top, info_name=app.PROGRAM))
    listed = [
        (f"[`{name}`](#midnight-{name})", _plain(top.commands[name].help).partition("\n\n")[0])
        for name in names
    ]
    return "\n".join(
        [
            "# Commands\n",
            "`midnight` and `python -m runner` are the same. Each command takes `--help`.\n",
            table(["command", "does"], listed),
            "## Options of every command\n",
            "They may stand before or after the name of the command.\n",
            _options(top),
            "## Exit codes\n",
            table(["code", "means"], [(str(k), v) for k, v in exit_codes.MEANINGS.items()]),
            *(part for name in names for part in _command(top.commands[name], name, top)),
        ]
    )


def _command(command: Any, path: str, parent: Any) -> Iterator[str]:
    made = command.context_class(command, info_name=f"{app.PROGRAM} {path}")
    yield f"{'##' if ' ' not in path else '###'} midnight {path}\n"
    yield prose(_plain(command.help)) + "\n"
    yield f"```\n{' '.join(command.get_usage(made).removeprefix('Usage: ').split())}\n```\n"
    if options := _options(command):
        yield options
    if command.epilog and "Example" in command.epilog:
        lines = re.sub(r"(?m)^  ", "", command.epilog.partition(":\n")[2])
        yield f"```\n{lines.rstrip()}\n```\n"
    for name in getattr(command, "commands", {}):
        yield from _command(command.commands[name], f"{path} {name}", parent)


def _options(command: Any) -> str:
    made = command.context_class(command, info_name="midnight")
    records = [param.get_help_record(made) for param in command.params]
    found = [record for record in records if record and "completion" not in record[0]]
    rows = [(code(re.sub(r" <[^>]*>$", "", name)), _help(text)) for name, text in found]
    return table(["argument or option", "means"], rows) if rows else ""


def _help(text: str) -> str:
    return re.sub(r"\s*\[default: 0\]", "", text).strip()


def _plain(text: str) -> str:
    """Returns a help text with each paragraph in one line, without Typer's marks."""
    paragraphs = text.replace("\b\n", "").strip().split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)

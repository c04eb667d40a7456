"""The global options, which are valid before or after the command's name.

They are moved to the front before parsing, so they are declared once, on the program.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from runner.language import _

Db = Annotated[
    Path | None,
    typer.Option(
        help=_("The database file; default: MIDNIGHT_DB, or one in your data folder."),
        metavar="FILE",
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        help=_("The configuration; default: midnight.toml here or in your configuration folder."),
        metavar="FILE",
    ),
]
Account = Annotated[
    str | None,
    typer.Option(
        help=_("The account to use, by its name in the configuration; default: the first."),
        metavar="NAME",
    ),
]
Verbose = Annotated[
    int,
    typer.Option(
        "-v",
        "--verbose",
        count=True,
        metavar="",
        help=_(
            "Log what happens to stderr, and where each setting comes from; -vv: each call, too."
        ),
    ),
]
LogFile = Annotated[
    Path | None,
    typer.Option(
        envvar="MIDNIGHT_LOG_FILE",
        show_envvar=False,
        help=_("Append the log to a file instead; default: MIDNIGHT_LOG_FILE."),
        metavar="FILE",
    ),
]
LogJson = Annotated[bool, typer.Option("--log-json", help=_("Log a JSON object a line."))]
LogContent = Annotated[
    bool, typer.Option("--log-content", help=_("Log prompts and replies as well; implies -vv."))
]
Json = Annotated[
    bool, typer.Option("--json", help=_("JSON on stdout; everything for people goes to stderr."))
]
Version = Annotated[bool, typer.Option("--version", help=_("Print the version and exit."))]

_FLAGS = frozenset({"--verbose", "--json", "--version", "--log-json", "--log-content"})
_VALUED = frozenset({"--db", "--config", "--account", "--log-file"})
_VERBOSE = re.compile("-v+")


class GlobalOptionsGroup(TyperGroup):
    """A command group whose own options may appear anywhere on the command line."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parses `args` with the global options moved to the front."""
        return super().parse_args(ctx, hoisted(args))


def hoisted(args: Iterable[str]) -> list[str]:
    """Returns `args` with every global option before the command.

    Raises:
        typer.BadParameter: An option lacks its value.
    """
    front, rest = parted(args)
    return front + rest


def parted(args: Iterable[str]) -> tuple[list[str], list[str]]:
    """Returns the global options among `args`, and the rest, which includes all after ``--``.

    Raises:
        typer.BadParameter: An option lacks its value.
    """
    front: list[str] = []
    rest: list[str] = []
    words = iter(args)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif _is_flag(word) or (word.partition("=")[0] in _VALUED and "=" in word):
            front.append(word)
        elif word in _VALUED:
            front += [word, _value_of(word, words)]
        else:
            rest.append(word)
    return front, rest


def wants_json(args: Iterable[str]) -> bool:
    """Whether ``--json`` is among `args`, even if they cannot be parsed."""
    return "--json" in _before_dashes(args)


def wants_traceback(args: Iterable[str]) -> bool:
    """Whether `args` ask for developers' output, as ``-vv`` does."""
    verbosity = 0
    for word in _before_dashes(args):
        verbosity += 1 if word == "--verbose" else len(word) - 1 if _VERBOSE.fullmatch(word) else 0
    return verbosity > 1


def _before_dashes(args: Iterable[str]) -> list[str]:
    words = list(args)
    return words[: words.index("--")] if "--" in words else words


def _is_flag(word: str) -> bool:
    return word in _FLAGS or _VERBOSE.fullmatch(word) is not None


def _value_of(option: str, words: Iterator[str]) -> str:
    value = next(words, None)
    if value is None:
        raise typer.BadParameter(_("the option {option} needs a value").format(option=option))
    return value

"""The options that every command has, before or after the command's name.

They are moved to the front before anything is parsed, so that they are declared once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import typer
from typer.core import TyperGroup

FLAGS = frozenset({"-v", "--verbose", "--json", "--version"})
VALUED = frozenset({"--db", "--config", "--account"})


class GlobalOptionsGroup(TyperGroup):
    """The program's top group."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse `args` with the global options moved to the front."""
        return super().parse_args(ctx, hoisted(args))


def hoisted(args: Iterable[str]) -> list[str]:
    """`args` with every global option before the command; what follows ``--`` stays.

    Raises:
        typer.BadParameter: An option lacks its value.
    """
    front: list[str] = []
    rest: list[str] = []
    words = iter(args)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word in FLAGS or (word.partition("=")[0] in VALUED and "=" in word):
            front.append(word)
        elif word in VALUED:
            front += [word, _value_of(word, words)]
        else:
            rest.append(word)
    return front + rest


def wants_json(args: Iterable[str]) -> bool:
    """Whether ``--json`` is among `args`, even where they cannot be parsed."""
    for word in args:
        if word == "--":
            return False
        if word == "--json":
            return True
    return False


def _value_of(option: str, words: Iterator[str]) -> str:
    value = next(words, None)
    if value is None:
        raise typer.BadParameter(f"the option {option} needs a value")
    return value

"""Builds the command lines in messages, which users can paste into a shell.

They include the global options with which this process was started, such as its database.
"""

from __future__ import annotations

from collections.abc import Iterable

PROGRAM = "midnight"
Option = tuple[str, object]
"""A global option and its value; a false value means that the option was not given."""

_options: tuple[Option, ...] = ()


def remember(*options: Option) -> None:
    """Stores the global options of this process, replacing those of an earlier command."""
    global _options  # noqa: PLW0603 - a process has one command line
    _options = options


def command(*words: object) -> str:
    """Returns the quoted command line for `words`, with the global options of this process."""
    return command_with(_options, *words)


def command_with(options: Iterable[Option], *words: object) -> str:
    """Returns the quoted command line for `words`, with `options`."""
    import shlex  # not for --help

    given = [part for name, value in options if value for part in (name, str(value))]
    return shlex.join([PROGRAM, *given, *map(str, words)])

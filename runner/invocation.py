"""Command lines for messages, which work when they are pasted.

Each contains the global options with which this process was started, such as its database.
"""

from __future__ import annotations

from collections.abc import Iterable

PROGRAM = "midnight"
Option = tuple[str, object]
"""A global option and its value; one without a value was not given."""

_options: tuple[Option, ...] = ()


def remember(*options: Option) -> None:
    """Store the global options of this process, replacing those of an earlier command."""
    global _options  # noqa: PLW0603 - a process has one command line
    _options = options


def command(*words: object) -> str:
    """Return the command line for `words`, quoted, with the global options of this process."""
    return spelt(_options, *words)


def spelt(options: Iterable[Option], *words: object) -> str:
    """Return the command line for `words`, quoted, with `options`."""
    import shlex  # noqa: PLC0415 - not for --help

    given = [part for name, value in options if value for part in (name, str(value))]
    return shlex.join([PROGRAM, *given, *map(str, words)])

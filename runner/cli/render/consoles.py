"""Consoles: colours and width where a person looks, plain and wide where a program reads."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from rich.console import Console

# A table that is piped or redirected must not be cut at the width of a terminal that is not there.
PIPED_WIDTH = 160


class PlainConsole(Console):
    """A console that leaves a closed pipe to the program's top."""

    def on_broken_pipe(self) -> NoReturn:
        """Raise the error that rich would turn into an exit code of its own."""
        raise BrokenPipeError


def console(*, stderr: bool) -> Console:
    """The console on stdout or stderr as they are now."""
    file = sys.stderr if stderr else sys.stdout
    wide = not file.isatty() and "COLUMNS" not in os.environ
    return PlainConsole(
        file=file, width=PIPED_WIDTH if wide else None, highlight=False, emoji=False, markup=False
    )

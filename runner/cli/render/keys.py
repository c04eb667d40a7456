"""Reads single keys from the terminal in a thread while a run is shown.

The terminal is put into cbreak mode: keys need no Enter and are not echoed, and Ctrl-C still works.
Nothing is read without a terminal, or while this process is in the background.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Event, Thread

POLL_S = 0.2

Handlers = Mapping[str, Callable[[], None]]


def can_read() -> bool:
    """Whether keys can be read: there is a terminal, and this process is in its foreground."""
    try:
        return sys.stdin.isatty() and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError, AttributeError):
        return False


@contextmanager
def reading(handlers: Handlers) -> Iterator[None]:
    """Calls the handlers of keys that are pressed while the block runs."""
    if not can_read():
        yield
        return
    import termios  # not on every system
    import tty

    file, over = sys.stdin.fileno(), Event()
    before = termios.tcgetattr(file)
    thread = Thread(target=_read, args=(file, over, handlers), name="keys", daemon=True)
    try:
        tty.setcbreak(file)
        thread.start()
        yield
    finally:
        over.set()
        with suppress(termios.error):
            termios.tcsetattr(file, termios.TCSADRAIN, before)
        thread.join(POLL_S * 2)


def _read(file: int, over: Event, handlers: Handlers) -> None:
    import select

    with suppress(OSError, ValueError):  # the terminal is gone
        while not over.is_set():
            ready, _, _ = select.select([file], [], [], POLL_S)
            if ready and os.tcgetpgrp(file) == os.getpgrp():
                key = os.read(file, 1).decode("latin-1")
                if not key:
                    return
                if (handler := handlers.get(key.lower())) is not None:
                    handler()

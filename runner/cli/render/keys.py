"""Single keys on a terminal, read in a thread while a run is shown.

The terminal is put into a mode in which a key needs no Enter and is not echoed; Ctrl-C stays what
it is. Where there is no such terminal, or it is somebody else's at the moment, nothing is read.
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
    """Whether keys can be read: a terminal whose foreground this process is."""
    try:
        return sys.stdin.isatty() and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError, AttributeError):
        return False


@contextmanager
def reading(handlers: Handlers) -> Iterator[None]:
    """Call the handler of each key that is pressed while the block lasts."""
    if not can_read():
        yield
        return
    import termios  # noqa: PLC0415 - where there is a terminal of that kind
    import tty  # noqa: PLC0415

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
    import select  # noqa: PLC0415

    with suppress(OSError, ValueError):  # the terminal is gone
        while not over.is_set():
            ready, _, _ = select.select([file], [], [], POLL_S)
            if ready and os.tcgetpgrp(file) == os.getpgrp():
                key = os.read(file, 1).decode("latin-1")
                if not key:
                    return
                if (handler := handlers.get(key.lower())) is not None:
                    handler()

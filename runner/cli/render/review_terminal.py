"""The terminal of a review: alternate screen, keys and signals.

Keys need no Enter and are not echoed. The terminal's mode is restored however the block ends.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from rich.console import Console

from runner.cli.render.key_names import KeyReader

REDRAW = "redraw"
END = "end of input"
_CHUNK = 4096
_ENDING = (signal.SIGINT, signal.SIGTERM)


class ReviewTerminal:
    """The terminal in which a review takes place."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._file = sys.stdin.fileno()
        self._send: MemoryObjectSendStream[str]
        self._receive: MemoryObjectReceiveStream[str]
        self._send, self._receive = anyio.create_memory_object_stream[str](_CHUNK)
        self._before: list[Any] = []

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[ReviewTerminal]:
        """Takes over the terminal while the block runs."""
        import termios  # not on every system

        self._before = termios.tcgetattr(self._file)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch_signals)
            try:
                self._enter()
                tasks.start_soon(self._read_keys)
                yield self
            finally:
                self._leave()
                tasks.cancel_scope.cancel()

    async def key(self) -> str:
        """Waits for the next key; `REDRAW` if the screen has to be redrawn, `END` to end."""
        return await self._receive.receive()

    @contextmanager
    def left(self) -> Iterator[None]:
        """Releases the terminal to another program while the block runs."""
        self._leave()
        try:
            yield
        finally:
            self._enter()

    def _enter(self) -> None:
        import tty

        tty.setcbreak(self._file)
        self.console.set_alt_screen(True)
        self.console.show_cursor(False)

    def _leave(self) -> None:
        import termios

        with suppress(OSError):  # the terminal is closed
            self.console.show_cursor(True)
            self.console.set_alt_screen(False)
        with suppress(termios.error):
            termios.tcsetattr(self._file, termios.TCSADRAIN, self._before)

    async def _read_keys(self) -> None:
        reader = KeyReader()
        with suppress(OSError):
            while True:
                await anyio.wait_readable(self._file)
                sent = os.read(self._file, _CHUNK)
                if not sent:
                    break
                for key in reader.keys(sent):
                    await self._send.send(key)
        await self._send.send(END)

    async def _watch_signals(self) -> None:
        """Ends on termination signals; redraws after a stop or a resize."""
        hangup = [signal.SIGHUP] if hasattr(signal, "SIGHUP") else []
        again = [signal.SIGCONT, signal.SIGWINCH]
        with anyio.open_signal_receiver(*_ENDING, *hangup, *again) as signals:
            async for received in signals:
                if received not in again:
                    await self._send.send(END)
                    continue
                if received is signal.SIGCONT:
                    self._enter()
                await self._send.send(REDRAW)

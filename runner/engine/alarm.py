"""Wakes the engine's loop."""

from __future__ import annotations

import anyio


class Alarm:
    """Rings when something has happened; what happens while nobody sleeps is not missed."""

    def __init__(self) -> None:
        self._rung = anyio.Event()

    def arm(self) -> None:
        """From now on, the next `ring` ends the next sleep. Called before one looks for work."""
        self._rung = anyio.Event()

    def ring(self) -> None:
        """End the sleep, or the next one."""
        self._rung.set()

    async def sleep(self, seconds: float = float("inf")) -> None:
        """Sleep until it rings, or as long as this."""
        with anyio.move_on_after(seconds):
            await self._rung.wait()

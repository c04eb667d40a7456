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

    async def rings(self, within_s: float = float("inf")) -> bool:
        """Sleep until it rings, or as long as this; whether it rang."""
        with anyio.move_on_after(within_s):
            await self._rung.wait()
        return self._rung.is_set()

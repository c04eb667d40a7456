"""An event that wakes the engine's loop."""

from __future__ import annotations

import anyio


class Alarm:
    """An event that can be reset; a `ring` between `arm` and `rings` is not lost."""

    def __init__(self) -> None:
        self._rung = anyio.Event()

    def arm(self) -> None:
        """Resets the alarm. Call it before looking for work, so that no event is missed."""
        self._rung = anyio.Event()

    def ring(self) -> None:
        """Ends the present sleep, or the next one."""
        self._rung.set()

    async def rings(self, within_s: float = float("inf")) -> bool:
        """Sleeps until it rings, for `within_s` seconds at most; whether it rang."""
        with anyio.move_on_after(within_s):
            await self._rung.wait()
        return self._rung.is_set()

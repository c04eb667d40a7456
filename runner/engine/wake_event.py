"""An event that wakes the engine's loop."""

from __future__ import annotations

import anyio


class WakeEvent:
    """An event that can be cleared; a `set` between `clear` and `wait` is not lost."""

    def __init__(self) -> None:
        self._event = anyio.Event()

    def clear(self) -> None:
        """Clears the event. Call it before looking for work, so that nothing is missed."""
        self._event = anyio.Event()

    def set(self) -> None:
        """Ends the present sleep, or the next one."""
        self._event.set()

    async def wait(self, within_s: float = float("inf")) -> bool:
        """Sleeps until it is set, for `within_s` seconds at most; returns whether it was set."""
        with anyio.move_on_after(within_s):
            await self._event.wait()
        return self._event.is_set()

"""What goes on now, for those who look at it: read at most once a second, however many look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import anyio

from runner.app.application import Application
from runner.app.clients import ClientUse
from runner.app.gateway import Gateway
from runner.app.rates import Rates
from runner.app.responses import Status
from runner.engine.progress import Progress

_FRESH_S = 1.0


@dataclass(frozen=True, slots=True)
class Overview:
    """The queue, the allowance and those who spend it, at one moment.

    Attributes:
        status: The batches and the windows; what the engine of this process knows of a batch's
            wait stands in the place of what the database tells.
        progress: What the engine has told last; None: it has told nothing yet.
        rates: By batch that the engine works on, how fast its rows come in.
        clients: Who else spends the allowance today.
    """

    status: Status
    progress: Progress | None
    rates: Mapping[int, Rates]
    clients: tuple[ClientUse, ...]


class LiveOverview:
    """Keeps the latest overview."""

    def __init__(self, midnight: Application, gateway: Gateway) -> None:
        self._midnight = midnight
        self._gateway = gateway
        self._progress: Progress | None = None
        self._rates: dict[int, Rates] = {}
        self._reading = anyio.Lock()
        self._latest: Overview | None = None
        self._read_at = float("-inf")

    def watch(self, progress: Progress) -> None:
        """Take the engine's word; called some times a second while calls are made."""
        self._progress = progress
        for batch in progress.batches:
            self._rates.setdefault(batch.id, Rates()).add(progress.at, [batch])
        for gone in self._rates.keys() - {batch.id for batch in progress.batches}:
            del self._rates[gone]

    def changed(self) -> None:
        """Somebody has changed the queue: what was read of it no longer holds."""
        self._read_at = float("-inf")
        self._gateway.reread()

    async def latest(self) -> Overview:
        """The overview of now, or of a moment ago."""
        async with self._reading:
            if self._latest is None or anyio.current_time() - self._read_at >= _FRESH_S:
                self._read_at = anyio.current_time()
                self._latest = await self._read()
            return self._latest

    async def _read(self) -> Overview:
        status = await self._midnight.status()
        clients = await self._gateway.used_today()
        return Overview(status, self._progress, dict(self._rates), tuple(clients))

"""The live overview for the dashboard, read at most once a second for all viewers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import anyio

from runner.app.accounts.clients import ClientUse
from runner.app.application import Application
from runner.app.serving.gateway import Gateway
from runner.app.status.rates import Rates
from runner.app.status.status import Status
from runner.engine.progress import Progress

_FRESH_S = 1.0


@dataclass(frozen=True, slots=True)
class Overview:
    """The queue, the allowance and its consumers at one moment.

    Attributes:
        status: The batches and the windows.
        progress: The engine's last progress; None if there is none yet.
        rates: The row rates by id of the batches in progress.
        clients: The clients' use of the allowance today.
    """

    status: Status
    progress: Progress | None
    rates: Mapping[int, Rates]
    clients: tuple[ClientUse, ...]


class LiveOverview:
    """Caches the latest overview."""

    def __init__(self, midnight: Application, gateway: Gateway) -> None:
        self._midnight = midnight
        self._gateway = gateway
        self._progress: Progress | None = None
        self._rates: dict[int, Rates] = {}
        self._reading = anyio.Lock()
        self._latest: Overview | None = None
        self._read_at = float("-inf")

    def watch(self, progress: Progress) -> None:
        """Stores the engine's progress; called several times a second while calls are made."""
        self._progress = progress
        for batch in progress.batches:
            self._rates.setdefault(batch.id, Rates()).add(progress.at, [batch])
        for gone in self._rates.keys() - {batch.id for batch in progress.batches}:
            del self._rates[gone]

    def changed(self) -> None:
        """Invalidates the cache after a change of the queue, and notifies the engine."""
        self._read_at = float("-inf")
        self._gateway.reread()

    async def latest(self) -> Overview:
        """Returns the overview, at most a second old."""
        async with self._reading:
            if self._latest is None or anyio.current_time() - self._read_at >= _FRESH_S:
                self._read_at = anyio.current_time()
                self._latest = await self._read()
            return self._latest

    async def _read(self) -> Overview:
        status = await self._midnight.status()
        clients = await self._gateway.used_today()
        return Overview(status, self._progress, dict(self._rates), tuple(clients))

"""What goes on now, for those who look at it: read at most once a second, however many look."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import anyio

from runner.app.application import Application
from runner.app.clients import ClientUse
from runner.app.gateway import Gateway
from runner.app.responses import Status
from runner.engine.progress import Progress

RATE_OVER_MS = 60_000
_SAMPLE_MS = 2_000
_FRESH_S = 1.0


@dataclass(frozen=True, slots=True)
class Overview:
    """The queue, the allowance and those who spend it, at one moment.

    Attributes:
        status: The batches and the windows; what the engine of this process knows of a batch's
            wait stands in the place of what the database tells.
        progress: What the engine has told last; None: it has told nothing yet.
        rates: By batch, the rows that ended in the last minute, as a number per minute.
        clients: Who else spends the allowance today.
    """

    status: Status
    progress: Progress | None
    rates: Mapping[int, float]
    clients: tuple[ClientUse, ...]


class LiveOverview:
    """Keeps the latest overview."""

    def __init__(self, midnight: Application, gateway: Gateway) -> None:
        self._midnight = midnight
        self._gateway = gateway
        self._progress: Progress | None = None
        self._samples: deque[tuple[int, dict[int, int]]] = deque()
        self._reading = anyio.Lock()
        self._latest: Overview | None = None
        self._read_at = float("-inf")

    def watch(self, progress: Progress) -> None:
        """Take the engine's word; called some times a second while calls are made."""
        self._progress = progress
        if self._samples and progress.at - self._samples[-1][0] < _SAMPLE_MS:
            return
        done = {one.id: one.counts.succeeded + one.counts.failed for one in progress.batches}
        self._samples.append((progress.at, done))
        while progress.at - self._samples[0][0] > RATE_OVER_MS:
            self._samples.popleft()

    async def latest(self) -> Overview:
        """The overview of now, or of a moment ago."""
        async with self._reading:
            if self._latest is None or anyio.current_time() - self._read_at >= _FRESH_S:
                self._latest = await self._read()
                self._read_at = anyio.current_time()
            return self._latest

    async def _read(self) -> Overview:
        status = await self._midnight.status()
        clients = await self._gateway.used_today()
        return Overview(status, self._progress, self._rates(status.at), tuple(clients))

    def _rates(self, now: int) -> dict[int, float]:
        """Rows per minute of the batches that the engine works on."""
        found: dict[int, float] = {}
        recent = [one for one in self._samples if now - one[0] <= RATE_OVER_MS]
        for batch_id in recent[-1][1] if recent else ():
            known = [(at, done[batch_id]) for at, done in recent if batch_id in done]
            (first, before), (last, after) = known[0], known[-1]
            if last > first:
                found[batch_id] = max(0, after - before) * 60_000 / (last - first)
        return found

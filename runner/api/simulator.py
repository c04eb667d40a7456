"""A simulated provider for trials, without token, network or cost.

It connects the library to `runner.simulator` instead of the network.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from runner import virtual
from runner.app import application
from runner.clock import Clock, SystemClock
from runner.settings import AccountLimits, AccountSettings, RunSettings, Settings
from runner.simulator import (
    SimulatedProvider,
    SimulatorConfig,
    SimulatorTransport,
    Stats,
    build_app,
)

T = TypeVar("T")

_TOKEN = {"SIMULATOR": "simulated"}
_ACCOUNT = "simulator"


class Simulator:
    """A simulated provider in this process, with a daily allowance and optional faults.

    Its answers are valid but invented, as a function of the question. It remembers what was spent
    during its life time, across several `open_midnight`.

    Args:
        calls_per_day: The account's daily allowance; None means no limit.
        faults: The probability of each fault: ``{"error_500": 0.1, "bad_answer": 0.1}``.
        latency_ms: The minimum and maximum latency of an answer.
        start: The start of virtual time; by default now.
        seed: The seed of every random draw.
        more: Other fields of `runner.simulator.SimulatorConfig`.

    Raises:
        ConfigError: A value is out of range.
    """

    def __init__(
        self,
        *,
        calls_per_day: int | None = 2_000,
        faults: Mapping[str, float] | None = None,
        latency_ms: tuple[int, int] = (5, 20),
        start: datetime | None = None,
        seed: int = 0,
        **more: Any,
    ) -> None:
        defaults: dict[str, Any] = {"calls_per_day_per_model": None, "models": ()}
        self._config = SimulatorConfig(
            calls_per_day=calls_per_day,
            faults=dict(faults or {}),
            latency_ms=latency_ms,
            seed=seed,
            **(defaults | more),
        )
        self._clock: Clock = SystemClock()
        self._reached = int(start.timestamp() * 1000) if start else self._clock.now()
        self._provider = SimulatedProvider(self._config, self._now)

    def _now(self) -> int:
        """Returns the time, in ms, of the program that was last opened with the simulator."""
        with suppress(RuntimeError):  # virtual time stands still while its loop does not run
            self._reached = self._clock.now()
        return self._reached

    def stats(self) -> Stats:
        """Returns the counts so far: ``calls``, ``refused``, and others."""
        return self._provider.stats()

    def rehearse(self, main: Callable[[], Awaitable[T]]) -> T:
        """Runs the async function `main` in virtual time, in which a week passes in seconds.

        It must not be called in a running event loop.
        """
        return virtual.run(main)

    @asynccontextmanager
    async def open(self, db: Path | None) -> AsyncIterator[application.Application]:
        """Opens the program with this provider on `db`; None means a temporary database."""
        loop = asyncio.get_running_loop()
        in_virtual_time = isinstance(loop, virtual.VirtualTimeLoop)
        if in_virtual_time:
            self._clock = virtual.VirtualClock(self._reached - round(loop.time() * 1000))
        with tempfile.TemporaryDirectory(prefix="midnight-simulator-") as folder:
            async with application.open_application(
                self._settings(db or Path(folder) / "queue.db"),
                environ=_TOKEN,
                clock=self._clock,
                transport=SimulatorTransport(build_app(self._provider)),
                random=Random(self._config.seed),  # noqa: S311 - repeatable by intent
                virtual=in_virtual_time,
            ) as midnight:
                try:
                    yield midnight
                finally:
                    self._now()

    def _settings(self, db: Path) -> Settings:
        limits = AccountLimits(calls_per_day=self._config.calls_per_day)
        account = AccountSettings(
            token="env:SIMULATOR",  # noqa: S106 - its name
            base_url="http://simulator/v1",
            limits=limits,
        )
        return Settings(db, {_ACCOUNT: account}, (_ACCOUNT,), RunSettings(), None, {})

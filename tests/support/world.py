"""A whole world in virtual time: a provider, a database, a queue full of rows, and runners."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from random import Random
from typing import Any

import httpx

from runner import virtual
from runner.clock import Clock
from runner.core.states import BatchState
from runner.core.stop_reason import StopReason
from runner.engine.engine import Engine
from runner.engine.options import EngineOptions
from runner.engine.progress import Progress
from runner.engine.run import Run, RunOptions
from runner.jobfile import parse
from runner.providers.account import Account, QuotaOverrides, quotas_of
from runner.providers.endpoint import Endpoint
from runner.providers.presets import preset
from runner.providers.transport import open_transport
from runner.settings import ProviderTable
from runner.simulator import (
    SimulatedProvider,
    SimulatorConfig,
    SimulatorTransport,
    answer,
    build_app,
)
from runner.store import batch_rows, batch_updates, batches, enqueue, integrity, reports
from runner.store.batch_rows import ExportRow
from runner.store.batches import Batch, NewBatch
from runner.store.database import Database
from runner.store.opening import open_database
from runner.store.reports import DayReport

UTC8 = timezone(timedelta(hours=8))
MODEL = "Qwen/Qwen3-8B"
EVENING = datetime(2026, 1, 5, 0, 0, 30, tzinfo=UTC8)
JOB = """
[job]
name = "letters"
model = "{model}"
[prompt]
user = "Which letter is {{{{ text }}}}?"
[answer]
kind = "label"
labels = ["a", "b", "c"]
"""

PICTURES = """
[job]
name = "pictures"
kind = "image"
model = "{{model}}"
[prompt]
user = "{{{{{{{{ text }}}}}}}}"
[images]
folder = "{folder}"
"""

# Of a long run the last pictures will do: keeping them all would keep the garbage collector busy.
LAST_SHOWN = 3_000
NO_OVERRIDES: Mapping[str, ProviderTable] = {}
NO_MODELS: Mapping[str, Mapping[str, str]] = {}


def ms(moment: datetime) -> int:
    """A moment in ms since the epoch."""
    return int(moment.timestamp() * 1000)


def pictures(folder: Path) -> str:
    """A job that has images made and puts them there, for `World.queue`."""
    return PICTURES.format(folder=folder)


@dataclass
class World:
    """A provider, a database and a clock; runners are let loose on them."""

    clock: virtual.VirtualClock
    simulator: SimulatedProvider
    database: Database
    limits: dict[str, int | None]
    reserve: int = 0
    shown: deque[Progress] = field(default_factory=lambda: deque(maxlen=LAST_SHOWN))

    async def queue(
        self,
        rows: int,
        *,
        model: str = MODEL,
        name: str = "letters",
        models: tuple[str, ...] = (),
        job: str = JOB,
        **more: Any,
    ) -> Batch:
        """A batch of `rows` different rows, for one model or several."""
        parsed = parse(job.format(model=model), "letters.toml")
        asked = models or (model,)
        digest = f"{name}:{asked}:{rows}"
        new = NewBatch(name, digest, asked, parsed.to_json(), "in.csv", '["text"]', rows, **more)
        async with self.database.write() as connection:
            batch = await batches.create_batch(connection, new, self.clock.now())
            texts = [f'{{"text":"{name} {number}"}}' for number in range(rows)]
            await enqueue.enqueue(connection, batch, 0, texts)
            await batch_updates.set_batch_state(connection, batch.id, BatchState.ACTIVE)
        return batch

    @asynccontextmanager
    async def engine(
        self,
        *,
        seed: int = 1,
        provider: str = "modelscope",
        overrides: Mapping[str, ProviderTable] = NO_OVERRIDES,
        accounts: Sequence[str] = ("mine",),
        models: Mapping[str, Mapping[str, str]] = NO_MODELS,
        transport: httpx.AsyncBaseTransport | None = None,
        max_concurrency: int = 32,
        account_concurrency: int | None = None,
        drain_s: float = 30.0,
        most_failed: float = 1.0,
        clock: Clock | None = None,
        **wishes: Any,
    ) -> AsyncIterator[Engine]:
        """An engine on this world's database; each account's name is its token, too."""
        found = preset(provider, overrides)
        known = {name: limit for name, limit in self.limits.items() if limit is not None}
        own = {"limits": known, "reserve": self.reserve, **wishes}
        quotas = quotas_of(found, QuotaOverrides(**own))
        provider_itself = SimulatorTransport(build_app(self.simulator))
        async with open_transport(transport or provider_itself) as opened:
            endpoints = [
                Endpoint(
                    Account(
                        name,
                        found,
                        "http://simulator/v1",
                        quotas,
                        found.calls_per_second,
                        models.get(name, {}),
                        found.prices,
                        account_concurrency,
                    ),
                    name,
                    opened,
                )
                for name in accounts
            ]
            options = EngineOptions(max_concurrency, drain_s, most_failed=most_failed)
            engine = Engine(self.database, endpoints, clock or self.clock, options, Random(seed))
            async with engine.running():
                yield engine

    async def run(self, options: RunOptions | None = None, **kwargs: Any) -> StopReason:
        """One engine with one run, to its end."""
        async with self.engine(**kwargs) as engine:
            return await engine.run(self.wanted(options))

    def wanted(self, options: RunOptions | None = None) -> Run:
        """A run whose progress this world keeps."""
        return Run(replace(options or RunOptions(), watcher=self.shown.append))

    async def days(self) -> list[DayReport]:
        """The ledger by day."""
        async with self.database.read() as connection:
            return await reports.daily(connection)

    async def rows(self, batch: Batch) -> list[ExportRow]:
        """Every row of a batch, with its result."""
        async with self.database.read() as connection:
            fresh = await batches.get_batch(connection, batch.id)
            return await batch_rows.export_page(connection, fresh or batch, 0, batch.rows)

    async def batch(self, batch: Batch) -> Batch:
        """The batch as it stands now."""
        async with self.database.read() as connection:
            return await batches.get_batch(connection, batch.id) or batch

    async def defects(self) -> list[str]:
        """What is wrong inside the database."""
        async with self.database.read() as connection:
            return await integrity.defects(connection)

    def local(self) -> datetime:
        """The present moment in UTC+8."""
        return datetime.fromtimestamp(self.clock.now() / 1000, UTC8)


def simulate(
    folder: Path,
    story: Callable[[World], Awaitable[None]],
    *,
    start: datetime = EVENING,
    limits: dict[str, int | None] | None = None,
    reserve: int = 0,
    tick_s: float = 600.0,
    **provider: Any,
) -> None:
    """Tell `story` in a world whose provider is a simulator configured by `provider`."""
    clock = virtual.VirtualClock(ms(start), tick_s)
    defaults: dict[str, Any] = {"calls_per_day": 200, "calls_per_day_per_model": None}
    config = SimulatorConfig(**(defaults | provider))

    async def main() -> None:
        async with open_database(folder / "queue.db", inline=True, durable=False) as database:
            simulator = SimulatedProvider(config, clock.now)
            await story(World(clock, simulator, database, limits or {}, reserve))

    virtual.run(main)


def right_answer(row: ExportRow) -> bool:
    """Whether a row's answer is the one the simulator gives to its prompt."""
    text = row.payload.removeprefix('{"text":"').removesuffix('"}')
    labels = "Answer with exactly one of these labels and nothing else: a | b | c"
    messages = [
        {"role": "system", "content": labels},
        {"role": "user", "content": f"Which letter is {text}?"},
    ]
    return row.answer == answer(messages)

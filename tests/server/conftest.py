"""`midnight serve` against the simulator, each on a port, in the loop of one thread.

The hour is that of a clock which the tests set forward; what waits, waits in real time.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from threading import Event, Thread
from typing import Any, TypeVar

import anyio
import anyio.from_thread
import httpx
import openai
import pytest
from anyio.lowlevel import current_token
from support.waiting import PATIENCE_S

from runner.app.application import Application, open_application
from runner.server.serve import serve
from runner.settings import load_settings
from runner.simulator import SimulatedProvider, SimulatorConfig
from runner.simulator import serve as serve_simulator

T = TypeVar("T")
LOCAL = "127.0.0.1"
MODEL = "Qwen/Qwen3-8B"
UTC8 = timezone(timedelta(hours=8))
MORNING = datetime(2026, 1, 5, 8, tzinfo=UTC8)
CONFIG = """
[accounts.mine]
token = "env:MY_TOKEN"
base_url = "http://127.0.0.1:{port}/v1"
limits = {{ calls_per_second = 500 }}
{account}
{more}
"""
TOKEN = "ms-secret-token-of-the-provider"  # noqa: S105 - it is none


class JumpingClock:
    """A clock that goes on by itself, and is set forward by whoever tests."""

    tick_s = 0.2

    def __init__(self) -> None:
        self._ahead = round(MORNING.timestamp() * 1000) - time.time_ns() // 1_000_000

    def now(self) -> int:
        return time.time_ns() // 1_000_000 + self._ahead

    def jump(self, **by: float) -> None:
        self._ahead += round(timedelta(**by).total_seconds() * 1000)


@dataclass
class Served:
    """A server under test."""

    url: str
    clock: JumpingClock
    simulator: SimulatedProvider
    database: Path
    application: Application
    _token: Any = field(repr=False, default=None)
    _clients: list[openai.OpenAI] = field(default_factory=list)

    def client(self, key: str = "any", **more: Any) -> openai.OpenAI:
        usual: dict[str, Any] = {"max_retries": 0, "timeout": PATIENCE_S}
        made = openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, **(usual | more))
        self._clients.append(made)
        return made

    def close(self) -> None:
        for client in self._clients:
            client.close()

    def http(self, **more: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, trust_env=False, timeout=PATIENCE_S, **more)

    def do(self, work: Callable[..., Awaitable[T]], *args: Any) -> T:
        """Do something in the loop of the server."""
        return anyio.from_thread.run(work, *args, token=self._token)

    def add_key(self, name: str) -> str:
        """Make a key; the server sees it within half a second."""
        clients = self.application.gateway().clients
        made = self.do(clients.add_key, name, self.clock.now())
        auth, until = {"Authorization": f"Bearer {made}"}, time.monotonic() + PATIENCE_S
        with self.http() as http:

            def is_seen() -> bool:
                without = http.get("/v1/models").status_code
                return (without, http.get("/v1/models", headers=auth).status_code) == (401, 200)

            while not is_seen():
                assert time.monotonic() < until
                time.sleep(0.05)
        return made

    def ledger(self, query: str = "SELECT client, state FROM calls ORDER BY id") -> list[Any]:
        from tests.store.releases import rows

        return rows(self.database, query)


Serving = Callable[..., Any]


@pytest.fixture
def serving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Serving:
    """Serve, as a context; keywords are the simulator's."""
    monkeypatch.setenv("MY_TOKEN", TOKEN)

    @contextmanager
    def start(
        config: str = "",
        *,
        account: str = "",
        folder: Path = tmp_path,
        clock: JumpingClock | None = None,
        simulator: SimulatedProvider | None = None,
        **provider: Any,
    ) -> Iterator[Served]:
        own_clock = clock or JumpingClock()
        usual: dict[str, Any] = {
            "latency_ms": (1, 3),
            "calls_per_day_per_model": None,
            "image_ms": (5, 9),
        }
        made = simulator or SimulatedProvider(SimulatorConfig(**(usual | provider)), own_clock.now)
        ready: Future[Served] = Future()
        over = Event()

        async def main() -> None:
            async with _simulated(made) as port:
                path = folder / "midnight.toml"
                path.write_text(CONFIG.format(port=port, account=account, more=config))
                await _serve(path, own_clock, made, ready, over)

        def run() -> None:
            try:
                anyio.run(main)
            except BaseException as error:
                if not ready.done():
                    ready.set_exception(error)
                raise

        thread = Thread(target=run)
        thread.start()
        try:
            found = ready.result(timeout=PATIENCE_S)
            yield found
            found.close()
        finally:
            over.set()
            thread.join(timeout=PATIENCE_S)
            assert not thread.is_alive()

    return start


@pytest.fixture
def served(serving: Serving) -> Iterator[Served]:
    """A server with 200 calls a day."""
    with serving(calls_per_day=200) as found:
        yield found


@asynccontextmanager
async def _simulated(provider: SimulatedProvider) -> AsyncIterator[int]:
    ports: list[int] = []
    listening = anyio.Event()

    def ready(port: int) -> None:
        ports.append(port)
        listening.set()

    async def listen() -> None:
        await serve_simulator(provider, LOCAL, 0, ready=ready)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listen)
        await listening.wait()
        yield ports[0]
        tasks.cancel_scope.cancel()


async def _serve(
    config: Path,
    clock: JumpingClock,
    simulator: SimulatedProvider,
    ready: Future[Served],
    over: Event,
) -> None:
    folder = config.parent
    settings = load_settings(
        db=folder / "queue.db", config=config, account=None, environ={}, cwd=folder
    )
    async with open_application(settings, environ={"MY_TOKEN": TOKEN}, clock=clock) as midnight:
        token, stops = current_token(), list[Callable[[], None]]()

        def listening(port: int) -> None:
            url, database = f"http://{LOCAL}:{port}", folder / "queue.db"
            ready.set_result(Served(url, clock, simulator, database, midnight, token))

        async with anyio.create_task_group() as tasks:

            async def stop_when_over() -> None:
                while not (over.is_set() and stops):  # noqa: ASYNC110 - of another thread
                    await anyio.sleep(0.01)
                for stop in stops:
                    stop()

            tasks.start_soon(stop_when_over)
            await serve(midnight, LOCAL, 0, ready=listening, attended=False, on_start=stops.append)

"""A simulated provider to talk to, on an event loop whose time costs nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta, timezone
from typing import Any

import anyio
import httpx
import pytest

from runner.simulator import SimulatedProvider, SimulatorConfig, SimulatorTransport, build_app

MODEL = "Qwen/Qwen3-8B"
TOKEN = "ms-somebody"  # noqa: S105
NOON = datetime(2026, 11, 20, 12, tzinfo=timezone(timedelta(hours=8)))


class VirtualLoop(asyncio.SelectorEventLoop):
    """Jumps to the next timer as soon as nothing else is left to do."""

    virtual_s = 0.0

    def time(self) -> float:
        return self.virtual_s

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:
            self.virtual_s = max(self.virtual_s, self._scheduled[0]._when)
        super()._run_once()


class World:
    """One simulator, its clock, and clients to call it with."""

    def __init__(self, **settings: Any) -> None:
        self._base_ms = int(NOON.timestamp() * 1000)
        self._loop: VirtualLoop | None = None
        self.config = SimulatorConfig(**{"latency_ms": (0, 0), **settings})
        self.simulator = SimulatedProvider(self.config, self.now)
        self.app = build_app(self.simulator)

    def now(self) -> int:
        elapsed_s = self._loop.time() if self._loop else 0.0
        return self._base_ms + round(elapsed_s * 1000)

    def go_to(self, moment: datetime) -> None:
        self._base_ms = int(moment.timestamp() * 1000)

    def run(self, main: Callable[[], Awaitable[Any]]) -> Any:
        self._loop = VirtualLoop()
        try:
            return anyio.run(main, backend_options={"loop_factory": lambda: self._loop})
        finally:
            self._base_ms, self._loop = self.now(), None

    def client(self, **settings: Any) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=SimulatorTransport(self.app), base_url="http://modelscope.test", **settings
        )

    async def send(self, text: str = "hello", *, token: str = TOKEN, **fields: Any) -> Any:
        """Make one chat call from inside the loop."""
        async with self.client() as client:
            return await client.post(
                "/v1/chat/completions", json=body(text, **fields), headers=bearer(token)
            )

    def chat(self, text: str = "hello", **fields: Any) -> Any:
        return self.run(lambda: self.send(text, **fields))

    def chats(self, count: int, **fields: Any) -> list[Any]:
        """Make chat calls one after another."""

        async def main() -> list[Any]:
            return [await self.send(f"question {number}", **fields) for number in range(count)]

        return self.run(main)

    def together(self, count: int, **fields: Any) -> list[Any]:
        """Make chat calls all at once; replies in order of the calls."""

        async def main() -> list[Any]:
            return list(
                await asyncio.gather(*(self.send(f"question {n}", **fields) for n in range(count)))
            )

        return self.run(main)

    def post(self, content: bytes, token: str = TOKEN) -> Any:
        return self.run(
            lambda: self.client().post(
                "/v1/chat/completions", content=content, headers=bearer(token)
            )
        )

    def get(self, path: str, token: str | None = None) -> Any:
        headers = {} if token is None else bearer(token)
        return self.run(lambda: self.client().get(path, headers=headers))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def body(text: str = "hello", *, model: str = MODEL, **fields: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}], **fields}


def error_of(reply: httpx.Response) -> dict[str, Any]:
    """Return the inner error object, whatever envelope it came in."""
    content = reply.json()
    return content.get("error") or content.get("errors") or content


def quotas(reply: httpx.Response) -> list[str | None]:
    """Return account limit, account left, model limit, model left."""
    names: Iterable[str] = (
        "requests-limit",
        "requests-remaining",
        "model-requests-limit",
        "model-requests-remaining",
    )
    return [reply.headers.get(f"modelscope-ratelimit-{name}") for name in names]


@pytest.fixture(name="world")
def _world() -> Callable[..., World]:
    """Return the factory of worlds; its settings are those of the configuration."""
    return World


@pytest.fixture(name="error_of")
def _error_of() -> Callable[[httpx.Response], dict[str, Any]]:
    return error_of


@pytest.fixture(name="quotas")
def _quotas() -> Callable[[httpx.Response], list[str | None]]:
    return quotas

"""Values of pages that are computed while nobody waits for them."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from runner.server.dashboard.cached import Cached, Computations


@pytest.mark.anyio
async def test_a_computation_ends_before_what_it_uses_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("runner.server.dashboard.cached.SOON_S", 0)
    order: list[str] = []

    async def compute() -> int:
        try:
            await anyio.sleep_forever()
        finally:
            order.append("computation")
        return 1

    computations = Computations()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(computations.work)
        assert await Cached(compute, computations).soon() is None
        tasks.cancel_scope.cancel()
    order.append("database")
    assert order == ["computation", "database"]


@pytest.mark.anyio
async def test_a_computation_that_fails_with_nobody_waiting_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("runner.server.dashboard.cached.SOON_S", 0)
    go_on = anyio.Event()

    async def compute() -> int:
        await go_on.wait()
        raise OSError("no disk")

    cached = Cached(compute, Computations())
    assert await cached.soon() is None
    go_on.set()
    await anyio.lowlevel.checkpoint()
    await anyio.lowlevel.checkpoint()
    assert "no disk" in caplog.text

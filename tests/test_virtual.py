"""Virtual time: days pass at once, in order, and a standstill is reported."""

from __future__ import annotations

import time

import anyio
import pytest
from aiolimiter import AsyncLimiter
from support.waiting import PATIENCE_S

from runner import virtual


def test_a_week_passes_at_once() -> None:
    begun = time.monotonic()

    async def main() -> float:
        await anyio.sleep(7 * 24 * 3600)
        return anyio.current_time()

    assert virtual.run(main) >= 7 * 24 * 3600
    assert time.monotonic() - begun < PATIENCE_S


def test_timers_fire_in_the_order_of_their_moments() -> None:
    fired: list[int] = []

    async def main() -> None:
        async def after(hours: int) -> None:
            await anyio.sleep(hours * 3600)
            fired.append(hours)

        async with anyio.create_task_group() as tasks:
            for hours in (5, 1, 3):
                tasks.start_soon(after, hours)

    virtual.run(main)
    assert fired == [1, 3, 5]


def test_the_wall_clock_goes_with_the_loop_and_can_be_set() -> None:
    clock = virtual.VirtualClock(1_000)

    async def main() -> list[int]:
        seen = [clock.now()]
        await anyio.sleep(60)
        seen.append(clock.now())
        clock.jump(-30_000)
        seen.append(clock.now())
        return seen

    assert virtual.run(main) == [1_000, 61_000, 31_000]


def test_a_thread_is_waited_for() -> None:
    async def main() -> str:
        return await anyio.to_thread.run_sync(lambda: "done")

    assert virtual.run(main) == "done"


def test_a_limiter_whose_wait_is_below_the_clocks_precision_goes_on() -> None:
    """Aiolimiter asks again at once when its wait rounds to nothing; time must move."""

    async def main() -> None:
        limiter = AsyncLimiter(10, 1)
        await anyio.sleep(86_390.3)
        for _ in range(40):
            await limiter.acquire(9)

    virtual.run(main)


def test_a_standstill_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtual, "PATIENCE_S", 0.01)

    async def main() -> None:
        await anyio.Event().wait()

    with pytest.raises(virtual.Stalled):
        virtual.run(main)

"""Machines whose clocks are wrong, and replies whose Date is: whole runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from runner.core.demand import Rules
from runner.core.pacing import Pace
from runner.core.stop_reason import StopReason
from runner.core.time_units import HOUR_MS
from runner.engine.run import RunOptions
from runner.simulator import SimulatorTransport, build_app
from tests.support.world import World, pictures, simulate

ASAP = RunOptions(rules=Rules(Pace.ASAP))
DAY = timedelta(days=1)


@dataclass
class WrongClock:
    """A machine's clock: the true one and some more."""

    world: World
    ahead: timedelta = timedelta(0)
    tick_s: float = 600.0

    def now(self) -> int:
        return self.world.clock.now() + round(self.ahead.total_seconds() * 1000)


@pytest.mark.parametrize(
    "ahead", [timedelta(days=3), timedelta(hours=7), -timedelta(hours=7), -timedelta(days=3)]
)
def test_a_machine_with_a_wrong_clock_loses_no_day(tmp_path: Path, ahead: timedelta) -> None:
    async def story(world: World) -> None:
        batch = await world.queue(150)
        began = world.local()
        assert await world.run(ASAP, clock=WrongClock(world, ahead)) is StopReason.DONE
        assert (world.local() - began) < 2.1 * DAY, "60 calls a day: the third day's morning"
        stats = world.simulator.stats()
        assert (stats.calls, (await world.batch(batch)).counts.succeeded) == (150, 150)

    simulate(tmp_path, story, calls_per_day=60)


def test_a_clock_that_jumps_by_a_day_and_back_costs_no_allowance(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.queue(210)
        began = world.local()
        clock = WrongClock(world)

        async def jump() -> None:
            await anyio.sleep(10)
            clock.ahead = DAY
            await anyio.sleep(20 * 3600)
            clock.ahead = timedelta(0)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(jump)
            assert await world.run(clock=clock) is StopReason.DONE
        assert world.local() - began < 3.2 * DAY
        assert world.simulator.stats().calls == 210

    simulate(tmp_path, story, calls_per_day=60)


def test_a_laptop_that_sleeps_over_midnight_knows_the_new_day(tmp_path: Path) -> None:
    """While it sleeps, time passes on the provider's clock and on ours, not in the loop."""

    async def story(world: World) -> None:
        await world.queue(120)

        async def sleep() -> None:
            await anyio.sleep(3600)
            world.clock.jump(round(DAY.total_seconds() * 1000))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(sleep)
            assert await world.run(ASAP) is StopReason.DONE
            assert anyio.current_time() < 2 * 3600
        assert world.simulator.stats().calls == 120

    simulate(tmp_path, story, calls_per_day=60)


@dataclass
class Lying:
    """The simulator, with the Date of one reply in so many replaced."""

    world: World
    date: str
    every: int
    calls: int = 0
    inner: Any = field(init=False)

    def __post_init__(self) -> None:
        self.inner = SimulatorTransport(build_app(self.world.simulator))

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        reply: httpx.Response = await self.inner.handle_async_request(request)
        self.calls += 1
        if self.calls % self.every == 0:
            reply.headers["date"] = self.date
        return reply


@pytest.mark.parametrize("every", [1, 2, 10])
@pytest.mark.parametrize(
    "date", ["Tue, 19 Jan 2038 03:14:07 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", "not a date"]
)
def test_a_date_that_is_wrong_moves_nothing(tmp_path: Path, date: str, every: int) -> None:
    async def story(world: World) -> None:
        await world.queue(90)
        began = world.local()
        transport = httpx.MockTransport(Lying(world, date, every))
        assert await world.run(ASAP, transport=transport) is StopReason.DONE
        assert world.local() - began < 1.1 * DAY
        assert world.simulator.stats().calls == 90

    simulate(tmp_path, story, calls_per_day=60)


@pytest.mark.parametrize("ahead", [timedelta(hours=25), timedelta(hours=-1)])
def test_image_tasks_are_polled_by_the_providers_clock(tmp_path: Path, ahead: timedelta) -> None:
    """By the machine's, a paid task would be a day old at its first poll, or due in an hour."""

    async def story(world: World) -> None:
        batch = await world.queue(4, job=pictures(tmp_path / "made"))
        began = world.local()
        assert await world.run(ASAP, clock=WrongClock(world, ahead)) is StopReason.DONE
        assert {(row.state, row.error) for row in await world.rows(batch)} == {("succeeded", None)}
        assert world.local() - began < timedelta(minutes=5)
        assert world.simulator.stats().images == 4

    simulate(tmp_path, story, image_ms=(60_000, 90_000))


@pytest.mark.parametrize("jump", [timedelta(hours=25), timedelta(hours=-25)])
def test_a_jump_of_the_clock_gives_up_no_image(tmp_path: Path, jump: timedelta) -> None:
    async def story(world: World) -> None:
        batch = await world.queue(4, job=pictures(tmp_path / "made"))
        began, clock = world.local(), WrongClock(world, tick_s=5.0)

        async def set_clock() -> None:
            await anyio.sleep(30)
            clock.ahead = jump

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(set_clock)
            assert await world.run(ASAP, clock=clock) is StopReason.DONE
        assert {(row.state, row.error) for row in await world.rows(batch)} == {("succeeded", None)}
        assert world.local() - began < timedelta(minutes=5)

    simulate(tmp_path, story, image_ms=(60_000, 90_000), tick_s=5.0)


@pytest.mark.parametrize("ahead", [DAY, -DAY])
def test_balances_are_stored_by_the_providers_clock(tmp_path: Path, ahead: timedelta) -> None:
    """By the machine's, a balance would open the window of another day."""

    async def story(world: World) -> None:
        await world.queue(20)
        assert await world.run(ASAP, clock=WrongClock(world, ahead)) is StopReason.DONE
        async with world.database.read() as connection:
            seen = await connection.exec_driver_sql("SELECT at_ms, until_ms FROM balances")
            opened = await connection.exec_driver_sql(
                "SELECT counted_at_ms, starts_at_ms FROM windows"
            )
            moments = [moment for row in [*seen, *opened] for moment in row]
        assert all(abs(moment - world.clock.now()) < HOUR_MS for moment in moments), moments

    simulate(tmp_path, story, credits=250.0, calls_per_day=None)

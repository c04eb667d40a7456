"""Days of credits: logins at odd hours, and nothing that was granted expires unspent."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from random import Random

import anyio
import httpx
import pytest

from runner.core.demand import Rules
from runner.core.forecast import Forecast
from runner.core.pacing import Pace
from runner.engine.progress import Progress
from runner.engine.run import Run, RunOptions
from runner.errors import UnauthorisedError
from runner.simulator import SimulatorTransport, Stats, build_app
from tests.support.world import EVENING, MODEL, World, ms, simulate

HOUR = 3_600_000
DAY = 24 * HOUR
CREDITS = {"calls_per_day": None, "calls_per_day_per_model": None, "credits_need_login": True}
BEGIN = ms(EVENING)
FAR = BEGIN + 99 * DAY


@dataclass
class Days:
    """What became of some days: what was foretold half an hour after each login, and each call."""

    logins: Sequence[int]
    grant: int = 250
    foretold: list[tuple[int, Forecast | None]] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)
    stats: list[Stats] = field(default_factory=list)

    @property
    def spent(self) -> int:
        return self.stats[-1].calls

    async def live(self, world: World, rows: int, pace: Pace) -> None:
        """A run that has more to do than is granted, until the last grant has expired."""
        await world.queue(rows)
        async with world.engine() as engine, anyio.create_task_group() as tasks:
            run = Run(RunOptions(rules=Rules(pace)))
            tasks.start_soon(self._log_in, world, run)

            async def stop() -> None:
                await anyio.sleep((self.logins[-1] + DAY + HOUR - world.clock.now()) / 1000)
                engine.stop(run)

            tasks.start_soon(stop)
            await engine.run(run)
            tasks.cancel_scope.cancel()
        self.stats.append(world.simulator.stats())
        async with world.database.read() as connection:
            result = await connection.exec_driver_sql(
                "SELECT settled_at_ms FROM calls WHERE state = 'done' ORDER BY id"
            )
            self.calls += [row[0] for row in result]

    async def _log_in(self, world: World, run: Run) -> None:
        for moment in self.logins:
            await anyio.sleep((moment - world.clock.now()) / 1000)
            world.simulator.grant("mine", self.grant, DAY)
            await anyio.sleep(1_800)
            shown = anyio.Event()
            run.options = replace(run.options, watcher=partial(self._keep, shown))
            await shown.wait()
            run.options = replace(run.options, watcher=None)

    def _keep(self, shown: anyio.Event, progress: Progress) -> None:
        if not shown.is_set():
            self.foretold.append((progress.at, progress.forecast))
            shown.set()


def live(folder: Path, days: Days, rows: int, pace: Pace, price: float) -> Days:
    async def story(world: World) -> None:
        await days.live(world, rows, pace)

    simulate(folder, story, tick_s=600, credits=0.0, prices={MODEL: price}, **CREDITS)
    return days


def odd_hours(days: int, seed: int) -> list[int]:
    """Once a day, at any minute of it: up to two days lie between two logins, or a minute."""
    random = Random(seed)
    return [BEGIN + day * DAY + random.randrange(DAY) for day in range(days)]


def check_all_is_spent(days: Days, price: float) -> None:
    assert days.spent * price == len(days.logins) * days.grant, "to the last credit"
    assert days.stats[-1].refused <= len(days.logins)


def check_the_end_of_the_credits_was_foretold(days: Days) -> None:
    """Of those at hand half an hour after a login, unless another login has changed everything."""
    checked = 0
    for (at, told), following in zip(days.foretold, [*days.logins[1:], FAR], strict=True):
        assert told is not None
        assert told.paid is not None
        if told.paid and told.paid_until is not None and told.paid_until < following:
            ended = days.calls[bisect(days.calls, at) + told.paid - 1]
            assert abs(told.paid_until - ended) <= 2 * HOUR
            checked += 1
    assert checked >= len(days.logins) // 3


@pytest.mark.parametrize(("pace", "price"), [(Pace.AUTO, 2.0), (Pace.ASAP, 1.0)])
def test_what_is_granted_while_work_waits_is_spent_before_it_expires(
    tmp_path: Path, pace: Pace, price: float
) -> None:
    days = live(tmp_path, Days(odd_hours(3, seed=1), grant=50), 400, pace, price)
    check_all_is_spent(days, price)


@pytest.mark.parametrize(
    ("count", "rows", "pace", "price"),
    [
        pytest.param(7, 2_250, Pace.AUTO, 2.0, marks=pytest.mark.slow),
        pytest.param(14, 4_500, Pace.AUTO, 2.0, marks=pytest.mark.nightly),
        pytest.param(14, 4_500, Pace.ASAP, 1.0, marks=pytest.mark.nightly),
    ],
)
def test_a_fortnight_of_logins_at_odd_hours_loses_no_credit(
    tmp_path: Path, count: int, rows: int, pace: Pace, price: float
) -> None:
    """Or a week, where there is less time."""
    days = live(tmp_path, Days(odd_hours(count, seed=2)), rows, pace, price)
    check_all_is_spent(days, price)
    if pace is Pace.AUTO:
        check_the_end_of_the_credits_was_foretold(days)


@pytest.mark.slow
def test_a_light_model_costs_half_of_what_it_was_taken_to_and_no_credit_is_lost(
    tmp_path: Path,
) -> None:
    days = live(tmp_path, Days(odd_hours(4, seed=3)), 2_500, Pace.AUTO, 0.5)
    check_all_is_spent(days, 0.5)


@pytest.mark.parametrize("count", [2, pytest.param(10, marks=pytest.mark.nightly)])
def test_the_finish_is_foretold_to_within_two_hours_if_one_logs_in_each_day(
    tmp_path: Path, count: int
) -> None:
    """At a quarter past three, say; 125 calls a day, and 100 on the last one."""
    logins = [BEGIN + day * DAY + 11_700_000 for day in range(count)]
    rows = 125 * count - 25
    days = live(tmp_path, Days(logins), rows, Pace.AUTO, 2.0)
    assert days.spent == rows
    for _, told in days.foretold:
        assert told is not None
        assert abs(told.finish_at - days.calls[-1]) <= 2 * HOUR


def test_a_good_balance_and_calls_that_are_refused_are_told_apart(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        inner = SimulatorTransport(build_app(world.simulator))

        async def answer(request: httpx.Request) -> httpx.Response:
            if request.method == "POST":
                return httpx.Response(403, json={"message": "Forbidden"})
            return await inner.handle_async_request(request)

        await world.queue(10)
        with pytest.raises(UnauthorisedError) as caught:
            await world.run(transport=httpx.MockTransport(answer))
        assert "verify the account's e-mail" in (caught.value.remedy or "")
        assert world.simulator.stats().calls == 0

    credits_of_a_day = {"calls_per_day": None, "calls_per_day_per_model": None, "credits": 250.0}
    simulate(tmp_path, story, **credits_of_a_day)

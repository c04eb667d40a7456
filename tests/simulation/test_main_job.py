"""The main job in virtual time: real engine, real store, real HTTP client, simulated provider.

The figures are the main job's at a tenth: 1,000 rows at 200 calls a day; one test runs it whole.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import anyio
import pytest
from support.world import UTC8, World, right_answer, simulate

from runner.core.demand import Rules
from runner.core.pacing import Pace
from runner.core.stop_reason import StopReason, WaitsFor
from runner.engine.run import RunOptions

MIDNIGHT = datetime(2026, 1, 6, tzinfo=UTC8)
FIFTH_DAY = datetime(2026, 1, 9, tzinfo=UTC8)


async def all_answered(world: World, batch: object) -> None:
    rows = await world.rows(batch)  # type: ignore[arg-type]
    assert all(row.state == "succeeded" for row in rows)
    assert all(right_answer(row) for row in rows)
    assert await world.defects() == []


@pytest.mark.parametrize(("pace", "a_day"), [(Pace.AUTO, 200), (Pace.ASAP, 80), (Pace.EVEN, 80)])
def test_the_rows_of_five_days_take_as_many_calls_in_five_days(
    tmp_path: Path, pace: Pace, a_day: int
) -> None:
    """With headers there is no refusal at all, at any pace."""
    rows = 5 * a_day

    async def story(world: World) -> None:
        batch = await world.queue(rows)
        assert await world.run(RunOptions(rules=Rules(pace))) is StopReason.DONE
        await all_answered(world, batch)
        assert [day.calls for day in await world.days()] == [a_day] * 5
        assert (world.simulator.stats().calls, world.simulator.stats().refused) == (rows, 0)
        assert FIFTH_DAY < world.local() < FIFTH_DAY + timedelta(days=1)

    simulate(tmp_path, story, calls_per_day=a_day)


@pytest.mark.slow
def test_ten_thousand_rows_at_two_thousand_a_day_take_ten_thousand_calls_in_five_days(
    tmp_path: Path,
) -> None:
    """The whole of it: one night's promise, kept to the call."""

    async def story(world: World) -> None:
        batch = await world.queue(10_000)
        assert await world.run() is StopReason.DONE
        await all_answered(world, batch)
        assert [day.calls for day in await world.days()] == [2000] * 5
        assert (world.simulator.stats().calls, world.simulator.stats().refused) == (10_000, 0)
        assert FIFTH_DAY < world.local() < FIFTH_DAY + timedelta(hours=1)

    simulate(tmp_path, story, calls_per_day=2000)


@pytest.mark.parametrize("pace", list(Pace))
def test_without_headers_a_lower_limit_is_learned_from_a_refusal_and_a_probe(
    tmp_path: Path, pace: Pace
) -> None:
    """Far from the limit that was known, one refusal may pass: the probe after it is believed."""

    async def story(world: World) -> None:
        batch = await world.queue(600)
        await world.run(RunOptions(rules=Rules(pace)))
        await all_answered(world, batch)
        first, *later = await world.days()
        in_flight = world.simulator.stats().max_in_flight
        assert 2 <= first.throttled <= in_flight + 2, "and a try in the evening"
        assert all(day.throttled <= 1 for day in later), "the limit is tried once a day"
        assert [day.succeeded for day in (first, *later)] == [150] * 4

    simulate(tmp_path, story, calls_per_day=150, headers=False)


def test_an_ambiguous_refusal_costs_one_probe_more(tmp_path: Path) -> None:
    """A burst or a spent day: the second refusal, of a call that flew alone, tells."""

    async def story(world: World) -> None:
        batch = await world.queue(300)
        await world.run()
        await all_answered(world, batch)
        first, *later = await world.days()
        assert 2 <= first.throttled <= 2 + world.simulator.stats().max_in_flight
        assert [day.succeeded for day in later] == [100, 100]
        assert all(day.throttled <= 1 for day in later), "the limit is tried once a day"

    simulate(tmp_path, story, calls_per_day=100, headers=False, account_refusal="ambiguous")


def test_after_each_reset_one_probe_goes_first(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.queue(600)
        await world.run(RunOptions(rules=Rules(Pace.ASAP)))
        async with world.database.read() as connection:
            rows = await connection.exec_driver_sql(
                "SELECT period_key, probe, reserved_at_ms, settled_at_ms FROM calls ORDER BY id"
            )
            calls = rows.all()
        for day in sorted({call.period_key for call in calls}):
            first, *others = [call for call in calls if call.period_key == day]
            assert first.probe == 1
            assert all(other.reserved_at_ms >= first.settled_at_ms for other in others)
            assert not any(other.probe for other in others)

    simulate(tmp_path, story)


def test_a_stranger_on_the_account_costs_days_but_no_refusal(tmp_path: Path) -> None:
    """Somebody else spends 20 of the 200 each day: 600 rows take four days."""

    async def story(world: World) -> None:
        batch = await world.queue(600)
        await world.run()
        await all_answered(world, batch)
        assert [day.calls for day in await world.days()] == [180, 180, 180, 60]
        assert world.simulator.stats().refused == 0

    simulate(tmp_path, story, foreign_calls_per_day=20)


def test_a_model_capped_below_the_account_stops_at_its_cap_and_goes_on_next_day(
    tmp_path: Path,
) -> None:
    async def story(world: World) -> None:
        batch = await world.queue(250)
        await world.run()
        await all_answered(world, batch)
        assert [day.calls for day in await world.days()] == [100, 100, 50]
        assert world.simulator.stats().refused == 0

    simulate(tmp_path, story, calls_per_day=2000, calls_per_day_per_model=100)


def test_one_models_spent_cap_never_holds_up_another(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        capped = await world.queue(150, name="capped")
        free = await world.queue(300, name="free", model="Qwen/Qwen3-32B")
        await world.run(RunOptions(rules=Rules(Pace.ASAP)))
        await all_answered(world, capped)
        await all_answered(world, free)
        assert [day.calls for day in await world.days()] == [50 + 300, 50, 50]
        assert world.simulator.stats().refused == 0

    simulate(
        tmp_path,
        story,
        calls_per_day=1000,
        model_limits={"Qwen/Qwen3-8B": 50, "Qwen/Qwen3-32B": 400},
    )


@pytest.mark.parametrize("headers", [True, False])
def test_a_reset_seven_minutes_late_costs_a_few_probes_and_nothing_of_the_day(
    tmp_path: Path, *, headers: bool
) -> None:
    async def story(world: World) -> None:
        batch = await world.queue(300)
        await world.run()
        await all_answered(world, batch)
        first, *later = await world.days()
        assert first.succeeded >= 100
        assert all(day.throttled <= 4 for day in later)
        assert len(later) == 2

    ten_past = datetime(2026, 1, 5, 0, 10, tzinfo=UTC8)
    simulate(tmp_path, story, start=ten_past, calls_per_day=100, reset_late_s=420, headers=headers)


def test_what_the_user_reserves_is_left_untouched(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.queue(300)
        await world.run()
        assert [day.calls for day in await world.days()] == [150, 150]

    simulate(tmp_path, story, reserve=50)


def test_the_same_seed_gives_the_same_run(tmp_path: Path) -> None:
    """To the millisecond of every call."""
    runs: list[list[tuple[object, ...]]] = []

    async def story(world: World) -> None:
        await world.queue(150)
        await world.run()
        async with world.database.read() as connection:
            calls = await connection.exec_driver_sql("SELECT * FROM calls ORDER BY id")
            runs.append([tuple(call) for call in calls])

    for attempt in ("first", "second"):
        folder = tmp_path / attempt
        folder.mkdir()
        simulate(
            folder,
            story,
            calls_per_day=100,
            seed=7,
            faults={"error_500": 0.1, "throttle": 0.1, "bad_answer": 0.1, "drop": 0.05},
        )
    assert runs[0] == runs[1]


@pytest.mark.slow
def test_two_runners_share_the_queue_and_the_budget(tmp_path: Path) -> None:
    """No row is asked twice, and the day's limit holds for both together."""

    async def story(world: World) -> None:
        batch = await world.queue(500)
        async with (
            world.engine(seed=1) as one,
            world.engine(seed=2) as other,
            anyio.create_task_group() as tasks,
        ):
            for engine in (one, other):
                tasks.start_soon(engine.run, world.wanted(RunOptions(rules=Rules(Pace.ASAP))))
        await all_answered(world, batch)
        assert [day.calls for day in await world.days()] == [200, 200, 100]
        assert (world.simulator.stats().calls, world.simulator.stats().refused) == (500, 0)
        async with world.database.read() as connection:
            shares = await connection.exec_driver_sql(
                "SELECT COUNT(*) FROM calls GROUP BY runner_id"
            )
            assert all(share > 50 for share in shares.scalars())

    simulate(tmp_path, story, tick_s=60)


def test_no_wait_does_what_today_allows_and_stops(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        batch = await world.queue(300)
        options = RunOptions(rules=Rules(Pace.ASAP), waits_for=WaitsFor.CALLS)
        assert await world.run(options) is StopReason.SPENT
        assert world.local() < MIDNIGHT
        assert (await world.batch(batch)).counts.succeeded == 200
        assert await world.run(options) is StopReason.SPENT, "asking again spends nothing"
        assert world.simulator.stats().calls == 200

    simulate(tmp_path, story)

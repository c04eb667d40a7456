"""Quotas of every kind against a provider that enforces them: no refusal that could be avoided."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from support.world import EVENING, UTC8, World, ms, right_answer, simulate

from runner.core.demand import Rules
from runner.core.grants import Expiry, expiring, infer
from runner.core.hours import read_hours
from runner.core.pacing import Pace
from runner.core.stop_reason import StopReason, WaitsFor
from runner.engine.run import RunOptions
from runner.providers.presets import preset
from runner.settings import ProviderTable
from runner.simulator import SimulatorTransport, build_app
from runner.store import balances

ASAP = RunOptions(rules=Rules(Pace.ASAP))
NO_WAIT = RunOptions(rules=Rules(Pace.ASAP), waits_for=WaitsFor.CALLS)


def provider(**quotas: dict[str, Any]) -> dict[str, Any]:
    """A provider that no preset knows, by its quotas."""
    table = ProviderTable.model_validate({"zone": "UTC", "quotas": quotas})
    return {"provider": "owl", "overrides": {"owl": table}}


MINUTE = {"scope": "account", "unit": "calls", "period": "rolling 1m", "limit": 6}


def test_a_limit_a_minute_is_kept_to_without_a_refusal(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        batch = await world.queue(40)
        began = world.clock.now()
        assert await world.run(ASAP, **provider(a_minute=MINUTE)) is StopReason.DONE
        assert world.simulator.stats().refused == 0
        assert all(map(right_answer, await world.rows(batch)))
        minutes = (world.clock.now() - began) / 60_000
        assert 6 <= minutes <= 8  # 40 calls at 6 a minute, and a second of grain in each

    simulate(tmp_path, story, calls_per_day=None, calls_per_minute=6, headers=False)


def test_tokens_a_minute_are_kept_to_by_what_calls_have_used(tmp_path: Path) -> None:
    tokens = {"scope": "account", "unit": "tokens", "period": "rolling 1m", "limit": 600}

    async def story(world: World) -> None:
        batch = await world.queue(60)
        rule = {"message": "current quota", "verdict": "throttled", "quota": "tokens", "wait_s": 20}
        known = provider(tokens=tokens)
        table = known["overrides"]["owl"].model_dump(exclude_unset=True) | {"errors": [rule]}
        known["overrides"] = {"owl": ProviderTable.model_validate(table)}
        assert await world.run(ASAP, **known) is StopReason.DONE
        assert (await world.batch(batch)).counts.succeeded == 60
        assert world.simulator.stats().refused <= 1

    simulate(tmp_path, story, calls_per_day=None, tokens_per_minute=600, headers=False)


def test_a_bucket_that_refills_is_emptied_and_then_followed_drop_by_drop(tmp_path: Path) -> None:
    """Fifty at once, and then one every half an hour, all day and night."""
    bucket = {"scope": "account", "unit": "calls", "period": "refill 24h", "limit": 48}

    async def story(world: World) -> None:
        await world.queue(96)
        began = world.clock.now()
        assert await world.run(ASAP, **provider(a_day=bucket)) is StopReason.DONE
        assert world.simulator.stats().refused == 0
        assert (world.clock.now() - began) / 3_600_000 == pytest.approx(24, abs=0.6)

    simulate(tmp_path, story, calls_per_day=None, refill_calls=(48, 86_400_000), headers=False)


@pytest.mark.slow
def test_a_month_and_a_day_bind_together(tmp_path: Path) -> None:
    """Ten a day, but only 45 in January: the rest is February's."""
    month = {"scope": "account", "unit": "calls", "period": "month of Asia/Shanghai", "limit": 45}
    day = {"scope": "account", "unit": "calls", "period": "day of Asia/Shanghai", "limit": 10}

    async def story(world: World) -> None:
        await world.queue(60)
        assert await world.run(ASAP, **provider(a_day=day, a_month=month)) is StopReason.DONE
        assert world.simulator.stats().refused == 0
        days = {day.day: day.calls for day in await world.days()}
        assert list(days.values()) == [10, 10, 10, 10, 5, 10, 5]
        assert list(days)[-2:] == ["2026-02-01", "2026-02-02"]

    simulate(tmp_path, story, calls_per_day=10, calls_per_month=45, headers=False)


@pytest.mark.parametrize("evening", ["2026-03-07", "2026-10-31"])
def test_days_of_changing_clocks_are_used_up_once_each(tmp_path: Path, evening: str) -> None:
    day = {"scope": "account", "unit": "calls", "period": "day of America/Los_Angeles", "limit": 20}

    async def story(world: World) -> None:
        await world.queue(60)
        assert await world.run(**provider(a_day=day)) is StopReason.DONE
        assert world.simulator.stats().refused == 0
        assert [day.calls for day in await world.days()] == [20, 20, 20]

    start = datetime.fromisoformat(f"{evening}T10:00:00+00:00")
    simulate(
        tmp_path, story, start=start, calls_per_day=20, zone="America/Los_Angeles", headers=False
    )


# credits


CREDITS = {"calls_per_day": None, "calls_per_day_per_model": None}


@pytest.mark.slow
def test_credits_are_spent_to_the_last_and_the_next_grant_is_used(tmp_path: Path) -> None:
    """Fifty a day at half a credit a call: a hundred calls a day, whatever was once published."""

    async def story(world: World) -> None:
        batch = await world.queue(250)
        assert await world.run(ASAP) is StopReason.DONE
        assert (await world.batch(batch)).counts.succeeded == 250
        assert world.simulator.stats().refused == 0
        assert [day.calls for day in await world.days()] == [100, 100, 50]

    prices = {"Qwen/Qwen3-8B": 0.5}
    simulate(tmp_path, story, tick_s=60, credits=50.0, prices=prices, **CREDITS)


def test_without_credits_nothing_is_spent_until_somebody_logs_in(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        batch = await world.queue(30)
        async with anyio.create_task_group() as tasks:

            async def log_in() -> None:
                await anyio.sleep(3 * 3600)
                assert world.simulator.stats().calls == 0
                world.simulator.grant("mine", 250, 86_400_000)

            tasks.start_soon(log_in)
            assert await world.run(ASAP) is StopReason.DONE
        assert (await world.batch(batch)).counts.succeeded == 30
        waits = [reason.cause for shown in world.shown for reason in shown.waiting]
        assert "spent" in waits
        assert world.simulator.stats().refused == 0

    simulate(tmp_path, story, tick_s=60, credits=250.0, credits_need_login=True, **CREDITS)


def test_what_is_left_and_pays_for_no_call_is_nothing(tmp_path: Path) -> None:
    """Half a credit is left of five and a half: that is spent, and no reset is awaited."""

    async def story(world: World) -> None:
        await world.queue(30)
        assert await world.run(NO_WAIT) is StopReason.SPENT
        assert world.simulator.stats().calls == 5
        assert [reason.cause for reason in world.shown[-1].waiting] == ["spent"]

    simulate(tmp_path, story, credits=5.5, **CREDITS)


def test_without_credits_and_without_waiting_the_run_ends_at_no_cost(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.queue(30)
        assert await world.run(NO_WAIT) is StopReason.SPENT
        assert world.simulator.stats().calls == 0

    simulate(tmp_path, story, credits=250.0, credits_need_login=True, **CREDITS)


class HangingBalance(SimulatorTransport):
    """The provider, but its balance endpoint never answers."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if "balance" in request.url.path:
            await anyio.Event().wait()
        return await super().handle_async_request(request)


def test_a_balance_that_hangs_holds_up_the_first_call_for_seconds_and_no_other(
    tmp_path: Path,
) -> None:
    async def story(world: World) -> None:
        await world.queue(100)
        hanging = HangingBalance(build_app(world.simulator))
        assert (
            await world.run(ASAP, transport=hanging, accounts=("mine", "other")) is StopReason.DONE
        )
        assert world.clock.now() - ms(EVENING) < 5_000 + 70_000
        gaps = [b.at - a.at for a, b in pairwise(world.shown)]
        assert max(gaps) < 6_000

    simulate(tmp_path, story, latency_ms=(1_000, 1_000))


def test_a_balance_is_seen_change_by_change_and_a_grant_is_known_to_within_two_looks(
    tmp_path: Path,
) -> None:
    async def story(world: World) -> None:
        await world.queue(300)
        async with anyio.create_task_group() as tasks:

            async def log_in() -> None:
                await anyio.sleep(3 * 3600)
                world.simulator.grant("mine", 250, 86_400_000)

            tasks.start_soon(log_in)
            assert await world.run(NO_WAIT) is StopReason.SPENT
            assert await world.run(RunOptions(rules=Rules(Pace.ASAP), patience_ms=6 * 3_600_000))
        async with world.database.read() as connection:
            seen = await balances.since(connection, "mine", 0)
        empty, granted = seen[:2]
        assert (empty.available, granted.available) == (0, 250_000)
        assert 0 < granted.at - empty.until <= 5 * 60_000 + 1_000
        assert sum(each.charged for each in seen) == 250_000
        terms = preset("modelscope").grants
        found = expiring(infer([each.sample for each in seen[:2]], terms), granted.at)
        assert found == Expiry(250_000, granted.at + 86_400_000, (empty.until, granted.at))

    simulate(tmp_path, story, tick_s=60, credits=250.0, credits_need_login=True, **CREDITS)


# headers that are missing, malformed or wrong; limits that change


@pytest.mark.parametrize("behaviour", ["missing", "malformed"])
def test_headers_that_are_missing_or_malformed_cost_nothing(tmp_path: Path, behaviour: str) -> None:
    async def story(world: World) -> None:
        batch = await world.queue(150)
        assert await world.run() is StopReason.DONE
        assert (await world.batch(batch)).counts.succeeded == 150
        assert world.simulator.stats().refused <= 2

    simulate(
        tmp_path, story, calls_per_day=60, limits={"calls_per_day": 60}, header_behaviour=behaviour
    )


def test_wrong_headers_cost_a_refusal_a_day_and_no_row(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        batch = await world.queue(100)
        assert await world.run(ASAP) is StopReason.DONE
        assert (await world.batch(batch)).counts.succeeded == 100
        by_day = world.simulator.stats().by_day
        assert all(day.refused <= 40 for day in by_day.values())

    simulate(tmp_path, story, calls_per_day=40, header_behaviour="wrong")


def test_a_limit_that_changes_at_noon_is_learned_from_the_next_reply(tmp_path: Path) -> None:
    noon = ms(datetime(2026, 1, 5, 12, tzinfo=UTC8))

    async def story(world: World) -> None:
        await world.queue(400)
        assert await world.run() is StopReason.DONE
        assert world.simulator.stats().refused == 0
        assert [day.calls for day in await world.days()] == [150, 150, 100]

    simulate(tmp_path, story, start=EVENING, calls_per_day=200, limit_changes=((noon, 150),))


def test_without_headers_a_limit_raised_at_noon_is_used_that_day_though_all_was_spent_at_once(
    tmp_path: Path,
) -> None:
    noon = ms(datetime(2026, 1, 6, 12, tzinfo=UTC8))

    async def story(world: World) -> None:
        await world.queue(200)
        assert await world.run(ASAP) is StopReason.DONE
        days = list(world.simulator.stats().by_day.values())
        assert [day.spent for day in days] == [40, 80, 40, 40]
        assert days[1].refused <= 2

    changes = ((noon, 80), (noon + 12 * 3_600_000, 40))
    simulate(tmp_path, story, start=EVENING, calls_per_day=40, headers=False, limit_changes=changes)


# what the user wants


def test_calls_start_within_the_users_hours_only(tmp_path: Path) -> None:
    hours = read_hours("22:00-06:00", UTC8)

    async def story(world: World) -> None:
        await world.queue(300)
        assert await world.run(RunOptions(rules=Rules(Pace.AUTO, hours))) is StopReason.DONE
        async with world.database.read() as connection:
            result = await connection.exec_driver_sql("SELECT reserved_at_ms FROM calls")
            starts = [row[0] for row in result]
        local = [datetime.fromtimestamp(moment / 1000, UTC8).hour for moment in starts]
        assert all(hour >= 22 or hour < 6 for hour in local)
        assert world.simulator.stats().refused == 0
        assert [day.calls for day in await world.days()] == [100, 100, 100]

    simulate(tmp_path, story, calls_per_day=100)


def test_no_more_calls_are_made_than_the_user_allows(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.queue(300)
        assert await world.run(max_calls_per_day=30, max_calls=70) is StopReason.SPENT
        assert [day.calls for day in await world.days()] == [30, 30, 10]

    simulate(tmp_path, story)


def test_a_batch_ends_with_the_calls_that_its_job_file_allows(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        capped = await world.queue(50, name="capped", max_calls=20)
        other = await world.queue(30, name="other")
        assert await world.run(ASAP) is StopReason.SPENT
        assert (await world.batch(capped)).counts.succeeded == 20
        assert (await world.batch(other)).counts.succeeded == 30

    simulate(tmp_path, story)


def test_a_part_of_the_day_is_left_to_the_user_whatever_the_limit_turns_out_to_be(
    tmp_path: Path,
) -> None:
    async def story(world: World) -> None:
        await world.queue(300)
        assert await world.run(reserve_percent=10) is StopReason.DONE
        assert [day.calls for day in await world.days()] == [135, 135, 30]

    simulate(tmp_path, story, calls_per_day=150)


# forecasts


@pytest.mark.slow
@pytest.mark.parametrize("pace", [Pace.AUTO, Pace.ASAP])
def test_the_forecast_made_at_the_start_is_right_to_within_an_hour(
    tmp_path: Path, pace: Pace
) -> None:
    """Over five days, once the first calls have shown the speed."""

    async def story(world: World) -> None:
        await world.queue(900)
        await world.run(RunOptions(rules=Rules(pace)))
        told = [shown for shown in world.shown if shown.forecast and shown.windows[0].spent > 1]
        assert told[0].forecast is not None
        off_ms = abs(told[0].forecast.finish_at - world.clock.now())
        assert off_ms <= 3_600_000, off_ms / 3_600_000

    simulate(tmp_path, story)

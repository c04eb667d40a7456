"""A month in which everything that can be false is false now and then: how much of it is used."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.core.gate import MOST_REFUSALS
from runner.core.pacing import Pace
from tests.support.hostile import DayUsed, Hostility, Month
from tests.support.world import World, simulate


def live(folder: Path, hostility: Hostility) -> list[DayUsed]:
    """The days of a month, but the first and the last."""
    days: list[DayUsed] = []

    async def story(world: World) -> None:
        month = Month(world, hostility)
        await month.live()
        days.extend(month.days)

    simulate(folder, story, tick_s=600, **hostility.provider())
    return days


def check(days: list[DayUsed]) -> None:
    told = "\n".join(f"{d.name}: {d.used:.1%} of {d.limit}, {d.refused} refused" for d in days)
    assert min(day.used for day in days) >= 0.97, told
    assert max(day.refused for day in days) <= MOST_REFUSALS, told


@pytest.mark.parametrize("pace", [Pace.AUTO, Pace.ASAP])
def test_a_hostile_week_is_used_up(tmp_path: Path, pace: Pace) -> None:
    """What is added to a day that was spent at once shows on the next day only."""
    changes = pace is Pace.AUTO
    check(live(tmp_path, Hostility(seed=3, days=5, limit=40, pace=pace, changes=changes)))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [5, 7, 13])
def test_without_headers_a_month_of_false_refusals_and_late_resets_is_used_up(
    tmp_path: Path, seed: int
) -> None:
    """Where nothing tells what is left, its end costs a refusal, and so does a try of the limit."""
    check(live(tmp_path, Hostility(seed, 9, limit=40, headers=False, changes=False, stranger=0)))


@pytest.mark.slow
def test_a_hostile_month_is_used_up(tmp_path: Path) -> None:
    check(live(tmp_path, Hostility(seed=0, limit=60)))

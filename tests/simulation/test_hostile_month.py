"""A month in which everything that can be false is false now and then: how much of it is used."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.hostile import Hostility, Month
from tests.support.world import World, simulate


def live(folder: Path, hostility: Hostility) -> Month:
    months: list[Month] = []

    async def story(world: World) -> None:
        month = Month(world, hostility)
        months.append(month)
        await month.live()
        month.shares = month.used()

    simulate(folder, story, tick_s=600, **hostility.provider())
    return months[0]


@pytest.mark.parametrize("seed", range(3))
def test_days(tmp_path: Path, seed: int) -> None:
    month = live(tmp_path, Hostility(seed, days=9, limit=60))
    for line in month.log:
        print(line)
    for day, share in month.shares.items():
        print(day, f"{share:.1%}", month.refused[day])

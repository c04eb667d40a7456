"""What clients may make in a day, by the ledger and by the calendar of the user's zone."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from runner.core.demand import Cap, Demand
from runner.engine.client_caps import capped, day_of

HOUR_MS = 3_600_000
KATHMANDU = timezone(timedelta(hours=5, minutes=45))


def test_only_demands_of_a_capped_client_are_bounded() -> None:
    mine, theirs, nobodys = (Demand(key, (), 5) for key in (-1, 7, 8))
    cap = Cap("ada", 3, "why", 9)
    found = capped([mine, theirs, nobodys], {-1: "ada", 7: "bob"}, {"ada": cap})
    assert [one.caps for one in found] == [(cap,), (), ()]
    assert found[0].left is None, "there is more tomorrow"


@pytest.mark.parametrize(("zone", "hours"), [(KATHMANDU, 24), (ZoneInfo("Europe/Berlin"), 25)])
def test_a_day_is_as_long_as_its_zone_has_it(zone: timezone | ZoneInfo, hours: int) -> None:
    """On 25 October 2026 Berlin has 25 hours."""
    noon = datetime(2026, 10, 25, 12, tzinfo=zone)
    begins, ends = day_of(round(noon.timestamp() * 1000), zone)
    assert ends - begins == hours * HOUR_MS
    assert datetime.fromtimestamp(begins / 1000, zone).hour == 0

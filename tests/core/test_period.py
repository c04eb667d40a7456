"""How an allowance comes back, as a preset spells it."""

import pytest

from runner.core.period import (
    Calendar,
    Grant,
    Period,
    Refill,
    Rolling,
    read_length,
    read_period,
)


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("day", Calendar("day", "Asia/Shanghai")),
        ("month", Calendar("month", "Asia/Shanghai")),
        ("grant", Grant()),
        ("rolling 1m", Rolling(60_000)),
        ("month of America/Los_Angeles", Calendar("month", "America/Los_Angeles")),
        ("rolling 1500ms", Rolling(1_500)),
        ("rolling 90s", Rolling(90_000)),
        ("refill 24h", Refill(86_400_000)),
        ("refill 1d", Refill(86_400_000)),
    ],
)
def test_a_period_is_read_as_it_is_spelled(text: str, period: Period) -> None:
    assert read_period(text, "Asia/Shanghai") == period
    assert read_period(period.encode(), "UTC") == period


@pytest.mark.parametrize("text", ["", "week", "rolling", "rolling 0m", "refill 1y", "rolling 1 m"])
def test_what_is_no_period_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="rolling 1m"):
        read_period(text, "UTC")


def test_a_length_is_a_number_and_its_measure() -> None:
    assert [read_length(text) for text in ("20ms", "2m", "24h", "90d")] == [
        20,
        120_000,
        86_400_000,
        7_776_000_000,
    ]
    with pytest.raises(ValueError, match="must be a length"):
        read_length("a day")

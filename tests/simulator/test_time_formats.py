"""Lengths of time as providers spell them."""

from __future__ import annotations

import pytest

from runner.simulator.time_formats import duration, whole_seconds


@pytest.mark.parametrize(
    ("length_ms", "spelt"),
    [
        (0, "0s"),
        (1, "1ms"),
        (850, "850ms"),
        (999, "999ms"),
        (1000, "1s"),
        (7660, "7.66s"),
        (10_000, "10s"),
        (59_999, "59.999s"),
        (60_000, "1m0s"),
        (86_400, "1m26.4s"),
        (179_560, "2m59.56s"),
        (3_600_000, "1h0m0s"),
        (86_400_000, "24h0m0s"),
    ],
)
def test_a_length_is_spelt_as_go_does(length_ms: int, spelt: str) -> None:
    assert duration(length_ms) == spelt


@pytest.mark.parametrize(("length_ms", "spelt"), [(1, "1"), (1000, "1"), (1001, "2")])
def test_whole_seconds_are_never_too_few(length_ms: int, spelt: str) -> None:
    assert whole_seconds(length_ms) == spelt

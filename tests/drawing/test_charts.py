"""Charts: round scales, and marks that are as large as what they stand for."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.drawing.charts import Stack, bars, curve, heat_map, nice_top, stacked_bars

SVG = "{http://www.w3.org/2000/svg}"


@given(st.floats(0.001, 1e9))
def test_the_top_of_a_scale_is_round_and_not_far_above(most: float) -> None:
    top = nice_top(most)
    assert most <= top <= 2.6 * most
    assert f"{top:.0e}"[0] in "125"


def test_nothing_at_all_has_a_scale() -> None:
    assert nice_top(0) == 1
    assert ET.fromstring(stacked_bars([], "nothing")).attrib["aria-label"] == "nothing"  # noqa: S314


def heights(drawing: str) -> list[tuple[int, float]]:
    rects = ET.fromstring(drawing).iter(f"{SVG}rect")  # noqa: S314
    return [(int(one.attrib["data-value"]), float(one.attrib["height"])) for one in rects]


def test_bars_are_as_tall_as_their_numbers_and_limits_are_drawn() -> None:
    drawn = stacked_bars([Stack("2026-11-27", (("answered", 30), ("failed", 10)), 50)], "calls")
    (first, tall), (second, short) = heights(drawn)
    assert (first, second) == (30, 10)
    assert tall == pytest.approx(3 * short, abs=0.2)
    assert "2026-11-27: 40 (30 answered, 10 failed), the limit is 50" in drawn


def test_names_cannot_break_a_drawing() -> None:
    odd = '<b>&"x"</b>'
    drawn = bars([(odd, 3)], odd)
    assert odd not in drawn
    assert ET.fromstring(drawn).attrib["aria-label"] == odd  # noqa: S314


def test_an_hour_is_a_square_the_darker_the_more_calls() -> None:
    drawn = heat_map([("2026-11-27", [0, 1, 4] + [0] * 21)], "hours")
    shades = [float(one.attrib["opacity"]) for one in ET.fromstring(drawn).iter(f"{SVG}rect")]  # noqa: S314
    assert shades[2] == 1 > shades[1] > 0.25
    assert len(shades) == 24


def test_a_curve_goes_on_to_its_forecast() -> None:
    points = [(0.0, 10.0, "Mon: 10"), (1.0, 30.0, "Tue: 30")]
    drawn = curve(points, "rows", forecast=(3.0, 90.0, "Thu: 90"))
    assert drawn.count("<circle") == 3
    assert 'class="forecast"' in drawn
    assert "Thu" in drawn

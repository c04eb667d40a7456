"""How far a provider's clock is from ours."""

from runner.core.charging import CLOCK_TOLERANCE_MS
from runner.core.clock_skew import skew_of

NOW = 1_795_500_000_000
HOUR = 3_600_000


def test_a_clock_within_the_tolerance_is_right() -> None:
    assert skew_of(NOW - 1_000, NOW - 500, NOW, 0) == 0
    assert skew_of(NOW - CLOCK_TOLERANCE_MS, NOW - 500, NOW, 0) == 0


def test_a_clock_that_is_far_off_is_known_by_how_much() -> None:
    assert skew_of(NOW + HOUR, NOW - 500, NOW, 0) == HOUR


def test_what_is_known_already_is_no_further_difference() -> None:
    """The moments of the call are by the clock that is corrected by what is known."""
    assert skew_of(NOW + HOUR, NOW + HOUR - 500, NOW + HOUR, HOUR) == HOUR


def test_a_reply_without_a_date_or_after_a_sleep_tells_nothing() -> None:
    assert skew_of(None, NOW - 500, NOW, 0) is None
    assert skew_of(NOW, NOW - CLOCK_TOLERANCE_MS, NOW, 0) is None
    assert skew_of(NOW, NOW + 5, NOW, 0) is None, "our clock was set back meanwhile"

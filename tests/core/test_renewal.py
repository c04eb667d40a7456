"""Which windows a call touches at a moment."""

from runner.core.period import Calendar, Rolling
from runner.core.renewal import windows_at
from runner.core.verdict import Scope
from runner.core.window import Quota, open_window

NOW = 1_795_500_000_000
DAY = 24 * 3_600_000
DAILY = Quota("day", Scope.ACCOUNT, 100, Calendar("day", "UTC"))
MINUTE = Quota("minute", Scope.MODEL, 10, Rolling(60_000))


def test_windows_that_are_known_are_taken_and_others_are_opened() -> None:
    known = open_window(DAILY, "mine", "", NOW)
    found = windows_at({("mine", "", "day"): known}, "mine", "qwen", (DAILY, MINUTE), NOW + 5, 0)
    assert found[0] == known
    assert (found[1].model, found[1].quota, found[1].spent) == ("qwen", "minute", 0)


def test_a_clock_that_was_set_back_leaves_no_call_between_two_days() -> None:
    tomorrow = open_window(DAILY, "mine", "", NOW + DAY)
    found = windows_at({("mine", "", "day"): tomorrow}, "mine", "qwen", (DAILY, MINUTE), NOW, 0)
    assert found[0].period_key == tomorrow.period_key
    assert found[1].counted_at == tomorrow.starts_at

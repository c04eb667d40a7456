"""Which windows a call touches at a moment."""

from dataclasses import replace

from runner.core.period import Calendar, Rolling
from runner.core.renewal import CLOCK_TOLERANCE_MS, windows_at
from runner.core.verdict import Scope
from runner.core.window import Quota, Source, open_window

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


def test_a_day_that_a_wrong_clock_had_opened_gives_way_once_the_provider_tells_the_hour() -> None:
    """What was spent in it was spent today; the limit that it has learned stays."""
    opened = replace(
        open_window(DAILY, "mine", "", NOW + 3 * DAY),
        spent=7,
        reserved=1,
        limit=60,
        limit_source=Source.HEADER,
        limit_learned_at=NOW,
    )
    minute = open_window(MINUTE, "mine", "qwen", NOW + 3 * DAY)
    known = {("mine", "", "day"): opened, ("mine", "qwen", "minute"): minute}
    today = open_window(DAILY, "mine", "", NOW)
    found, rolling = windows_at(known, "mine", "qwen", (DAILY, MINUTE), NOW, 0, sure=True)
    assert (found.period_key, found.starts_at) == (today.period_key, today.starts_at)
    assert (found.spent, found.reserved, found.limit) == (7, 1, 60)
    assert rolling.quota == "minute"
    unsure, _ = windows_at(known, "mine", "qwen", (DAILY, MINUTE), NOW, 0)
    assert unsure.period_key == opened.period_key


def test_a_day_that_begins_within_what_clocks_differ_by_stays() -> None:
    tomorrow = open_window(DAILY, "mine", "", NOW + DAY)
    known = {("mine", "", "day"): tomorrow}
    shortly_before = tomorrow.starts_at - CLOCK_TOLERANCE_MS
    found = windows_at(known, "mine", "qwen", (DAILY,), shortly_before, 0, sure=True)
    assert found[0].period_key == tomorrow.period_key


def test_windows_of_other_accounts_and_of_rules_that_are_gone_are_left_alone() -> None:
    theirs = open_window(DAILY, "theirs", "", NOW + 3 * DAY)
    old_rule = open_window(replace(DAILY, name="old"), "mine", "", NOW + 3 * DAY)
    known = {("theirs", "", "day"): theirs, ("mine", "", "old"): old_rule}
    [found] = windows_at(known, "mine", "qwen", (DAILY,), NOW, 0, sure=True)
    assert (found.account, found.spent) == ("mine", 0)

"""The arithmetic of allowances."""

from dataclasses import replace

import pytest

from runner.core.calendar import day_at
from runner.core.gate import Gate, ParkReason
from runner.core.period import Calendar
from runner.core.quota import Admitted, Refused, admit, end_call, learn_spent, reserve
from runner.core.renewal import roll_over
from runner.core.time_units import WEEK_MS
from runner.core.verdict import Scope
from runner.core.window import Count, Quota, Source, Window, open_window

ZONE = "Asia/Shanghai"
DAILY = Calendar("day", ZONE)
MIDNIGHT = day_at(1_795_500_000_000, ZONE).starts_at
HOUR = 3_600_000
DAY = 24 * HOUR
NOW = MIDNIGHT + 9 * HOUR
OPEN = Gate(needs_probe=False, answered=True)


def rule(limit: int | None = 10, reserve: int = 0, source: Source = Source.PRESET) -> Quota:
    return Quota("day", Scope.ACCOUNT, limit, DAILY, source, reserve)


def window(limit: int | None = 10, spent: int = 0, reserved: int = 0, gate: Gate = OPEN) -> Window:
    fresh = open_window(rule(limit), "mine", "qwen", NOW)
    return replace(fresh, spent=spent, reserved=reserved, gate=gate)


def admitted(*windows: Window, want: int = 1) -> Admitted:
    offer = admit(windows, want, NOW)
    assert isinstance(offer, Admitted)
    return offer


def refused(*windows: Window) -> Refused:
    offer = admit(windows, 1, NOW)
    assert isinstance(offer, Refused)
    return offer


def ended(window: Window, count: Count | None = None, *, probe: bool = False) -> Window:
    return end_call(window, charged=1, count=count, probe=probe, now=NOW)


def test_a_window_is_in_use_while_a_call_has_reserved_in_it_or_is_its_probe() -> None:
    assert not window(spent=3).in_use
    assert window(reserved=1).in_use
    assert window(gate=replace(OPEN, probe_in_flight=True)).in_use


# opening


def test_a_window_is_the_day_of_its_zone() -> None:
    fresh = open_window(rule(reserve=3), "mine", "qwen", NOW)
    assert (fresh.period_key, fresh.starts_at, fresh.resets_at) == (
        day_at(NOW, ZONE).name,
        MIDNIGHT,
        MIDNIGHT + DAY,
    )
    assert (fresh.limit, fresh.reserve, fresh.remaining, fresh.untouched) == (10, 3, 7, True)


def test_the_accounts_window_belongs_to_no_model() -> None:
    assert open_window(rule(), "mine", "qwen", NOW).model == ""
    of_model = replace(rule(), scope=Scope.MODEL)
    assert open_window(of_model, "mine", "qwen", NOW).model == "qwen"


# resetting


def test_a_window_lasts_until_its_reset() -> None:
    used = window(spent=4)
    assert roll_over(used, rule(), MIDNIGHT + DAY - 1, 0) == used


def test_a_fresh_window_starts_with_a_probe_after_the_margin() -> None:
    fresh = roll_over(window(spent=4, reserved=1), rule(), MIDNIGHT + DAY, 30)
    assert (fresh.spent, fresh.reserved, fresh.previous_spent) == (0, 0, 4)
    assert fresh.gate == Gate(MIDNIGHT + DAY + 30, reason=ParkReason.RESET)


def test_a_day_that_was_slept_through_carries_nothing() -> None:
    """The count that a late reset would go on from is yesterday's, and nobody knows it."""
    fresh = roll_over(window(spent=4), rule(), NOW + 2 * DAY, 0)
    assert (fresh.starts_at, fresh.previous_spent) == (MIDNIGHT + 2 * DAY, 0)


def test_a_clock_that_is_set_back_stays_in_the_latest_window() -> None:
    used = window(spent=4)
    assert roll_over(used, rule(), NOW - 9 * DAY, 0) == used


def test_a_changed_rule_holds_at_once() -> None:
    under = roll_over(window(), rule(50, 5, Source.CONFIGURED), NOW, 0)
    assert (under.limit, under.limit_source, under.reserve) == (50, Source.CONFIGURED, 5)


@pytest.mark.parametrize("source", [Source.HEADER, Source.REFUSAL])
def test_a_changed_rule_does_not_undo_what_was_learned(source: Source) -> None:
    learned = replace(window(), limit_source=source)
    under = roll_over(learned, rule(50, 5), NOW, 0)
    assert (under.limit, under.limit_source, under.reserve) == (10, source, 5)


def tomorrow(source: Source, learned_at: int | None, days: int = 1) -> Window:
    learned = replace(window(7), limit_source=source, limit_learned_at=learned_at)
    return roll_over(learned, rule(10), NOW + days * DAY, 0)


def test_a_limit_that_was_not_learned_comes_from_the_rule() -> None:
    assert tomorrow(Source.PRESET, None).limit == 10


def test_a_limit_from_a_header_is_kept_for_good() -> None:
    kept = tomorrow(Source.HEADER, NOW, days=30)
    assert (kept.limit, kept.limit_source, kept.limit_learned_at) == (7, Source.HEADER, NOW)


def test_a_limit_from_a_refusal_is_tried_again_after_a_week() -> None:
    assert tomorrow(Source.REFUSAL, MIDNIGHT, days=7).limit == 7
    assert tomorrow(Source.REFUSAL, MIDNIGHT - 1, days=7).limit == 10
    assert WEEK_MS == 7 * DAY


# admitting


def test_a_call_is_reserved_in_every_window() -> None:
    windows = [window(10, spent=4), window(20)]
    assert admitted(*windows, want=3) == Admitted(3, probe=False)
    assert [w.reserved for w in reserve(windows, 3, NOW)] == [3, 3]


def test_the_least_room_decides() -> None:
    assert admitted(window(10, spent=8), window(None), window(5), want=9).count == 2


def test_the_users_reserve_is_not_room() -> None:
    assert replace(window(10, spent=4, reserved=1), reserve=3).remaining == 2
    assert replace(window(10, spent=9), reserve=3).remaining == 0


def test_no_limit_known_is_neither_nothing_nor_a_number() -> None:
    assert window(None).remaining is None
    assert admitted(window(None, spent=10**6), want=8).count == 8


def test_a_spent_window_refuses_until_its_reset() -> None:
    full = window(10, spent=7, reserved=3)
    assert refused(window(), full) == Refused(MIDNIGHT + DAY, "the day's allowance is spent", full)


def test_a_shut_gate_refuses_until_it_opens() -> None:
    parked = window(gate=Gate(NOW + 1, why="busy"))
    assert refused(parked) == Refused(NOW + 1, "busy", parked)


def test_a_probe_goes_alone() -> None:
    windows = [window(gate=Gate()), window()]
    assert admitted(*windows, want=8) == Admitted(1, probe=True)
    entered = reserve(windows, 1, NOW)
    assert [w.gate.probe_in_flight for w in entered] == [True, False]
    assert refused(entered[0]).until is None


def test_a_probe_waits_for_the_calls_that_are_still_in_flight() -> None:
    """They were sent before the gate was parked; beside them its count would not be exact."""
    parked = window(reserved=2, gate=Gate(NOW, reason=ParkReason.THROTTLED))
    assert refused(parked).until is None
    assert admitted(replace(parked, reserved=0)).probe


# settling


def test_a_charged_call_turns_from_reserved_to_spent() -> None:
    after = ended(window(spent=4, reserved=2))
    assert (after.spent, after.reserved) == (5, 1)


def test_a_call_that_was_not_charged_is_refunded() -> None:
    after = end_call(window(spent=4, reserved=2), charged=0, count=None, probe=False, now=NOW)
    assert (after.spent, after.reserved) == (4, 1)


def test_a_count_is_believed_and_its_limit_learned() -> None:
    after = ended(window(spent=4, reserved=1), Count(limit=8, remaining=1))
    assert (after.spent, after.limit) == (7, 8)
    assert (after.limit_source, after.limit_learned_at) == (Source.HEADER, NOW)


def test_a_count_that_was_overtaken_lowers_nothing() -> None:
    assert ended(window(spent=6, reserved=1), Count(10, 7)).spent == 6


def test_the_count_of_a_probe_is_exact_and_may_lower_ours() -> None:
    assert ended(window(spent=6, reserved=1), Count(10, 7), probe=True).spent == 3


def test_a_remainder_beyond_the_limit_is_nothing_spent() -> None:
    assert Count(10, 12).spent(10) == 0


def test_a_limit_that_was_seen_to_be_exceeded_was_too_low() -> None:
    assert ended(window(5, spent=5, reserved=1)).limit == 6
    assert ended(window(None, spent=5, reserved=1)).limit is None


def test_what_was_spent_at_a_refusal_is_the_limit() -> None:
    learned = learn_spent(window(10, spent=6), NOW)
    assert (learned.limit, learned.limit_source, learned.limit_learned_at) == (
        6,
        Source.REFUSAL,
        NOW,
    )


def test_nothing_is_learned_from_a_refusal_of_an_untouched_window() -> None:
    assert learn_spent(window(), NOW) == window()


def test_a_doubtful_refusal_of_a_nearly_fresh_window_teaches_nothing() -> None:
    """An overload would look the same, and a limit of 4 would cost the rest of 100."""
    barely = window(100, spent=4)
    assert learn_spent(barely, NOW, sure=False) == barely
    assert learn_spent(window(100, spent=5), NOW, sure=False).limit == 5


def lost(window: Window, now: int = NOW) -> Window:
    """`window` after a call that was charged, as far as can be told: no reply came."""
    return end_call(window, charged=1, count=None, probe=False, now=now)


def heard(window: Window, remaining: int, sent_at: int) -> Window:
    told = Count(10, remaining)
    return end_call(window, charged=1, count=told, probe=False, now=sent_at + 9, sent_at=sent_at)


def told_of(spent: int, reserved: int) -> Window:
    """A window of which replies tell."""
    return replace(window(10, spent, reserved), limit_source=Source.HEADER)


def test_a_call_without_a_reply_is_doubtful_until_a_later_calls_count_tells() -> None:
    """It had arrived: a count that came while it hung had it already, and so it counts twice."""
    hung = lost(heard(window(10, reserved=3), remaining=8, sent_at=NOW - 5))
    assert (hung.spent, hung.unconfirmed) == (3, ((NOW, 1),))
    silent = lost(window(10, reserved=1))
    assert (silent.spent, silent.unconfirmed) == (1, ())  # no reply tells of this window
    told = heard(hung, remaining=7, sent_at=NOW + 1)
    assert (told.spent, told.unconfirmed) == (3, ())


def test_a_count_of_a_call_that_was_sent_before_tells_nothing_of_the_doubtful() -> None:
    hung = lost(told_of(spent=2, reserved=2))
    told = heard(hung, remaining=7, sent_at=NOW)
    assert (told.spent, told.unconfirmed) == (3, ((NOW, 1),))


def test_the_doubtful_that_never_arrived_is_given_back() -> None:
    hung = lost(told_of(spent=2, reserved=2))
    assert heard(hung, remaining=7, sent_at=NOW + 1).spent == 3


def test_a_day_that_only_doubts_have_filled_is_tried_with_one_probe() -> None:
    """It would be a day with calls left over, if the doubtful had been counted before."""
    told = replace(window(10, spent=9, reserved=1), limit_source=Source.HEADER)
    full = lost(told)
    assert full.remaining == 0
    tried = roll_over(full, rule(), NOW, 0)
    assert (tried.remaining, tried.gate.needs_probe) == (1, True)
    assert admitted(tried, want=5).count == 1
    for sure in (replace(full, reserved=1), replace(full, limit_source=Source.PRESET)):
        assert roll_over(sure, rule(), NOW, 0).spent == 10


def test_an_exact_count_ends_every_doubt() -> None:
    hung = lost(told_of(spent=2, reserved=2))
    assert ended(hung, Count(10, 6), probe=True).unconfirmed == ()


def test_a_header_knows_better_than_a_refusal() -> None:
    told = replace(window(spent=6), limit_source=Source.HEADER)
    assert learn_spent(told, NOW) == told

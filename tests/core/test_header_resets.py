"""The reset that a reply's headers tell of, where nothing is left before it."""

from dataclasses import replace

import pytest

from runner.core.calendar import day_at
from runner.core.charging import Outcome, settle_window
from runner.core.gate import Gate, ParkReason
from runner.core.period import Calendar, Grant, Period, Refill, Rolling
from runner.core.quota import Admitted, Refused, admit, reserve
from runner.core.renewal import roll_over
from runner.core.verdict import Kind, Scope, Verdict
from runner.core.window import Count, Quota, Source, Window, open_window

SECOND = 1_000
MINUTE = 60_000
HOUR = 60 * MINUTE
DAILY, MONTHLY = Calendar("day", "UTC"), Calendar("month", "UTC")
MIDNIGHT = day_at(1_795_500_000_000, "UTC").starts_at
NEXT = MIDNIGHT + 24 * HOUR
NOW = MIDNIGHT + 9 * HOUR
DONE = Verdict(Kind.DONE)
SPENT = Verdict(Kind.SPENT, "no more", Scope.ACCOUNT)


def rule(period: Period, limit: int | None = 10) -> Quota:
    return Quota("rule", Scope.ACCOUNT, limit, period)


def window(period: Period = DAILY, limit: int | None = 10, spent: int = 4) -> Window:
    fresh = open_window(rule(period, limit), "mine", "", NOW)
    return replace(fresh, spent=spent, gate=Gate(needs_probe=False, answered=True))


def started(window: Window, now: int) -> Window:
    offer = admit([window], 1, now)
    assert isinstance(offer, Admitted), offer
    return reserve([window], 1, now)[0]


def told(
    window: Window,
    resets_in: int | None,
    verdict: Verdict = DONE,
    remaining: int = 0,
    now: int = NOW,
    limit: int | None = 10,
) -> Window:
    """`window` after one more call, whose reply told how many are left and until when."""
    flying = started(window, now)
    counts = {"rule": Count(limit, remaining, resets_in)}
    return settle_window(flying, Outcome(verdict, flying.gate.probe_in_flight, counts), now)


def waits_until(window: Window, now: int = NOW) -> int | None:
    offer = admit([window], 1, now)
    assert isinstance(offer, Refused)
    return offer.until


@pytest.mark.parametrize("verdict", [DONE, SPENT])
@pytest.mark.parametrize("ahead", [8 * HOUR, 20 * HOUR], ids=["before midnight", "after it"])
def test_a_spent_day_waits_for_the_reset_that_its_provider_tells(
    verdict: Verdict, ahead: int
) -> None:
    ended = told(window(), ahead, verdict)
    assert (ended.resets_at, waits_until(ended)) == (NOW + ahead, NOW + ahead)


def test_a_day_that_its_provider_ends_early_is_renewed_as_the_same_one() -> None:
    """A call in flight is still reserved in it, and one probe goes first."""
    ended = replace(told(window(), 5 * HOUR), reserved=1)
    renewed = roll_over(ended, rule(DAILY), NOW + 5 * HOUR, 7)
    assert (renewed.period_key, renewed.spent, renewed.reserved) == (ended.period_key, 0, 1)
    assert (renewed.starts_at, renewed.resets_at) == (NOW + 5 * HOUR, NEXT)
    assert (renewed.gate.parked_until, renewed.gate.needs_probe) == (NOW + 5 * HOUR + 7, True)


def test_a_day_that_its_provider_ends_late_goes_on_beyond_midnight() -> None:
    ended = told(window(), 20 * HOUR)
    assert roll_over(ended, rule(DAILY), NEXT, 7) == ended
    fresh = roll_over(ended, rule(DAILY), NOW + 20 * HOUR, 7)
    assert fresh.period_key > ended.period_key
    assert (fresh.starts_at, fresh.resets_at) == (NOW + 20 * HOUR, NEXT + 24 * HOUR)
    assert (fresh.spent, fresh.previous_spent) == (0, 10)


@pytest.mark.parametrize(
    ("period", "resets_in"),
    [
        (DAILY, None),
        (DAILY, 0),
        (DAILY, -HOUR),
        (DAILY, 26 * HOUR),
        (DAILY, 15 * HOUR + MINUTE),  # midnight, in other words
        (MONTHLY, 32 * 24 * HOUR),
        (Grant(), HOUR),
    ],
)
def test_what_is_not_sane_or_nothing_new_moves_no_reset(
    period: Period, resets_in: int | None
) -> None:
    assert told(window(period), resets_in).resets_at == window(period).resets_at


def test_a_reset_is_not_heeded_while_something_is_left() -> None:
    """It may mean the next call's, as in a sliding window."""
    ended = told(window(), HOUR, remaining=3)
    assert ended.resets_at == NEXT
    assert isinstance(admit([ended], 1, NOW), Admitted)


def test_a_spent_month_may_end_on_another_day() -> None:
    ended = told(window(MONTHLY), 5 * 24 * HOUR)
    assert waits_until(ended) == NOW + 5 * 24 * HOUR


def test_an_unknown_limit_is_not_taken_for_nothing() -> None:
    """The first call finds the day spent by somebody else; the next day is not."""
    ended = told(window(limit=None, spent=0), 3_000 * SECOND, SPENT, limit=None)
    assert (ended.limit, ended.limit_source) == (None, Source.PRESET)
    assert waits_until(ended) == NOW + 3_000 * SECOND
    fresh = roll_over(ended, rule(DAILY, None), NOW + 3_000 * SECOND, 0)
    ended = told(fresh, None, DONE, 5, NOW + 3_000 * SECOND, limit=None)
    assert (ended.limit, ended.limit_source) == (6, Source.HEADER)


@pytest.mark.parametrize("period", [Rolling(MINUTE), Refill(MINUTE)])
def test_a_flow_that_turns_out_longer_than_it_was_taken_for_waits_as_told(period: Period) -> None:
    ended = told(window(period, spent=0), 6 * MINUTE)
    assert waits_until(ended) == NOW + 6 * MINUTE
    assert (ended.gate.reason, ended.gate.needs_probe) == (ParkReason.SPENT, True)
    assert not told(window(period, spent=0), 30 * SECOND).gate.needs_probe
    assert not told(window(period, spent=0), 26 * HOUR).gate.needs_probe


def test_a_provider_that_tells_the_same_second_every_time_is_asked_ever_less() -> None:
    now, refused, asked = NOW, window(), []
    for _ in range(4):
        refused = told(roll_over(refused, rule(DAILY), now, 0), SECOND, SPENT, now=now)
        asked.append(refused.resets_at - now)
        now = refused.resets_at
    assert asked[0] == MINUTE
    assert asked == sorted(asked)
    assert asked[-1] >= 10 * MINUTE


def test_a_fresh_day_found_spent_waits_as_told_instead_of_trying() -> None:
    probed = open_window(rule(DAILY), "mine", "", MIDNIGHT)
    ended = told(probed, 8 * HOUR, SPENT, now=MIDNIGHT)
    assert waits_until(ended, MIDNIGHT) == MIDNIGHT + 8 * HOUR

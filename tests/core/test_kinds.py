"""Quotas of every kind: tokens and credits, months, rolling and refilling periods, balances."""

from collections import deque
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.core.calendar import NEVER, day_at, month_at
from runner.core.charging import Outcome, settle_unseen, settle_window
from runner.core.gate import PROBE_WAITS_MS, Gate, ParkReason
from runner.core.period import Calendar, Grant, Period, Refill, Rolling
from runner.core.quota import Admitted, Refused, admit, balance, learn_spent, reserve
from runner.core.renewal import roll_over, without_superseded_limits
from runner.core.usage import refreshed
from runner.core.verdict import Kind, Scope, Verdict
from runner.core.window import (
    CREDIT,
    ONE_CALL,
    Cost,
    Count,
    Quota,
    Source,
    Unit,
    Window,
    open_window,
)

NOW = 1_795_500_000_000
SECOND = 1_000
MINUTE = 60_000
DONE = Outcome(Verdict(Kind.DONE))


def window(
    limit: int | None, period: Period, unit: Unit = Unit.CALLS, *, primary: bool = True
) -> Window:
    rule = Quota("rule", Scope.ACCOUNT, limit, period, unit=unit, primary=primary)
    return open_window(rule, "mine", "", NOW)


def started(window: Window, now: int = NOW, cost: Cost = ONE_CALL) -> Window:
    offer = admit([window], 1, now, cost)
    assert isinstance(offer, Admitted), offer
    return reserve([window], 1, now, cost)[0]


def refused(window: Window, now: int = NOW, cost: Cost = ONE_CALL) -> Refused:
    offer = admit([window], 1, now, cost)
    assert isinstance(offer, Refused)
    return offer


# rolling


def test_a_rolling_window_needs_no_probe_and_never_resets() -> None:
    fresh = window(3, Rolling(MINUTE))
    assert (fresh.gate.needs_probe, fresh.resets_at, fresh.period_key) == (False, NEVER, "")


def test_it_is_full_until_its_oldest_call_falls_out_of_sight() -> None:
    full = window(2, Rolling(MINUTE))
    for moment in (NOW, NOW + 10 * SECOND):
        full = settle_window(started(full, moment), DONE, moment)
    told = refused(full, NOW + 11 * SECOND)
    assert told.until == NOW + MINUTE
    assert "calls" in told.why
    assert refreshed(full, NOW + MINUTE).remaining == 1


def test_with_all_of_it_in_flight_it_waits_for_an_end() -> None:
    flying = started(window(1, Rolling(MINUTE)))
    assert refused(flying).until is None


@given(
    st.integers(1, 12),
    st.lists(st.tuples(st.integers(0, 9_000), st.integers(1, 9_000)), max_size=80),
)
def test_no_stretch_of_a_minute_sees_more_calls_than_the_limit(
    limit: int, events: list[tuple[int, int]]
) -> None:
    """Wherever between its start and its end the provider counts a call."""
    held, now = window(limit, Rolling(MINUTE)), NOW
    flying: deque[int] = deque()
    arrivals: list[int] = []
    for pause, takes in events:
        now += pause
        held = refreshed(held, now)
        while flying and flying[0] <= now:
            held = settle_window(held, DONE, flying.popleft())
        offer = admit([held], 1, now)
        if isinstance(offer, Refused):
            assert offer.until is None or offer.until > now
            continue
        held = reserve([held], 1, now)[0]
        flying.append(max(now + takes, *flying, 0))
        arrivals.append(flying[-1])  # the latest moment at which it can be counted
    for first in arrivals:
        assert sum(first <= arrival < first + MINUTE for arrival in arrivals) <= limit + 0


def test_a_count_beyond_ours_is_somebody_elses_and_falls_out_of_sight_too() -> None:
    told = settle_window(
        started(window(10, Rolling(MINUTE))), replace(DONE, counts={"rule": Count(10, 4)}), NOW
    )
    assert (told.spent, told.remaining) == (6, 4)
    assert refreshed(told, NOW + 2 * MINUTE).remaining == 10


def test_a_call_counts_from_its_own_end_on_whatever_was_reported() -> None:
    """The provider had lost sight of the first one, which counts a little longer here."""
    held = settle_window(started(window(3, Rolling(MINUTE))), DONE, NOW + 8 * SECOND)
    later = NOW + 65 * SECOND
    told = settle_window(
        started(refreshed(held, later), later), replace(DONE, counts={"rule": Count(3, 2)}), later
    )
    assert told.spent == 2
    assert refreshed(told, later + 10 * SECOND).spent == 1


def test_a_count_that_may_hold_the_calls_in_flight_charges_nobody_for_them_twice() -> None:
    flying = started(started(window(9, Rolling(MINUTE))))
    told = settle_window(flying, replace(DONE, counts={"rule": Count(9, 7)}), NOW)
    assert (told.spent, told.reserved) == (1, 1)


def test_a_probes_count_takes_what_has_fallen_out_of_sight_off_the_oldest() -> None:
    held = started(refreshed(window(9, Rolling(MINUTE)), NOW))
    held = replace(settle_window(held, DONE, NOW), gate=Gate(needs_probe=True))
    later = NOW + 30 * SECOND
    told = Outcome(Verdict(Kind.DONE), probe=True, counts={"rule": Count(9, 8)})
    probed = settle_window(started(held, later), told, later)
    assert probed.spent == 1
    assert refreshed(probed, NOW + 70 * SECOND).spent == 1


# refilling


def test_a_bucket_drips_back() -> None:
    day = 24 * 60 * MINUTE
    empty = replace(window(1_000, Refill(day)), spent=1_000)
    told = refused(empty)
    assert told.until == NOW + day // 1_000
    assert refreshed(empty, NOW + day // 4).remaining == 250
    assert started(refreshed(empty, NOW + day // 4), NOW + day // 4).reserved == 1


def test_a_bucket_without_a_limit_or_full_of_calls_in_flight_tells_no_moment() -> None:
    assert refused(window(0, Refill(MINUTE))).until is None
    assert refused(replace(window(2, Refill(MINUTE)), reserved=2)).until is None
    assert refreshed(window(None, Refill(MINUTE)), NOW + 1) == window(None, Refill(MINUTE))


# months, with daylight saving


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/Los_Angeles", "UTC"])
def test_a_month_is_renewed_at_its_zones_midnight(zone: str) -> None:
    month = window(10, Calendar("month", zone))
    found = month_at(NOW, zone)
    assert (month.period_key, month.starts_at, month.resets_at) == (
        found.name,
        found.starts_at,
        found.ends_at,
    )
    assert day_at(found.ends_at, zone).starts_at == found.ends_at
    assert month_at(found.ends_at - 1, zone) == found


# tokens


def test_tokens_are_reserved_by_estimate_and_settled_by_what_was_used() -> None:
    cost = {Unit.CALLS: 1, Unit.TOKENS: 300}
    flying = started(window(1_000, Rolling(MINUTE), Unit.TOKENS), cost=cost)
    assert (flying.reserved, flying.remaining) == (300, 700)
    settled = settle_window(flying, replace(DONE, tokens=120), NOW, amount=300)
    assert (settled.reserved, settled.spent) == (0, 120)
    unknown = settle_window(flying, DONE, NOW, amount=300)
    assert unknown.spent == 300


def test_an_estimate_beyond_the_whole_limit_still_lets_one_call_try() -> None:
    """What it uses will tell; alone, it exceeds nothing that is known."""
    cost = {Unit.TOKENS: 1_000}
    flying = started(window(600, Rolling(MINUTE), Unit.TOKENS), cost=cost)
    assert (flying.reserved, flying.remaining) == (600, 0)
    assert refused(flying, cost=cost).until is None


def test_a_call_whose_end_nobody_saw_counts_with_all_it_had_reserved() -> None:
    flying = started(window(1_000, Grant(), Unit.CREDITS), cost={Unit.CREDITS: CREDIT // 2})
    lost = settle_unseen(flying, probe=False, now=NOW, amount=CREDIT // 2)
    assert (lost.reserved, lost.spent) == (0, 500)


def test_what_a_window_does_not_count_never_fills_it() -> None:
    assert replace(window(1, Grant(), Unit.CREDITS), spent=1).calls_left(ONE_CALL) is None


def test_tokens_left_of_an_unknown_limit_tell_it() -> None:
    """As a header does that names what remains of a month, and not of what."""
    flying = started(window(None, Rolling(MINUTE), Unit.TOKENS), cost={Unit.TOKENS: 50})
    told = replace(DONE, tokens=40, counts={"rule": Count(None, 960)})
    settled = settle_window(flying, told, NOW, amount=50)
    assert (settled.limit, settled.remaining, settled.limit_source) == (1_000, 960, Source.HEADER)


# balances


def test_a_balance_is_the_truth_beside_the_calls_in_flight() -> None:
    flying = replace(window(None, Grant(), Unit.CREDITS), reserved=2_000)
    told = balance(flying, Count(250_000, 200_000), NOW)
    assert (told.limit, told.remaining, told.limit_source) == (250_000, 200_000, Source.BALANCE)
    assert balance(flying, Count(None, 0), NOW).remaining == 0


def test_a_balance_asked_for_amid_calls_lets_no_more_of_them_in_than_it_holds() -> None:
    """The two in flight may not have arrived when it was told."""
    flying = replace(window(5_000, Grant(), Unit.CREDITS), spent=2_000, reserved=2_000)
    assert balance(flying, Count(5_000, 3_000), NOW).remaining == 1_000
    assert balance(flying, Count(5_000, 1_000), NOW).remaining == 1_000
    granted = balance(replace(flying, spent=3_000), Count(5_000, 5_000), NOW)
    assert (granted.spent, granted.remaining) == (0, 3_000)


def test_a_balance_that_was_revealed_puts_published_calls_out_of_force() -> None:
    """Where the provider itself tells what is left of the calls, it counts those."""
    told = balance(window(None, Grant(), Unit.CREDITS), Count(250_000, 250_000), NOW)
    day = window(2_000, Calendar("day", "UTC"))
    assert without_superseded_limits((day, window(None, Grant(), Unit.CREDITS)))[0].limit == 2_000
    assert without_superseded_limits((day, told)) == (replace(day, limit=None, reserve=0), told)
    minute = window(20, Rolling(MINUTE))
    assert without_superseded_limits((minute, told)) == (minute, told)
    heard = replace(day, limit_source=Source.HEADER)
    assert without_superseded_limits((heard, told)) == (heard, replace(told, limit=None))


def test_a_grant_lets_one_probe_try() -> None:
    empty = replace(
        window(5_000, Grant(), Unit.CREDITS),
        gate=Gate(NOW + MINUTE, reason=ParkReason.SPENT, refusals=1),
    )
    assert balance(empty, Count(0, 0), NOW).gate.parked_until == NOW + MINUTE
    granted = balance(empty, Count(250_000, 250_000), NOW)
    assert (granted.gate.parked_until, granted.gate.needs_probe) == (0, True)


def test_a_further_quota_is_worth_a_line_once_something_is_known_of_it() -> None:
    silent = window(None, Grant(), Unit.CREDITS, primary=False)
    assert not silent.is_known
    assert replace(silent, spent=1).is_known
    assert balance(silent, Count(5, 5), NOW).is_known


def test_without_credits_the_balance_is_watched_and_no_limit_is_learned() -> None:
    broke = started(replace(window(5_000, Grant(), Unit.CREDITS), spent=1_000), cost={})
    verdict = Verdict(Kind.SPENT, "insufficient balance", Scope.ACCOUNT, quota="rule")
    told = settle_window(broke, Outcome(verdict), NOW, amount=1_000)
    assert (told.limit, told.gate.reason) == (5_000, ParkReason.SPENT)
    assert told.gate.parked_until == NOW + PROBE_WAITS_MS[0]


def test_a_spent_balance_waits_for_a_grant() -> None:
    empty = replace(window(1_000, Grant(), Unit.CREDITS), spent=1_000)
    told = refused(empty, cost={Unit.CREDITS: 500})
    assert (told.until, told.why) == (NEVER, "the credits are spent")
    assert learn_spent(replace(empty, limit_source=Source.BALANCE), NOW).limit == 1_000


# refusals that name their quota


@pytest.mark.parametrize(("named", "parked"), [("rule", True), ("other", False), ("", True)])
def test_a_refusal_parks_the_quota_it_names(named: str, parked: bool) -> None:  # noqa: FBT001
    verdict = Verdict(Kind.SPENT, "spent", Scope.ACCOUNT, quota=named)
    told = settle_window(started(window(9, Refill(MINUTE))), Outcome(verdict), NOW)
    assert told.gate.needs_probe is parked
    assert told.gate.parked_until == (NOW + MINUTE if parked else 0)


def test_what_names_no_quota_concerns_the_primary_one_alone() -> None:
    verdict = Verdict(Kind.THROTTLED, "busy", Scope.ACCOUNT)
    other = started(window(9, Rolling(MINUTE), primary=False))
    assert settle_window(other, Outcome(verdict), NOW).gate == Gate(needs_probe=False)


def test_a_rule_whose_period_was_changed_begins_anew() -> None:
    old = replace(window(9, Rolling(MINUTE)), spent=5)
    rule = Quota("rule", Scope.ACCOUNT, 9, Refill(MINUTE))
    assert roll_over(old, rule, NOW + 1, 0).spent == 0


@given(st.lists(st.sampled_from(["start", "end", "wait"]), max_size=60), st.randoms())
def test_a_call_is_admitted_when_every_window_has_room_and_then_by_all(
    events: list[str], random: Random
) -> None:
    """A day, a minute, tokens and credits together: none is ever exceeded."""
    cost = {Unit.CALLS: 1, Unit.TOKENS: 30, Unit.CREDITS: CREDIT // 2}
    rules = [
        Quota("day", Scope.ACCOUNT, 20, Calendar("day", "UTC")),
        Quota("minute", Scope.ACCOUNT, 5, Rolling(MINUTE)),
        Quota("tokens", Scope.ACCOUNT, 200, Refill(MINUTE), unit=Unit.TOKENS),
        Quota("credits", Scope.ACCOUNT, 9 * CREDIT, Grant(), unit=Unit.CREDITS),
    ]
    windows = [open_window(rule, "mine", "", NOW) for rule in rules]
    now, flying = NOW, 0
    for event in events:
        windows = [roll_over(w, r, now, 0) for w, r in zip(windows, rules, strict=True)]
        if event == "wait":
            now += random.randrange(20 * SECOND)
        elif event == "end" and flying:
            flying -= 1
            told = replace(DONE, tokens=random.randrange(31), probe=True)
            windows = [settle_window(w, told, now, cost[w.unit]) for w in windows]
        elif event == "start" and isinstance(admit(windows, 1, now, cost), Admitted):
            flying += 1
            windows = list(reserve(windows, 1, now, cost))
        for w in windows:
            assert w.spent + w.reserved <= (w.limit or 0)


# a clock that is set back

HOUR = 60 * MINUTE


def busy(period: Period, gate: Gate) -> Window:
    """A full window whose latest call has just started and ended."""
    return replace(settle_window(started(window(1, period)), DONE, NOW), gate=gate)


def set_back(window: Window, by: int) -> Window:
    rule = Quota("rule", window.scope, 1, window.period, unit=window.unit)
    return roll_over(window, rule, NOW - by, 0)


@pytest.mark.parametrize("period", [Rolling(MINUTE), Refill(MINUTE)])
def test_no_hour_is_waited_for_twice_in_a_flow(period: Period) -> None:
    """What was spent a moment ago is not of the future, whatever the clock shows."""
    offer = admit([set_back(busy(period, Gate(needs_probe=False)), HOUR)], 1, NOW - HOUR)
    assert isinstance(offer, Refused)
    assert offer.until is not None
    assert offer.until <= NOW - HOUR + MINUTE + SECOND


def test_a_wait_for_time_to_pass_goes_back_with_the_clock() -> None:
    gate = Gate(NOW + 5 * SECOND, reason=ParkReason.THROTTLED)
    moved = set_back(busy(Rolling(MINUTE), gate), HOUR)
    assert moved.gate.parked_until == NOW - HOUR + 5 * SECOND
    assert moved.last_start_at == NOW - HOUR
    assert set_back(moved, HOUR) == moved


@pytest.mark.parametrize("cause", [ParkReason.RESET, ParkReason.SPENT])
def test_a_wait_for_the_calendar_does_not(cause: ParkReason) -> None:
    day = busy(Calendar("day", "UTC"), Gate(needs_probe=False))
    opens = day.resets_at if cause is ParkReason.SPENT else NOW
    gate = Gate(opens, reason=cause)
    assert set_back(replace(day, gate=gate), HOUR).gate == gate


def test_a_clock_that_is_corrected_by_seconds_moves_nothing() -> None:
    full = busy(Rolling(MINUTE), Gate(needs_probe=False))
    assert set_back(full, 30 * SECOND).recent == full.recent


def test_a_call_that_nobody_saw_end_spends_no_credits_that_nobody_has_told_of() -> None:
    """Else an account that counts calls alone would show credits after a crash."""
    flying = replace(window(None, Grant(), Unit.CREDITS), reserved=2_000)
    assert settle_unseen(flying, probe=False, amount=2_000).spent == 0
    told = replace(window(5_000, Grant(), Unit.CREDITS), reserved=2_000)
    assert settle_unseen(told, probe=False, amount=2_000).spent == 2_000

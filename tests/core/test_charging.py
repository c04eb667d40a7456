"""What the end of a call does to the windows it was reserved in."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.core.calendar import day_at
from runner.core.charging import (
    Outcome,
    settle_calls,
    settle_unseen,
    settle_window,
)
from runner.core.demand import Demand, Rules
from runner.core.gate import (
    AMBIGUOUS_WAIT_MS,
    CIRCUIT_WAITS_MS,
    FAULTS_TO_BREAK,
    GONE_WAITS_MS,
    LATE_WAITS_MS,
    MOST_REFUSALS,
    OFFLINE_WAITS_MS,
    REFUSED_WAITS_MS,
    THROTTLE_WAITS_MS,
    Gate,
    ParkReason,
    after_reset,
    entered,
    opened,
    retry_at,
)
from runner.core.pacing import SAFETY_MS, Pace
from runner.core.period import Calendar, Grant, Period, Refill, Rolling
from runner.core.quota import Admitted, Refused, admit, reserve
from runner.core.renewal import roll_over
from runner.core.route import RouteState
from runner.core.selection import State, Wait, decide
from runner.core.time_units import MINUTE_MS, WEEK_MS
from runner.core.verdict import Kind, Scope, Verdict
from runner.core.window import Count, LimitRecheck, Quota, Source, Unit, Window, open_window

ZONE = "Asia/Shanghai"
DAILY = Calendar("day", ZONE)
MIDNIGHT = day_at(1_795_500_000_000, ZONE).starts_at
HOUR = 60 * MINUTE_MS
NOW = MIDNIGHT + 9 * HOUR
DAY = 24 * HOUR
LATER = retry_at(MIDNIGHT + DAY, NOW)
TRIED_AT = MIDNIGHT + 16 * HOUR
DAY_OF_TEN = Quota("day", Scope.ACCOUNT, 10, DAILY)
OPEN = Gate(needs_probe=False, answered=True)
PROBING = entered(Gate(reason=ParkReason.RESET))

DONE = Verdict(Kind.DONE)
FAULT = Verdict(Kind.TRANSIENT, "HTTP 502")
SPENT = Verdict(Kind.SPENT, "tomorrow", Scope.ACCOUNT)
BUSY = Verdict(Kind.THROTTLED, "busy", Scope.ACCOUNT)
UNAUTHORISED = Verdict(Kind.UNAUTHORISED, "no token", Scope.ACCOUNT)
MAYBE = Verdict(Kind.THROTTLED, "limit exceeded", Scope.ACCOUNT, ambiguous=True)


def window(
    spent: int = 0, gate: Gate = OPEN, limit: int = 10, previous_spent: int = 0, model: str = ""
) -> Window:
    scope = Scope.MODEL if model else Scope.ACCOUNT
    fresh = open_window(
        Quota("model day" if model else "day", scope, limit, DAILY), "mine", model, NOW
    )
    return replace(fresh, spent=spent, reserved=1, gate=gate, previous_spent=previous_spent)


def after(
    window: Window,
    verdict: Verdict,
    count: Count | None = None,
    now: int = NOW,
) -> Window:
    """`window` after a call that was a probe if the gate says so."""
    counts: Mapping[str, Count] = {} if count is None else {"day": count}
    return settle_window(window, Outcome(verdict, window.gate.probe_in_flight, counts), now)


def probed_again(window: Window, now: int) -> Window:
    offer = admit([window], 1, now)
    assert isinstance(offer, Admitted)
    return reserve([window], 1, now)[0]


# what is charged


@pytest.mark.parametrize("kind", [Kind.DONE, Kind.TRANSIENT, Kind.REJECTED, Kind.GONE])
def test_what_may_have_been_charged_counts(kind: Kind) -> None:
    ended = after(window(4), Verdict(kind))
    assert (ended.spent, ended.reserved) == (5, 0)


@pytest.mark.parametrize("kind", [Kind.LOCAL, Kind.THROTTLED, Kind.SPENT, Kind.UNAUTHORISED])
def test_a_refusal_is_not_charged(kind: Kind) -> None:
    ended = after(window(4), Verdict(kind, scope=Scope.ACCOUNT))
    assert (ended.spent, ended.reserved) == (4, 0)


def test_a_call_whose_end_nobody_saw_counts_as_spent() -> None:
    ended = settle_unseen(window(4), probe=False)
    assert (ended.spent, ended.reserved, ended.gate) == (5, 0, OPEN)


def test_a_probe_whose_end_nobody_saw_is_sent_again() -> None:
    ended = settle_unseen(window(gate=PROBING), probe=True)
    assert (ended.spent, ended.gate) == (1, replace(PROBING, probe_in_flight=False))


def test_each_window_reads_the_count_of_its_scope() -> None:
    counts = {"day": Count(2_000, 1_500), "model day": Count(200, 150)}
    outcome = Outcome(DONE, counts=counts)
    assert settle_window(window(), outcome, NOW).spent == 500
    assert settle_window(window(model="qwen"), outcome, NOW).spent == 50


# the probe


@pytest.mark.parametrize("kind", [Kind.DONE, Kind.REJECTED])
def test_an_answered_probe_opens_the_gate(kind: Kind) -> None:
    assert after(window(gate=PROBING), Verdict(kind)).gate == OPEN


def test_a_probe_that_tells_nothing_is_sent_again() -> None:
    assert after(window(gate=PROBING), FAULT).gate == replace(PROBING, probe_in_flight=False)


def test_a_refused_account_is_remembered_until_a_call_is_answered_and_may_be_tried_at_once() -> (
    None
):
    gate = after(window(gate=PROBING), UNAUTHORISED).gate
    assert (gate.reason, gate.why, gate.parked_until, gate.needs_probe) == (
        ParkReason.REFUSED,
        "no token",
        NOW,
        True,
    )
    assert after_reset(NOW + 5, gate, NOW).reason is ParkReason.REFUSED
    assert opened(replace(gate, probe_in_flight=True), probe=True) == OPEN


@pytest.mark.parametrize("first", [window(gate=OPEN), window(gate=PROBING, previous_spent=3)])
def test_an_account_that_was_answered_is_tried_again_twice_before_the_user_must_mend_it(
    first: Window,
) -> None:
    waits, refused = [], first
    for _ in range(3):
        refused = after(refused, UNAUTHORISED)
        waits.append(refused.gate.parked_until - NOW)
        refused = replace(refused, gate=entered(refused.gate))
    assert waits == [*REFUSED_WAITS_MS, 0]


def test_the_probe_of_another_window_is_none_of_this_ones() -> None:
    """A model's probe flies beside other calls of the account: its count is not exact there."""
    outcome = Outcome(DONE, probe=True, counts={"day": Count(10, 9)})
    assert settle_window(window(5), outcome, NOW).spent == 5


# a spent allowance


def test_a_spent_allowance_parks_its_window_for_most_of_its_rest_and_teaches_the_limit() -> None:
    ended = after(window(8), SPENT)
    assert (ended.gate.parked_until, ended.gate.reason) == (LATER, ParkReason.SPENT)
    assert (ended.limit, ended.limit_source) == (8, Source.REFUSAL)
    assert ended.gate.needs_probe


def test_a_models_spent_allowance_leaves_the_account_open() -> None:
    verdict = replace(SPENT, scope=Scope.MODEL)
    account = after(window(8), verdict)
    assert (account.gate, account.limit, account.reserved) == (OPEN, 10, 0)
    assert after(window(8, model="qwen"), verdict).gate.reason is ParkReason.SPENT


def test_answers_that_land_after_the_refusal_raise_the_learned_limit() -> None:
    """Ten are allowed; of the calls in flight the eleventh is answered first."""
    parked = replace(after(window(8, limit=10), SPENT), reserved=2)
    ended = after(after(parked, DONE), DONE)
    assert (ended.limit, ended.spent, ended.remaining) == (10, 10, 0)
    assert ended.gate == parked.gate


# a refusal, or a count of nothing, far from the limit

NOON = MIDNIGHT + 12 * HOUR


@pytest.mark.parametrize(
    ("verdict", "count"),
    [(SPENT, None), (SPENT, Count(100, 0)), (DONE, Count(100, 0)), (DONE, Count(None, 0))],
)
def test_what_is_said_to_be_gone_while_much_is_left_is_asked_once_more(
    verdict: Verdict, count: Count | None
) -> None:
    ended = after(window(40, limit=100), verdict, count, now=NOON)
    assert (ended.limit, ended.limit_source) == (100, Source.PRESET)
    assert ended.spent == 40 + (verdict is DONE)
    assert ended.gate.reason is ParkReason.AMBIGUOUS
    assert ended.gate.parked_until == NOON + MINUTE_MS
    opened = after(probed_again(ended, NOON + MINUTE_MS), DONE, now=NOON + MINUTE_MS)
    assert opened.gate == OPEN


def test_what_the_probe_says_is_believed() -> None:
    doubtful = after(window(40, limit=100), SPENT, now=NOON)
    believed = after(probed_again(doubtful, NOON + MINUTE_MS), SPENT, now=NOON + MINUTE_MS)
    assert (believed.limit, believed.limit_source) == (40, Source.REFUSAL)
    assert believed.gate.parked_until == retry_at(believed.resets_at, NOON + MINUTE_MS)


def test_refusals_that_contradict_the_counts_are_asked_about_again_later_in_the_day() -> None:
    """The headers had shown that 60 calls are left; it may be an hour's trouble of the provider."""
    told = replace(window(40, limit=100), limit_source=Source.HEADER)
    doubtful = after(told, SPENT, now=NOON)
    again = NOON + MINUTE_MS
    believed = after(probed_again(doubtful, again), SPENT, now=again)
    assert (believed.limit, believed.gate.reason) == (100, ParkReason.SPENT)
    later = believed.gate.parked_until
    assert later == retry_at(believed.resets_at, again)
    answered = after(probed_again(believed, later), DONE, now=later)
    assert (answered.remaining, answered.gate) == (59, OPEN)
    while believed.gate.parked_until < believed.resets_at:
        later = believed.gate.parked_until
        believed = after(probed_again(believed, later), SPENT, now=later)
    assert believed.refused <= MOST_REFUSALS


@pytest.mark.parametrize("spent", [97, 96])
def test_near_the_limit_a_refusal_is_believed_at_once(spent: int) -> None:
    ended = after(window(spent, limit=100), SPENT, now=NOON)
    assert (ended.gate.reason is ParkReason.SPENT) is (spent == 97)


@pytest.mark.parametrize("spent", [89, 88])
def test_the_end_of_a_day_that_is_named_is_believed_with_a_tenth_left(spent: int) -> None:
    ended = after(window(spent, limit=100), SPENT, Count(100, 0, HOUR), now=NOON)
    assert (ended.gate.reason is ParkReason.SPENT) is (spent == 89)


def test_an_answer_proves_that_a_count_of_nothing_was_not_true() -> None:
    """However often it is said: each answered probe says that something had been left."""
    nothing = Count(100, 0)
    first = after(window(40, limit=100), DONE, nothing, now=NOON)
    again = after(probed_again(first, NOON + MINUTE_MS), DONE, nothing, now=NOON + MINUTE_MS)
    assert (again.gate.reason, again.spent) == (ParkReason.AMBIGUOUS, 42)
    assert again.gate.parked_until == NOON + 2 * MINUTE_MS
    refused = after(probed_again(again, NOON + HOUR), SPENT, nothing, now=NOON + HOUR)
    assert refused.gate.parked_until == refused.resets_at


def test_a_wrong_count_and_a_wrong_refusal_in_a_row_cost_two_minutes() -> None:
    counted = after(window(40, limit=100), DONE, Count(100, 0), now=NOON)
    refused = after(probed_again(counted, NOON + MINUTE_MS), SPENT, now=NOON + MINUTE_MS)
    assert (refused.gate.reason, refused.limit) == (ParkReason.AMBIGUOUS, 100)
    again = NOON + 2 * MINUTE_MS
    believed = after(probed_again(refused, again), SPENT, now=again)
    assert (believed.gate.reason, believed.limit) == (ParkReason.SPENT, 41)


def test_a_limit_of_nothing_beside_an_answer_is_waited_for_a_minute_and_not_for_ever() -> None:
    ended = after(window(40, limit=100), DONE, Count(0, 0), now=NOON)
    assert (ended.limit, ended.gate.reason) == (100, ParkReason.AMBIGUOUS)
    refused = after(probed_again(ended, NOON + MINUTE_MS), SPENT, Count(0, 0), NOON + MINUTE_MS)
    assert (refused.limit, refused.remaining) == (0, 0)
    assert roll_over(refused, DAY_OF_TEN, refused.resets_at, 0).gate.needs_probe


def test_soon_after_a_reset_that_a_count_has_shown_a_refusal_is_doubted() -> None:
    told = replace(window(5, limit=100, previous_spent=99), limit_source=Source.HEADER)
    ended = after(told, SPENT, now=MIDNIGHT + HOUR)
    assert (ended.spent, ended.gate.reason) == (5, ParkReason.AMBIGUOUS)


def test_soon_after_a_reset_a_refusal_that_yesterday_does_not_explain_is_doubted() -> None:
    """Nothing was spent yesterday; believed, it would teach a limit of a single call."""
    ended = after(window(1, limit=40), SPENT, now=MIDNIGHT + 23 * MINUTE_MS)
    assert (ended.limit, ended.gate.reason) == (40, ParkReason.AMBIGUOUS)
    late = after(window(1, limit=40, previous_spent=40), SPENT, now=MIDNIGHT + 23 * MINUTE_MS)
    assert (late.limit, late.spent, late.gate.reason) == (40, 0, ParkReason.SPENT)


# a limit learned from a refusal, tried again


def learned(spent: int, **changes: Any) -> Window:
    """A day with a limit of four, which a refusal had taught the day before."""
    known = {"limit": 4, "limit_source": Source.REFUSAL, "limit_learned_at": NOW - DAY}
    return replace(window(spent), **({"reserved": 0} | known | changes))


def test_a_limit_learned_from_a_refusal_is_tried_again_each_day_with_one_call() -> None:
    tried = roll_over(learned(4), DAY_OF_TEN, TRIED_AT, 0)
    assert (tried.limit, tried.gate.needs_probe) == (10, True)
    assert tried.limit_recheck is LimitRecheck.UNDER_WAY
    answered = after(probed_again(tried, TRIED_AT), DONE, now=TRIED_AT)
    assert (answered.remaining, answered.gate) == (5, OPEN)
    following = roll_over(answered, DAY_OF_TEN, MIDNIGHT + DAY, 0)
    assert (following.limit, following.limit_source) == (5, Source.REFUSAL)


def test_a_learned_limit_that_is_used_up_early_is_not_tried_before_two_thirds_of_the_day() -> None:
    """So that what is added until then is noticed, at the cost of no further refusal."""
    early = roll_over(learned(4), DAY_OF_TEN, TRIED_AT - 1, 0)
    assert early.limit_recheck is LimitRecheck.AHEAD
    refused = admit([early], 1, TRIED_AT - 1)
    assert isinstance(refused, Refused)
    assert refused.until == TRIED_AT == MIDNIGHT + 16 * HOUR
    kept = admit([replace(early, reserve=1)], 1, NOW)
    assert isinstance(kept, Refused)
    assert kept.until == MIDNIGHT + DAY


@pytest.mark.parametrize(("source", "part"), [(Source.REFUSAL, 2 / 3), (Source.HEADER, 1)])
def test_a_learned_limit_is_planned_to_be_used_up_while_something_of_the_day_is_left(
    source: Source, part: float
) -> None:
    started = replace(learned(0, limit_source=source), last_start_at=MIDNIGHT, gate=OPEN)
    route = ("mine", "qwen")
    demand = Demand(1, (route,), 10**6, rules=Rules(Pace.EVEN))
    waits = decide(State({route: RouteState((started,))}), [demand], MIDNIGHT)
    assert isinstance(waits, Wait)
    assert waits.until == MIDNIGHT + (round(part * DAY) - SAFETY_MS) // 5


def test_beyond_a_learned_limit_one_call_at_a_time_is_made() -> None:
    tried = roll_over(learned(4), DAY_OF_TEN, TRIED_AT, 0)
    answered = after(probed_again(tried, TRIED_AT), DONE, now=TRIED_AT)
    assert admit([answered], 5, TRIED_AT) == Admitted(1, probe=False)
    refused = admit([replace(answered, reserved=1)], 5, TRIED_AT)
    assert isinstance(refused, Refused)
    assert refused.until is None


def test_a_try_that_is_refused_is_the_last_one_of_the_day() -> None:
    tried = roll_over(learned(4), DAY_OF_TEN, TRIED_AT, 0)
    refused = after(probed_again(tried, TRIED_AT), SPENT, now=TRIED_AT)
    assert (refused.limit, refused.limit_source) == (4, Source.REFUSAL)
    assert refused.gate.parked_until == refused.resets_at
    assert roll_over(refused, DAY_OF_TEN, refused.resets_at - 1, 0) == refused
    assert roll_over(refused, DAY_OF_TEN, refused.resets_at, 0).limit == 4


def test_a_limit_raised_in_mid_day_is_noticed_within_the_day() -> None:
    """The day on which it was refused is tried again once."""
    refused = after(window(8), SPENT)
    assert roll_over(replace(refused, reserved=0), DAY_OF_TEN, LATER - 1, 0).limit == 8
    tried = roll_over(replace(refused, reserved=0), DAY_OF_TEN, LATER, 0)
    raised = after(probed_again(tried, LATER), DONE, now=LATER)
    assert (raised.spent, raised.remaining) == (9, 1)


# one budget of refusals a day


def refused_before(number: int, **changes: Any) -> Window:
    return replace(learned(4, **changes), refused=number)


def test_a_limit_is_not_tried_on_a_day_that_was_refused_four_times() -> None:
    """Whatever for: a late reset may have cost them."""
    once_more = roll_over(refused_before(MOST_REFUSALS - 1), DAY_OF_TEN, TRIED_AT, 0)
    assert once_more.limit_recheck is LimitRecheck.UNDER_WAY
    too_often = roll_over(refused_before(MOST_REFUSALS), DAY_OF_TEN, TRIED_AT, 0)
    assert too_often.limit_recheck is LimitRecheck.NONE


def test_a_day_that_was_refused_often_is_not_tried_again_when_it_is_refused_once_more() -> None:
    spent = replace(window(8), refused=MOST_REFUSALS - 1)
    assert after(replace(spent, refused=0), SPENT).gate.parked_until == LATER
    assert after(spent, SPENT).gate.parked_until == spent.resets_at
    fresh = replace(window(gate=PROBING), refused=MOST_REFUSALS)
    assert after(fresh, SPENT, now=MIDNIGHT).gate.parked_until == fresh.resets_at


def test_of_a_burst_one_refusal_counts_and_a_doubtful_one_is_always_followed_up() -> None:
    both = replace(window(40, limit=100), reserved=2)
    doubted = after(after(both, SPENT, now=NOON), SPENT, now=NOON)
    assert (doubted.gate.reason, doubted.refused) == (ParkReason.AMBIGUOUS, 1)
    later = NOON + MINUTE_MS
    assert after(probed_again(doubted, later), DONE, now=later).refused == 1
    assert after(probed_again(doubted, later), SPENT, now=later).refused == 2
    often = after(replace(both, refused=MOST_REFUSALS), SPENT, now=NOON)
    assert (often.gate.reason, often.gate.parked_until) == (ParkReason.AMBIGUOUS, later)


def test_the_last_call_of_a_day_shows_that_a_header_with_a_limit_of_0_is_wrong() -> None:
    told = replace(window(9), limit_source=Source.HEADER)
    answered = after(told, DONE, Count(0, 0))
    assert (answered.limit, answered.spent, answered.gate) == (10, 10, OPEN)


def test_a_limit_of_0_is_kept_for_its_day_only() -> None:
    """The next day's probe tells whether it still holds."""
    gone = replace(window(0), limit=0, limit_source=Source.HEADER, limit_learned_at=NOW)
    fresh = roll_over(gone, DAY_OF_TEN, gone.resets_at, 0)
    assert (fresh.limit, fresh.gate.needs_probe) == (10, True)
    assert admit([fresh], 5, fresh.starts_at) == Admitted(1, probe=True)


@pytest.mark.parametrize("before", range(MOST_REFUSALS))
def test_beyond_a_learned_limit_a_refusal_is_asked_about_only_if_the_budget_allows_both(
    before: int,
) -> None:
    """A call beyond it was answered; then this one is refused, and the probe would be as well."""
    tried = roll_over(learned(4, refused=before), DAY_OF_TEN, TRIED_AT, 0)
    answered = after(probed_again(tried, TRIED_AT), DONE, now=TRIED_AT)
    refused = after(replace(answered, reserved=1), SPENT, now=TRIED_AT)
    while refused.gate.parked_until < refused.resets_at:
        again = refused.gate.parked_until
        refused = after(probed_again(refused, again), SPENT, now=again)
    assert (refused.limit, refused.limit_source) == (5, Source.REFUSAL)
    assert refused.refused <= MOST_REFUSALS


def test_the_same_day_renewed_keeps_its_refusals_and_the_next_day_has_none() -> None:
    early = replace(window(8), resets_at=NOON, refused=2, reserved=0)
    assert roll_over(early, DAY_OF_TEN, NOON, 0).refused == 2
    assert roll_over(early, DAY_OF_TEN, MIDNIGHT + DAY, 0).refused == 0


def test_late_in_the_day_a_refused_day_is_given_up() -> None:
    assert retry_at(MIDNIGHT + DAY, MIDNIGHT + DAY - HOUR) == MIDNIGHT + DAY


@pytest.mark.parametrize("changes", [{"reserve": 1}, {"reserved": 1}, {"limit": 5}])
def test_nothing_is_tried_that_the_user_keeps_or_that_is_in_flight(changes: Any) -> None:
    kept = learned(4, **changes)
    rule = replace(DAY_OF_TEN, reserve=kept.reserve)
    assert roll_over(kept, rule, TRIED_AT, 0).limit_recheck is not LimitRecheck.UNDER_WAY


def test_a_lower_limit_that_is_told_with_the_count_is_believed() -> None:
    ended = after(window(40, limit=100), DONE, Count(41, 0), now=NOON)
    assert (ended.limit, ended.remaining) == (41, 0)


def test_a_lower_limit_is_no_reason_to_believe_that_all_of_it_is_gone() -> None:
    ended = after(window(40, limit=200), DONE, Count(100, 0), now=NOON)
    assert (ended.limit, ended.gate.reason) == (200, ParkReason.AMBIGUOUS)


# a reset that is late


def test_a_refused_probe_of_an_untouched_window_waits_for_a_late_reset() -> None:
    ended = after(window(gate=PROBING), SPENT, now=MIDNIGHT)
    assert (ended.spent, ended.reserved, ended.limit) == (0, 0, 10)
    assert ended.gate == Gate(
        MIDNIGHT + LATE_WAITS_MS[0], reason=ParkReason.SPENT, refusals=1, why="tomorrow"
    )
    again = after(probed_again(ended, ended.gate.parked_until), SPENT, now=ended.gate.parked_until)
    assert again.gate.parked_until == ended.gate.parked_until + LATE_WAITS_MS[1]


def test_a_count_that_goes_on_from_yesterdays_was_not_reset_yet() -> None:
    ended = after(window(gate=PROBING, previous_spent=4), DONE, Count(10, 5), now=MIDNIGHT)
    assert (ended.spent, ended.gate.reason) == (0, ParkReason.SPENT)
    assert ended.gate.why == "the provider has not reset its count yet"


def test_a_fault_that_was_counted_here_alone_does_not_hide_a_late_reset() -> None:
    """Yesterday counted five here and four there, and the fifth is answered after midnight."""
    ended = after(window(gate=PROBING, previous_spent=5), DONE, Count(5, 0), now=MIDNIGHT)
    assert (ended.remaining, ended.gate.reason) == (10, ParkReason.SPENT)


def test_one_call_on_each_of_two_days_is_no_late_reset() -> None:
    ended = after(window(gate=PROBING, previous_spent=1), DONE, Count(1, 0), now=MIDNIGHT)
    assert (ended.spent, ended.gate) == (1, OPEN)


def test_hours_after_the_reset_a_high_count_is_somebody_elses() -> None:
    ended = after(window(gate=PROBING, previous_spent=4), DONE, Count(10, 5))
    assert (ended.spent, ended.gate) == (5, OPEN)


@pytest.mark.parametrize("previous_spent", [0, 10])
def test_a_count_far_below_yesterdays_is_todays(previous_spent: int) -> None:
    ended = after(
        window(gate=PROBING, previous_spent=previous_spent), DONE, Count(10, 5), now=MIDNIGHT
    )
    assert (ended.spent, ended.gate) == (5, OPEN)


def test_a_models_late_reset_does_not_hold_up_the_account() -> None:
    verdict = replace(SPENT, scope=Scope.MODEL)
    account = after(window(gate=PROBING), verdict, now=MIDNIGHT)
    assert account.gate == replace(PROBING, probe_in_flight=False)


def test_a_fault_before_a_late_reset_costs_neither_the_day_nor_the_limit() -> None:
    """The first probe fails and counts; the second meets the old day. Nothing was answered yet."""
    failed = after(window(gate=PROBING), FAULT, now=MIDNIGHT)
    late = after(probed_again(failed, MIDNIGHT), SPENT, now=MIDNIGHT)
    assert (late.limit, late.limit_source) == (10, Source.PRESET)
    assert late.gate.parked_until == MIDNIGHT + LATE_WAITS_MS[0]


def test_a_fault_between_two_probes_of_a_late_reset_changes_nothing() -> None:
    late = after(window(gate=PROBING), SPENT, now=MIDNIGHT)
    failed = after(probed_again(late, NOW), FAULT, now=MIDNIGHT + MINUTE_MS)
    again = after(probed_again(failed, NOW), SPENT, now=MIDNIGHT + 2 * MINUTE_MS)
    assert (again.limit, again.gate.refusals) == (10, 2)


def test_yesterdays_leftover_spent_before_a_late_reset_is_not_taken_for_the_days_limit() -> None:
    """Yesterday left three of ten; after midnight three were answered, and the fourth refused."""
    ended = after(window(3, previous_spent=7), SPENT, now=MIDNIGHT + 1)
    assert (ended.limit, ended.limit_source) == (10, Source.PRESET)
    assert (ended.spent, ended.reserved) == (0, 0)
    assert ended.gate.parked_until == MIDNIGHT + 1 + LATE_WAITS_MS[0]


@pytest.mark.parametrize(
    ("spent", "previous_spent", "now"),
    [(8, 8, MIDNIGHT), (9, 0, MIDNIGHT), (8, 9, NOW)],
    ids=["as much as yesterday", "no day before", "hours later"],
)
def test_a_refusal_that_yesterday_does_not_explain_is_todays(
    spent: int, previous_spent: int, now: int
) -> None:
    ended = after(window(spent, previous_spent=previous_spent), SPENT, now=now)
    assert (ended.limit, ended.gate.parked_until) == (spent, retry_at(MIDNIGHT + DAY, now))


def test_a_day_that_allows_less_than_yesterday_did_was_not_reset_yet() -> None:
    """Faults were counted yesterday that the provider did not charge: it had more left."""
    ended = after(window(1, previous_spent=10), SPENT, now=MIDNIGHT)
    assert (ended.limit, ended.gate.parked_until) == (10, MIDNIGHT + LATE_WAITS_MS[0])


def test_yesterdays_rest_is_not_taken_for_the_days_limit_while_the_reset_may_be_late() -> None:
    leftover = window(spent=4, limit=14, previous_spent=7)
    late = after(leftover, SPENT, now=MIDNIGHT + 3 * MINUTE_MS)
    assert (late.spent, late.limit, late.limit_source) == (0, 14, Source.PRESET)
    later = after(leftover, SPENT, now=MIDNIGHT + 2 * HOUR + 3 * MINUTE_MS)
    assert (later.spent, later.gate.reason) == (4, ParkReason.AMBIGUOUS), "asked once more"


def test_without_a_limit_nobody_knows_what_yesterday_left() -> None:
    unlimited = replace(window(3, previous_spent=3), limit=None)
    assert after(unlimited, SPENT, now=MIDNIGHT).limit == 3


# the provider's clock


# throttling


def test_a_throttle_shuts_its_window_for_seconds() -> None:
    gate = after(window(4), BUSY).gate
    assert (gate.parked_until, gate.reason) == (NOW + THROTTLE_WAITS_MS[0], ParkReason.THROTTLED)


def test_a_throttle_waits_as_long_as_the_provider_asks() -> None:
    assert after(window(4), replace(BUSY, wait_ms=90_000)).gate.parked_until == NOW + 90_000


def test_a_retired_model_is_left_alone_for_a_while() -> None:
    gone = after(window(4, model="qwen"), Verdict(Kind.GONE)).gate
    assert (gone.parked_until, gone.reason) == (NOW + GONE_WAITS_MS[0], ParkReason.GONE)
    assert after(window(4), Verdict(Kind.GONE)).gate == OPEN


def test_a_model_that_stays_retired_is_looked_for_ever_more_rarely() -> None:
    """Each look costs a call: four a day at the most, and then one."""
    found, waits, now = window(4, model="qwen"), list[int](), NOW
    for _ in range(5):
        asked = replace(found, reserved=1, gate=entered(found.gate))
        found = settle_window(asked, Outcome(Verdict(Kind.GONE), probe=True), now)
        waits.append(found.gate.parked_until - now)
        now = found.gate.parked_until
    assert waits == [*GONE_WAITS_MS, GONE_WAITS_MS[-1]]


def test_a_machine_without_network_pauses_the_account_and_spends_nothing() -> None:
    offline = Verdict(Kind.LOCAL, "no route to host", Scope.ACCOUNT)
    account = after(window(4), offline)
    assert (account.spent, account.reserved) == (4, 0)
    assert account.gate.parked_until == NOW + OFFLINE_WAITS_MS[0]
    assert account.gate.reason is ParkReason.OFFLINE
    assert after(window(4, model="qwen"), offline).gate == OPEN


# an ambiguous 429


def test_an_ambiguous_refusal_waits_first() -> None:
    ended = after(window(4), MAYBE)
    assert ended.gate.reason is ParkReason.AMBIGUOUS
    assert ended.gate.parked_until == NOW + AMBIGUOUS_WAIT_MS
    assert ended.limit == 10


def test_an_ambiguous_refusal_waits_at_least_as_long_as_the_provider_asks() -> None:
    assert after(window(4), replace(MAYBE, wait_ms=90_000)).gate.parked_until == NOW + 90_000


def test_an_ambiguous_refusal_of_the_probe_after_it_is_a_spent_allowance() -> None:
    waits = after(window(4), MAYBE)
    later = waits.gate.parked_until
    parked = after(probed_again(waits, later), MAYBE, now=later)
    assert parked.gate.reason is ParkReason.SPENT
    assert parked.gate.parked_until == retry_at(MIDNIGHT + DAY, later)


def test_an_ambiguous_refusal_of_the_same_burst_does_not_escalate() -> None:
    waits = replace(after(window(4), MAYBE), reserved=1)
    assert after(waits, MAYBE).gate == waits.gate


def test_an_answered_probe_ends_the_escalation() -> None:
    waits = after(window(4), MAYBE)
    opened = after(probed_again(waits, waits.gate.parked_until), DONE)
    assert opened.gate == OPEN
    assert after(replace(opened, reserved=1), MAYBE).gate.reason is ParkReason.AMBIGUOUS


def test_a_count_tells_an_ambiguous_refusal_apart() -> None:
    assert after(window(4), MAYBE, Count(10, 0)).gate.reason is ParkReason.SPENT
    assert after(window(4), MAYBE, Count(10, 3)).gate.reason is ParkReason.THROTTLED


def test_an_ambiguous_refusal_of_the_account_says_nothing_of_a_model() -> None:
    assert after(window(4, model="qwen"), MAYBE).gate == OPEN


def test_fault_after_fault_breaks_the_circuit_of_the_model() -> None:
    """And of nobody else: the account's other models go on."""
    model, account = window(model="qwen"), window()
    for _ in range(FAULTS_TO_BREAK):
        model = replace(after(model, FAULT), reserved=1)
        account = replace(after(account, FAULT), reserved=1)
    assert (model.gate.reason, model.gate.parked_until) == (
        ParkReason.CIRCUIT_OPEN,
        NOW + CIRCUIT_WAITS_MS[0],
    )
    assert not account.gate.needs_probe


@pytest.mark.parametrize(("spent", "learned"), [(2, 2), (1, 10)])
def test_a_limit_tried_again_tells_no_late_reset_of_a_day_that_was_full(
    spent: int, learned: int
) -> None:
    """Its two calls a day are refused a third again: that is the limit, not yesterday's rest.

    Of a day that was not full there was a rest: the reset may be late.
    """
    rule = Quota("day", Scope.ACCOUNT, 10, DAILY)
    old = replace(
        window(spent, limit=2),
        limit_source=Source.REFUSAL,
        limit_learned_at=NOW - WEEK_MS - DAY,
    )
    now = MIDNIGHT + DAY + MINUTE_MS
    tried = replace(roll_over(old, rule, now, 0), spent=2, reserved=1, gate=OPEN)
    refused = after(tried, SPENT, now=now)
    if refused.gate.reason is ParkReason.AMBIGUOUS:
        refused = after(probed_again(refused, now + MINUTE_MS), SPENT, now=now + MINUTE_MS)
    assert refused.limit == learned


# several calls at once

plain_verdicts = st.sampled_from(
    [
        Verdict(Kind.DONE),
        Verdict(Kind.REJECTED),
        Verdict(Kind.THROTTLED, "busy"),
        Verdict(Kind.SPENT, "tomorrow", Scope.ACCOUNT),
        Verdict(Kind.TRANSIENT, "HTTP 502"),
    ]
)
counts_told = st.none() | st.builds(
    Count, limit=st.none() | st.sampled_from([50, 100]), remaining=st.integers(0, 50)
)
periods = st.sampled_from([Calendar("day", ZONE), Rolling(60_000), Refill(60_000), Grant()])


@given(
    period=periods,
    unit=st.sampled_from(Unit),
    limit=st.none() | st.integers(1, 60),
    source=st.sampled_from([Source.PRESET, Source.HEADER]),
    spent=st.integers(0, 60),
    unconfirmed=st.booleans(),
    gate=st.sampled_from([OPEN, PROBING, Gate(needs_probe=False, faults=3)]),
    ends=st.lists(
        st.tuples(plain_verdicts, counts_told, st.none() | st.integers(0, 9), st.booleans()),
        max_size=8,
    ),
)
def test_calls_that_end_together_settle_as_one_after_the_other(
    period: Period,
    unit: Unit,
    limit: int | None,
    source: Source,
    spent: int,
    *,
    unconfirmed: bool,
    gate: Gate,
    ends: list[tuple[Verdict, Count | None, int | None, bool]],
) -> None:
    rule = Quota("rule", Scope.ACCOUNT, limit, period, source, unit=unit)
    begun = open_window(rule, "mine", "", NOW)
    recent = ((NOW, spent),) if isinstance(period, Rolling) and spent else ()
    begun = replace(
        begun,
        spent=spent,
        recent=recent,
        reserved=len(ends),
        unconfirmed=((NOW, 1),) if unconfirmed else (),
        gate=gate,
    )
    outcomes = [
        Outcome(verdict, probe, {} if count is None else {"rule": count}, tokens, NOW - 5)
        for verdict, count, tokens, probe in ends
    ]
    expected = begun
    for outcome in outcomes:
        expected = settle_window(expected, outcome, NOW + 10)
    assert settle_calls(begun, outcomes, NOW + 10) == expected


def test_what_a_count_holds_beyond_our_calls_was_taken_by_others() -> None:
    ended = after(window(40, limit=100), DONE, Count(100, 49))
    assert (ended.spent, [taken for _, taken in ended.others]) == (51, [10])
    following = roll_over(replace(ended, reserved=0), DAY_OF_TEN, MIDNIGHT + DAY, 0)
    assert following.others == ended.others
    assert after(window(40, limit=100), DONE, Count(100, 59)).others == ()
    assert after(window(40, limit=100), DONE).others == ()

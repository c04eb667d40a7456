"""What the end of a call does to the windows it was reserved in."""

from collections.abc import Mapping
from dataclasses import replace

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
from runner.core.gate import (
    AMBIGUOUS_WAIT_MS,
    CIRCUIT_WAITS_MS,
    FAULTS_TO_BREAK,
    GONE_WAITS_MS,
    MINUTE_MS,
    OFFLINE_WAITS_MS,
    PROBE_WAITS_MS,
    THROTTLE_WAITS_MS,
    Gate,
    ParkReason,
    after_reset,
    entered,
    opened,
)
from runner.core.period import Calendar, Grant, Period, Refill, Rolling
from runner.core.quota import Admitted, admit, reserve
from runner.core.renewal import WEEK_MS, roll_over
from runner.core.verdict import Kind, Scope, Verdict
from runner.core.window import Count, Quota, Source, Unit, Window, open_window

ZONE = "Asia/Shanghai"
DAILY = Calendar("day", ZONE)
MIDNIGHT = day_at(1_795_500_000_000, ZONE).starts_at
HOUR = 60 * MINUTE_MS
NOW = MIDNIGHT + 9 * HOUR
DAY = 24 * HOUR
OPEN = Gate(needs_probe=False, answered=True)
PROBING = entered(Gate(reason=ParkReason.RESET))

DONE = Verdict(Kind.DONE)
FAULT = Verdict(Kind.TRANSIENT, "HTTP 502")
SPENT = Verdict(Kind.SPENT, "tomorrow", Scope.ACCOUNT)
BUSY = Verdict(Kind.THROTTLED, "busy", Scope.ACCOUNT)
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
    refused = after(window(gate=OPEN), Verdict(Kind.UNAUTHORISED, "no token", Scope.ACCOUNT))
    gate = refused.gate
    assert (gate.reason, gate.why, gate.parked_until, gate.needs_probe) == (
        ParkReason.REFUSED,
        "no token",
        NOW,
        True,
    )
    assert after_reset(NOW + 5, gate, NOW).reason is ParkReason.REFUSED
    assert opened(replace(gate, probe_in_flight=True), probe=True) == OPEN


def test_the_probe_of_another_window_is_none_of_this_ones() -> None:
    """A model's probe flies beside other calls of the account: its count is not exact there."""
    outcome = Outcome(DONE, probe=True, counts={"day": Count(10, 9)})
    assert settle_window(window(5), outcome, NOW).spent == 5


# a spent allowance


def test_a_spent_allowance_parks_its_window_until_the_reset_and_teaches_the_limit() -> None:
    ended = after(window(6), SPENT)
    assert (ended.gate.parked_until, ended.gate.reason) == (MIDNIGHT + DAY, ParkReason.SPENT)
    assert (ended.limit, ended.limit_source) == (6, Source.REFUSAL)
    assert ended.gate.needs_probe


def test_a_models_spent_allowance_leaves_the_account_open() -> None:
    verdict = replace(SPENT, scope=Scope.MODEL)
    account = after(window(6), verdict)
    assert (account.gate, account.limit, account.reserved) == (OPEN, 10, 0)
    assert after(window(6, model="qwen"), verdict).gate.reason is ParkReason.SPENT


def test_answers_that_land_after_the_refusal_raise_the_learned_limit() -> None:
    """Ten are allowed; of the calls in flight the eleventh is answered first."""
    parked = replace(after(window(8, limit=20), SPENT), reserved=2)
    ended = after(after(parked, DONE), DONE)
    assert (ended.limit, ended.spent, ended.remaining) == (10, 10, 0)
    assert ended.gate == parked.gate


# a reset that is late


def test_a_refused_probe_of_an_untouched_window_waits_for_a_late_reset() -> None:
    ended = after(window(gate=PROBING), SPENT, now=MIDNIGHT)
    assert (ended.spent, ended.reserved, ended.limit) == (0, 0, 10)
    assert ended.gate == Gate(
        MIDNIGHT + MINUTE_MS, reason=ParkReason.SPENT, refusals=1, why="tomorrow"
    )
    again = after(probed_again(ended, ended.gate.parked_until), SPENT, now=ended.gate.parked_until)
    assert again.gate.parked_until == ended.gate.parked_until + PROBE_WAITS_MS[1]


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
    assert late.gate.parked_until == MIDNIGHT + MINUTE_MS


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
    assert ended.gate.parked_until == MIDNIGHT + 1 + MINUTE_MS


@pytest.mark.parametrize(
    ("spent", "previous_spent", "now"),
    [(7, 7, MIDNIGHT), (3, 0, MIDNIGHT), (3, 7, NOW)],
    ids=["as much as yesterday", "no day before", "hours later"],
)
def test_a_refusal_that_yesterday_does_not_explain_is_todays(
    spent: int, previous_spent: int, now: int
) -> None:
    ended = after(window(spent, previous_spent=previous_spent), SPENT, now=now)
    assert (ended.limit, ended.gate.parked_until) == (spent, MIDNIGHT + DAY)


def test_a_day_that_allows_less_than_yesterday_did_was_not_reset_yet() -> None:
    """Faults were counted yesterday that the provider did not charge: it had more left."""
    ended = after(window(1, previous_spent=10), SPENT, now=MIDNIGHT)
    assert (ended.limit, ended.gate.parked_until) == (10, MIDNIGHT + MINUTE_MS)


def test_yesterdays_rest_is_not_taken_for_the_days_limit_while_the_reset_may_be_late() -> None:
    leftover = window(spent=4, limit=20, previous_spent=13)
    late = after(leftover, SPENT, now=MIDNIGHT + 3 * MINUTE_MS)
    assert (late.spent, late.limit, late.limit_source) == (0, 20, Source.PRESET)
    assert after(leftover, SPENT, now=MIDNIGHT + HOUR + 3 * MINUTE_MS).limit == 4


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
    assert (parked.gate.reason, parked.gate.parked_until) == (ParkReason.SPENT, MIDNIGHT + DAY)


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
    assert after(tried, SPENT, now=now).limit == learned


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

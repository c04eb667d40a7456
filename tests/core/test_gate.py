"""Who may call while a window is parked, and when it is tried again."""

from dataclasses import replace

import pytest

from runner.core.gate import (
    AMBIGUOUS_WAIT_MS,
    CIRCUIT_WAITS_MS,
    FAULTS_TO_BREAK,
    HOUR_MS,
    LATE_RESET_MS,
    LATE_WAITS_MS,
    MINUTE_MS,
    OFFLINE_WAITS_MS,
    THROTTLE_WAITS_MS,
    Gate,
    ParkReason,
    after_reset,
    before_burst,
    entered,
    faulted,
    offline_until,
    opened,
    park,
    probe_lost,
    reprobe_at,
    throttled_until,
)

DAY = 24 * HOUR_MS
OPEN = Gate(needs_probe=False, answered=True)
FRESH = Gate(reason=ParkReason.RESET)
PROBING = entered(FRESH)


def spent(refusals: int) -> Gate:
    return Gate(reason=ParkReason.SPENT, refusals=refusals)


def test_a_gate_starts_with_a_probe() -> None:
    assert Gate().needs_probe
    assert entered(Gate()).probe_in_flight


def test_calls_through_an_open_gate_are_no_probes() -> None:
    assert entered(OPEN) == OPEN


def test_only_the_probe_opens_a_gate() -> None:
    assert opened(PROBING, probe=True) == OPEN
    assert opened(PROBING, probe=False) == PROBING


def test_an_answer_through_an_open_gate_leaves_it_open() -> None:
    assert opened(OPEN, probe=False) == OPEN


def test_a_lost_probe_may_be_sent_again() -> None:
    assert probe_lost(PROBING, probe=True) == FRESH
    assert probe_lost(PROBING, probe=False) == PROBING


def test_a_refusal_shuts_the_gate_and_asks_for_a_probe() -> None:
    gate = park(OPEN, 500, ParkReason.THROTTLED, "busy", probe=False)
    assert gate == replace(
        OPEN,
        parked_until=500,
        needs_probe=True,
        reason=ParkReason.THROTTLED,
        refusals=1,
        why="busy",
    )


def test_refusals_of_the_same_burst_count_once_and_may_only_push_the_opening_back() -> None:
    gate = park(OPEN, 500, ParkReason.THROTTLED, "busy", probe=False)
    assert park(gate, 400, ParkReason.SPENT, "spent", probe=False) == gate
    assert park(gate, 600, ParkReason.SPENT, "spent", probe=False) == replace(
        gate, parked_until=600
    )


def test_refused_probes_are_counted_by_cause() -> None:
    gate = park(PROBING, 1, ParkReason.SPENT, "", probe=True)
    gate = park(entered(gate), 2, ParkReason.SPENT, "", probe=True)
    assert (gate.refusals, gate.probe_in_flight) == (2, False)
    assert park(entered(gate), 3, ParkReason.THROTTLED, "", probe=True).refusals == 1


def test_a_fresh_window_waits_its_margin_and_forgets_the_day_before() -> None:
    assert after_reset(1_030, spent(5), 1_000) == Gate(1_030, reason=ParkReason.RESET)


def test_a_wait_that_is_not_the_days_outlives_the_reset() -> None:
    old = Gate(5_000, probe_in_flight=True, reason=ParkReason.OFFLINE, refusals=3, why="no network")
    assert after_reset(1_030, old, 1_000) == replace(old, probe_in_flight=False)


def test_a_wait_that_outlives_the_reset_is_no_shorter_than_the_margin() -> None:
    old = Gate(1_001, reason=ParkReason.THROTTLED)
    assert after_reset(1_030, old, 1_000).parked_until == 1_030


def test_four_refusals_at_most_meet_a_late_reset_whatever_its_lateness() -> None:
    asked, now = [], 0
    while now < DAY:
        asked.append(now // MINUTE_MS)
        now = reprobe_at(spent(len(asked) - 1), 0, DAY, now)
    assert asked == [0, 10, 91, 765]


def test_a_month_that_was_not_reset_is_asked_about_once_a_day() -> None:
    month = 30 * DAY
    assert reprobe_at(spent(2), 0, month, now=DAY) == 2 * DAY
    assert reprobe_at(spent(9), 0, month, now=month - 1) == month


def test_calls_that_are_refused_together_wait_as_long_as_the_first() -> None:
    parked = park(Gate(), 5_000, ParkReason.THROTTLED, "", probe=True)
    assert throttled_until(before_burst(parked, probe=False), None, 0) == THROTTLE_WAITS_MS[0]
    assert throttled_until(before_burst(parked, probe=True), None, 0) == THROTTLE_WAITS_MS[1]


def test_a_first_refusal_waits_least_whatever_shut_the_gate_before() -> None:
    gate = Gate(reason=ParkReason.THROTTLED, refusals=4)
    assert reprobe_at(gate, 0, DAY, now=7) == 7 + LATE_WAITS_MS[0]


def test_a_day_that_somebody_else_spent_is_asked_about_rarely() -> None:
    now = LATE_RESET_MS + 1
    waits = [(reprobe_at(spent(n), 0, DAY, now) - now) // MINUTE_MS for n in range(5)]
    assert waits == [659, 659, 659, 1319, 1319]


def test_no_probe_is_put_off_beyond_the_reset() -> None:
    assert reprobe_at(spent(9), 0, DAY, now=DAY - 1) == DAY


def test_throttling_waits_longer_each_time() -> None:
    gates = [Gate(reason=ParkReason.THROTTLED, refusals=n) for n in range(7)]
    assert [throttled_until(gate, None, 0) for gate in gates[:5]] == list(THROTTLE_WAITS_MS)
    assert throttled_until(gates[6], None, 0) == THROTTLE_WAITS_MS[-1]


@pytest.mark.parametrize(("asked", "wait"), [(1_000, 5_000), (9_000, 9_000), (0, 5_000)])
def test_the_providers_wait_is_kept_when_it_is_the_longer(asked: int, wait: int) -> None:
    assert throttled_until(OPEN, asked, 100) == 100 + wait


def test_being_offline_is_tried_again_within_seconds() -> None:
    gate = OPEN
    waits = []
    for _ in range(6):
        until = offline_until(gate, 0)
        waits.append(until)
        gate = park(entered(gate), until, ParkReason.OFFLINE, "", probe=True)
    assert waits == [*OFFLINE_WAITS_MS, OFFLINE_WAITS_MS[-1]]
    assert max(waits) < AMBIGUOUS_WAIT_MS


# the circuit breaker


def after_faults(number: int, gate: Gate = OPEN) -> Gate:
    for _ in range(number):
        gate = faulted(gate, "HTTP 502", 0, probe=gate.probe_in_flight)
    return gate


def test_a_few_faults_shut_nothing() -> None:
    gate = after_faults(FAULTS_TO_BREAK - 1)
    assert (gate.needs_probe, gate.parked_until, gate.faults) == (False, 0, FAULTS_TO_BREAK - 1)


def test_many_faults_in_a_row_break_the_circuit_until_one_probe_is_answered() -> None:
    broken = after_faults(FAULTS_TO_BREAK)
    assert (broken.reason, broken.parked_until) == (ParkReason.CIRCUIT_OPEN, CIRCUIT_WAITS_MS[0])
    assert opened(entered(broken), probe=True) == OPEN


def test_an_answer_between_them_starts_the_count_anew() -> None:
    assert opened(after_faults(3), probe=False).faults == 0


def test_a_probe_that_fails_too_waits_longer() -> None:
    again = faulted(entered(after_faults(FAULTS_TO_BREAK)), "HTTP 502", 0, probe=True)
    assert (again.probe_in_flight, again.parked_until) == (False, CIRCUIT_WAITS_MS[1])


def test_calls_that_were_under_way_when_it_broke_change_nothing() -> None:
    broken = after_faults(FAULTS_TO_BREAK)
    assert faulted(broken, "HTTP 502", 0, probe=False) == broken

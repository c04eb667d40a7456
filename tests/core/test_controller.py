"""What the controller makes of answers and of refusals, one by one."""

import pytest

from runner.core import controller
from tests.core.controller_route import CALL_MS, REFUSAL_MS, SECOND, grown, paced, route

# ---- how many may start


def test_as_many_start_as_are_allowed() -> None:
    r = route(start=3)
    assert r.room() == (3, None)
    assert r.start() == 3
    assert r.room() == (0, None)


def test_the_number_is_shown() -> None:
    assert route(start=3).state.allowed == 3
    assert route(start=3).state.per_second is None
    assert route(start=99, ceiling=8).state.allowed == 8


def test_answers_let_more_start() -> None:
    r = route()
    r.start()
    r.after(CALL_MS).answer()
    assert r.room() == (2, None)


def test_answers_prove_nothing_while_few_are_in_flight() -> None:
    r = grown(8)
    r.answer(8)
    before = r.state.in_flight.allowed
    for _ in range(50):
        r.start(2)
        r.after(CALL_MS).answer(2)
    assert r.state.in_flight.allowed == before


def test_a_call_that_fails_otherwise_lets_nothing_grow_and_cuts_nothing() -> None:
    r = grown(8)
    allowed = r.state.in_flight
    for _ in range(8):
        r.fault()
    assert r.state.in_flight == allowed
    assert r.room() == (8, None)


# ---- what a refusal cuts


def test_the_first_refusal_is_tried_again_with_spread_starts() -> None:
    r = grown(8)
    r.after(REFUSAL_MS).refuse()
    assert r.state.in_flight.spread
    assert r.state.allowed == 8
    assert r.state.rate is not None
    assert r.state.rate.gap == pytest.approx(CALL_MS / 8 / controller.SPREAD)


def test_refused_again_it_was_the_number() -> None:
    r = grown(8)
    r.after(REFUSAL_MS).refuse()
    assert r.start_when_it_may() == 1
    r.after(REFUSAL_MS).refuse()
    assert (r.state.allowed, r.state.in_flight.wall, r.state.rate) == (7, 8, None)
    r.after(CALL_MS).answer()
    assert r.room() == (1, None)


def test_let_in_it_was_the_rate() -> None:
    r = grown(8)
    r.after(REFUSAL_MS).refuse()
    for _ in range(30):
        r.start_when_it_may()
        r.after(CALL_MS // 8).answer()
    assert r.state.in_flight.wall is None
    assert r.state.rate is not None


def test_of_many_in_flight_the_number_is_cut_at_once() -> None:
    r = grown(32)
    r.after(REFUSAL_MS).refuse()
    assert (r.state.allowed, r.state.in_flight.wall, r.state.rate) == (31, 32, None)


def test_a_burst_of_refusals_counts_once() -> None:
    """Each takes one off what was borne, and the wall is tried after as many answers."""
    r = grown(64)
    r.after(REFUSAL_MS).refuse(8)
    assert (r.state.allowed, r.state.in_flight.wall) == (56, 57)
    assert r.state.in_flight.patience == 64


def test_answers_between_the_refusals_of_a_burst_do_not_lower_what_was_borne() -> None:
    r = grown(64)
    r.after(REFUSAL_MS).refuse(4)
    r.after(REFUSAL_MS).answer(10)
    r.refuse(4)
    assert r.state.allowed == 56


def test_while_a_burst_comes_in_nothing_starts() -> None:
    r = grown(64)
    r.after(REFUSAL_MS).refuse()
    r.answer(10)
    assert r.room() == (0, r.now + REFUSAL_MS)
    r.after(REFUSAL_MS)
    assert r.room()[0] > 0


def test_late_refusals_of_an_old_burst_change_nothing_in_a_backoff() -> None:
    r = route(start=3)
    r.start()
    r.after(REFUSAL_MS).refuse(wait_ms=SECOND)
    waiting = r.state
    assert waiting.backoff.refusals == 1
    r.after(1).refuse(2)
    assert r.state.backoff == waiting.backoff
    assert r.state.hold_until == waiting.hold_until


def test_calls_of_a_wall_are_not_held_up_while_others_are_answered() -> None:
    """Just fewer at a time."""
    r = grown(20)
    r.after(REFUSAL_MS).refuse()
    r.after(50).answer()
    assert r.room() == (1, None)


def test_fewer_refused_than_were_borne_is_a_rate() -> None:
    """What was let in since the last refusal is what it lets in."""
    r = grown(32)
    r.after(REFUSAL_MS).refuse()
    r.after(2 * REFUSAL_MS).answer(31)
    assert r.start(8) == 8
    r.after(REFUSAL_MS).refuse()
    assert r.state.in_flight.wall is None
    assert r.state.rate is not None
    assert r.state.rate.rate == pytest.approx(7 / (3 * REFUSAL_MS))


# ---- rates


def test_a_lone_call_that_is_refused_is_no_matter_of_numbers() -> None:
    """It is waited, and then called at the rate that was let in."""
    r = paced()
    assert r.state.rate is not None
    assert r.state.rate.gap >= CALL_MS
    assert r.state.in_flight.wall is None


def test_at_a_rate_calls_start_one_by_one() -> None:
    r = paced()
    for _ in range(5):
        assert r.start_when_it_may() == 1
        assert r.room()[0] == 0
        r.after(CALL_MS).answer()
    assert r.state.per_second == pytest.approx(1_000 / r.state.rate.gap)  # type: ignore[union-attr]


def test_a_refusal_at_a_rate_slows_it_down_and_holds_up_nothing() -> None:
    r = paced()
    for _ in range(3):
        r.start_when_it_may()
        r.after(CALL_MS).answer()
    r.start_when_it_may()
    before, number = r.state.rate, r.state.allowed
    r.after(REFUSAL_MS).refuse()
    assert before is not None
    assert r.state.rate is not None
    assert r.state.rate.rate <= before.rate
    assert r.state.allowed == number
    assert r.state.backoff.refusals == 0


def test_of_a_window_the_time_counts_in_which_it_let_calls_in() -> None:
    """It was shut for a minute; then it let in one call a second."""
    r = grown(32)
    r.after(REFUSAL_MS).refuse(wait_ms=60 * SECOND)
    r.now = r.state.hold_until
    r.start()
    r.after(CALL_MS).answer(len(r.flying))
    for _ in range(40):
        r.start_when_it_may()
        r.after(CALL_MS).answer()
    before = r.state.rate
    r.start_when_it_may()
    r.after(REFUSAL_MS).refuse()
    assert before is not None
    assert r.state.rate is not None
    assert r.state.rate.accepted == pytest.approx(before.accepted, rel=0.05)


def test_the_number_that_is_tried_spread_need_not_be_in_flight() -> None:
    """Calls may have become faster meanwhile: it is no number then."""
    r = grown(8)
    r.after(REFUSAL_MS).refuse()
    r.answer(len(r.flying))
    for _ in range(30):
        r.start_when_it_may()
        r.after(1).answer()
    assert not r.state.in_flight.spread


def test_paced_calls_refused_beside_more_than_were_ever_let_in_are_too_many() -> None:
    r = paced()
    r.state = r.state._replace(in_flight=r.state.in_flight._replace(allowed=20.0))
    while len(r.flying) < 12:  # all are let in, none is answered
        r.start_when_it_may()
    rate = r.state.rate
    r.after(REFUSAL_MS).refuse()
    assert r.state.in_flight.wall == 12
    assert r.state.rate == rate


def test_a_number_that_contradicts_itself_slows_a_known_rate_down() -> None:
    r = paced()
    r.state = r.state._replace(
        in_flight=r.state.in_flight._replace(wall=9, allowed=4.0),
        tally=r.state.tally._replace(paced=False),
        backoff=r.state.backoff._replace(over=False),
    )
    rate = r.state.rate
    r.flying = [r.now, r.now]
    r.state = controller.started(r.state, 2, r.now + 100, 4)
    r.state = r.state._replace(tally=r.state.tally._replace(paced=False, since=r.now - SECOND))
    r.flying = [r.now + 100] * 2
    r.after(100 + REFUSAL_MS).refuse()
    assert r.state.in_flight.wall is None
    assert r.state.rate is not None
    assert rate is not None
    assert r.state.rate.rate <= rate.rate

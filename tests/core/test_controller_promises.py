"""What becomes of a route that refuses call after call; and what holds whatever happens."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from runner.core import controller
from runner.core.backoff import PROBES
from tests.core.controller_route import CALL_MS, REFUSAL_MS, SECOND, Route, grown, route


def drained(times: int, wait_ms: int | None = None) -> tuple[Route, list[int]]:
    """Refused so often from the first call on; and the waits in between."""
    r, waits = route(start=1), []
    for _ in range(times):
        r.start()
        r.refuse(wait_ms=wait_ms)
        waits.append(r.state.hold_until - r.now)
        assert r.room() == (0, r.state.hold_until)
        r.now = r.state.hold_until
        assert r.room() == (1, None)
    return r, waits


def test_a_route_that_refuses_everything_is_asked_less_and_less() -> None:
    assert drained(7)[1] == [1_000, 2_000, 5_000, 2_100, 10_000, 10_000, 10_000]


def test_a_named_wait_is_kept_to_the_millisecond() -> None:
    r = grown(8)
    r.after(REFUSAL_MS).refuse(wait_ms=4_321)
    assert r.room() == (0, r.now + 4_321)
    r.after(4_321)
    assert r.room()[0] == 1


def test_the_longest_of_several_named_waits_counts() -> None:
    r = grown(8)
    r.after(REFUSAL_MS).refuse(wait_ms=9_000)
    r.refuse(wait_ms=2_000)
    assert r.room() == (0, r.now + 9_000)


def test_in_a_backoff_one_call_tries() -> None:
    r, _ = drained(3)
    assert r.state.allowed == 1
    assert r.start() == 1
    assert r.room() == (0, r.now + 250)


def test_a_call_that_is_let_in_ends_it() -> None:
    r, _ = drained(3)
    r.start()
    r.after(100).answer()
    assert r.state.backoff.refusals == 0
    assert r.room()[0] >= 1


def test_a_call_that_is_not_refused_in_time_ends_it() -> None:
    """Its answer may take a minute."""
    r = grown(20)
    r.after(REFUSAL_MS).refuse(wait_ms=2_000)
    r.now = r.state.hold_until
    flying = len(r.flying)
    assert r.start() == 1
    assert r.room() == (0, r.now + 250)
    r.after(250)
    assert r.start_when_it_may() >= 1
    assert r.state.backoff.refusals == 0
    assert len(r.flying) > flying + 1


def test_answers_to_calls_from_before_do_not_end_it() -> None:
    r = grown(20)
    r.after(REFUSAL_MS).refuse(wait_ms=2_000)
    r.answer(5)
    assert r.state.backoff.refusals == 1


def test_a_call_that_tries_and_fails_otherwise_leaves_room_for_another() -> None:
    r = grown(20)
    r.after(REFUSAL_MS).refuse(wait_ms=2_000)
    r.now = r.state.hold_until
    r.start()
    r.flying.append(r.flying.pop(0))
    r.fault()
    assert r.room() == (1, None)


def test_the_caller_is_told_when_it_is_more_than_throttling() -> None:
    assert not controller.exhausted(drained(PROBES)[0].state)
    r, _ = drained(PROBES + 1)
    assert controller.exhausted(r.state)
    r.start()
    r.after(CALL_MS).answer()
    assert not controller.exhausted(r.state)


def test_a_wall_met_often_outlives_an_outage() -> None:
    r = grown(20)
    for _ in range(3):
        r.after(100).refuse()
        r.after(SECOND).answer(len(r.flying))
        r.state = r.state._replace(in_flight=r.state.in_flight._replace(allowed=20.0, wall=20))
        r.start()
    assert r.state.in_flight.patience > 64
    r.after(REFUSAL_MS).refuse(19, wait_ms=60_000)
    r.now = r.state.hold_until
    r.start()
    r.after(CALL_MS).answer(len(r.flying))
    assert r.state.backoff.refusals == 0
    assert r.state.in_flight.wall is not None


def test_no_cut_keeps_all_the_cuts_before_it() -> None:
    r = grown(32)
    for _ in range(5):
        r.after(SECOND).refuse()
        r.answer(5)
        r.start_when_it_may()
    assert r.state.cut.before is not None
    assert r.state.cut.before.cut.before is None


# ---- whatever happens

events = st.one_of(
    st.tuples(st.just("start"), st.integers(1, 40)),
    st.tuples(st.just("answer"), st.integers(1, 40)),
    st.tuples(st.just("refuse"), st.integers(1, 6)),
    st.tuples(st.just("named"), st.sampled_from([0, 300, 1_000, 30_000])),
    st.tuples(st.just("fault"), st.just(1)),
    st.tuples(st.just("pass"), st.sampled_from([0, 1, 7, 60, 900, 20_000, 10_000_000])),
)


@settings(max_examples=400)
@given(st.integers(1, 20), st.integers(1, 40), st.lists(events, max_size=80))
def test_whatever_happens_it_keeps_its_promises(
    start: int, ceiling: int, happening: Sequence[tuple[str, int]]
) -> None:
    """Never more than the ceiling, never before a named wait is over, never stuck."""
    r, named_until = route(start, ceiling), 0
    for event, number in happening:
        flying, began = bool(r.flying), happens(r, event, number)
        assert not began or r.now >= named_until
        if event == "named" and flying:
            named_until = max(named_until, r.now + number)
        free, until = r.room()
        assert 0 <= free <= max(0, ceiling - len(r.flying))
        assert 1 <= r.state.allowed <= ceiling
        assert free or r.flying or until is not None
        assert until is None or (free == 0 and r.now < until <= max(named_until, r.now + 70_000))


def happens(r: Route, event: str, number: int) -> int:
    """How many calls started."""
    match event:
        case "start":
            return r.start(number)
        case "pass":
            r.after(number)
        case "answer" if r.flying:
            r.answer(min(number, len(r.flying)))
        case "refuse" if r.flying:
            r.refuse(min(number, len(r.flying)))
        case "named" if r.flying:
            r.refuse(wait_ms=number)
        case "fault" if r.flying:
            r.fault()
    return 0


@settings(max_examples=30)
@given(st.lists(st.sampled_from(["refuse", "pass"]), max_size=40))
def test_after_any_refusals_a_server_that_answers_is_called_as_before(happening: list[str]) -> None:
    """Half a minute later it has as many in flight as it may have."""
    r = grown(16, ceiling=16)
    for event in happening:
        if event == "refuse" and r.flying:
            r.after(REFUSAL_MS).refuse()
        else:
            r.after(SECOND)
            r.start()
    while r.flying:
        r.after(1).answer()
    for _ in range(12_000):
        r.after(5)
        if answered := sum(r.now - sent >= CALL_MS for sent in r.flying):
            r.answer(answered)
        r.start()
    assert len(r.flying) >= 14

"""Which jobs start now; or when to look again, and what is awaited."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from runner.core import admission, controller, quota, selection
from runner.core.calendar import day_at
from runner.core.demand import Cap, Demand, Rotate, Rules, WaitReason
from runner.core.gate import Gate, ParkReason
from runner.core.hours import read_hours
from runner.core.pacing import SAFETY_MS, Pace
from runner.core.period import Calendar, Grant, Rolling
from runner.core.route import Route, RouteState, room_of
from runner.core.selection import AccountState, Start, State, Wait
from runner.core.start_bucket import full
from runner.core.verdict import Scope
from runner.core.window import Quota, Source, Window, open_window

ZONE = "Asia/Shanghai"
DAILY = Calendar("day", ZONE)
MIDNIGHT = day_at(1_795_500_000_000, ZONE).starts_at
HOUR = 3_600_000
NOW = MIDNIGHT + 9 * HOUR
RESET = MIDNIGHT + 24 * HOUR
QWEN, GLM, OTHER = ("mine", "qwen"), ("mine", "glm"), ("yours", "qwen")
OPEN = Gate(needs_probe=False, answered=True)


def window(spent: int = 0, gate: Gate = OPEN, limit: int | None = 100, model: str = "") -> Window:
    scope = Scope.MODEL if model else Scope.ACCOUNT
    fresh = open_window(Quota("day", scope, limit, DAILY), "mine", model, NOW)
    return replace(fresh, spent=spent, gate=gate)


def state(
    *windows: Window, allowed: int = 4, in_flight: int = 0, last: int | None = None
) -> RouteState:
    *others, own = windows or (window(),)
    return RouteState(
        (*others, replace(own, last_start_at=last)), controller.new(allowed, allowed), in_flight
    )


def demand(key: int = 1, ready: int = 50, route: Route = QWEN, priority: int = 0) -> Demand:
    return Demand(key, (route,), ready, priority)


def ruled(demands: Sequence[Demand], rules: Rules) -> list[Demand]:
    return [replace(one, rules=rules) for one in demands]


def decide(
    demands: Sequence[Demand], states: Mapping[Route, RouteState], rules: Rules, now: int
) -> Start | Wait:
    return selection.decide(State(states), ruled(demands, rules), now)


def wait_reasons(
    demand: Demand,
    demands: Sequence[Demand],
    states: Mapping[Route, RouteState],
    rules: Rules,
    now: int,
) -> dict[Route, Start | WaitReason]:
    own = replace(demand, rules=rules)
    return selection.wait_reasons(State(states), own, ruled(demands, rules), now)


def alone(
    demand: Demand, state: RouteState, pace: Pace = Pace.AUTO, now: int = NOW
) -> Start | Wait:
    return decide([demand], {demand.routes[0]: state}, Rules(pace), now)


def reason(decision: Start | Wait) -> WaitReason:
    assert isinstance(decision, Wait)
    assert len(decision.reasons) == 1
    assert decision.until == decision.reasons[0].until
    return decision.reasons[0]


def test_without_work_there_is_nothing_to_wait_for() -> None:
    assert decide([], {}, Rules(Pace.AUTO), NOW) == Wait(None)


def test_what_fits_starts_as_far_as_concurrency_and_room_reach() -> None:
    assert alone(demand(), state(in_flight=1)) == Start(1, QWEN, 3)
    assert alone(demand(ready=2), state()) == Start(1, QWEN, 2)
    assert alone(demand(ready=2), state(window(98)), Pace.AUTO) == Start(1, QWEN, 2)
    assert alone(demand(), state(window(97)), Pace.ASAP) == Start(1, QWEN, 3)


def test_an_unknown_limit_holds_nothing_up() -> None:
    assert alone(demand(), state(window(limit=None), last=NOW), Pace.EVEN) == Start(1, QWEN, 4)


def test_a_probe_starts_alone() -> None:
    assert alone(demand(), state(window(gate=Gate()))) == Start(1, QWEN, 1, probe=True)


def test_full_concurrency_waits_for_a_call_in_flight() -> None:
    found = reason(alone(demand(), state(in_flight=4)))
    assert (found.cause, found.until) == ("concurrency", None)


def test_jobs_that_wait_for_a_retry_say_until_when() -> None:
    found = reason(alone(Demand(1, (QWEN,), ready=0, retrying=2, due=NOW + 5), state()))
    assert (found.cause, found.until) == ("due", NOW + 5)


def test_a_batch_whose_jobs_are_all_in_flight_waits_for_them() -> None:
    found = reason(alone(demand(ready=0), state()))
    assert (found.cause, found.until) == ("in flight", None)


def test_a_spent_allowance_waits_for_its_reset() -> None:
    full = window(100)
    found = reason(alone(demand(), state(full)))
    assert (found.cause, found.until, found.window) == (ParkReason.SPENT, RESET, full)


def test_a_shut_gate_says_its_cause_and_when_it_opens() -> None:
    parked = Gate(NOW + 5, reason=ParkReason.THROTTLED, why="busy")
    found = reason(alone(demand(), state(window(4, parked))))
    assert (found.cause, found.why, found.until) == (ParkReason.THROTTLED, "busy", NOW + 5)


def test_without_network_a_spent_allowance_is_not_the_reason() -> None:
    parked = Gate(NOW + 5, reason=ParkReason.OFFLINE)
    assert reason(alone(demand(), state(window(100, parked)))).cause is ParkReason.OFFLINE


def test_the_first_probe_under_way_is_awaited_as_the_reset() -> None:
    found = reason(alone(demand(), state(window(gate=Gate(probe_in_flight=True)))))
    assert (found.cause, found.until) == (ParkReason.RESET, None)


def test_what_does_not_fit_is_rationed_one_at_a_time() -> None:
    assert alone(demand(ready=500), state()) == Start(1, QWEN, 1)
    found = reason(alone(demand(ready=500), state(last=NOW)))
    assert (found.cause, found.until) == ("pace", NOW + (15 * HOUR - SAFETY_MS) // 101)


def test_jobs_that_wait_for_a_retry_count_as_work() -> None:
    rationed = Demand(1, (QWEN,), ready=50, retrying=51)
    assert reason(alone(rationed, state(last=NOW))).cause == "pace"


def test_the_models_of_an_account_share_its_room_when_they_plan() -> None:
    states = {QWEN: state(last=NOW), GLM: state(last=NOW)}
    demands = [demand(1, ready=60), demand(2, ready=60, route=GLM)]
    decision = decide(demands, states, Rules(Pace.AUTO), NOW)
    assert isinstance(decision, Wait)
    assert [r.cause for r in decision.reasons] == ["pace", "pace"]


def test_another_account_takes_no_part_of_this_ones_room() -> None:
    states = {QWEN: state(last=NOW), OTHER: state(last=NOW)}
    demands = [demand(1, ready=60), demand(2, ready=60, route=OTHER)]
    assert decide(demands, states, Rules(Pace.AUTO), NOW) == Start(1, QWEN, 4)


def test_a_models_own_room_is_not_shared() -> None:
    own = state(window(limit=None), window(limit=70, model="qwen"), last=NOW)
    states = {QWEN: own, GLM: state(last=NOW)}
    demands = [demand(1, ready=60), demand(2, ready=9, route=GLM)]
    assert decide(demands, states, Rules(Pace.AUTO), NOW) == Start(1, QWEN, 4)


def test_all_batches_of_a_lane_count_as_its_work() -> None:
    """Two that fit the budget one by one, and not together, are rationed."""
    demands = [demand(1, ready=60), demand(2, ready=60)]
    decision = decide(demands, {QWEN: state(last=NOW)}, Rules(Pace.AUTO), NOW)
    assert isinstance(decision, Wait)
    assert {found.cause for found in decision.reasons} == {"pace"}


def test_batches_go_by_priority_then_age() -> None:
    demands = [demand(3, 10), demand(2, 10), demand(1, 10, priority=1)]
    assert decide(demands, {QWEN: state()}, Rules(Pace.AUTO), NOW) == Start(2, QWEN, 4)


def test_a_batch_that_must_wait_never_holds_up_the_next() -> None:
    states = {QWEN: state(window(100)), OTHER: state()}
    demands = [demand(1), demand(2, route=OTHER)]
    assert decide(demands, states, Rules(Pace.AUTO), NOW) == Start(2, OTHER, 4)


def test_the_earliest_moment_of_all_reasons_is_the_next_look() -> None:
    states = {QWEN: state(window(100)), OTHER: state(in_flight=4)}
    demands = [
        demand(1),
        demand(2, route=OTHER),
        Demand(3, (OTHER,), ready=0, retrying=1, due=NOW + 9),
    ]
    decision = decide(demands, states, Rules(Pace.AUTO), NOW)
    assert isinstance(decision, Wait)
    assert decision.until == NOW + 9
    assert [r.key for r in decision.reasons] == [1, 2, 3]


# several ways


def ways(*routes: Route, ready: int = 50, rotate: Rotate = Rotate.PREFER) -> Demand:
    return Demand(1, routes, ready, rotate=rotate)


def test_the_preferred_way_is_taken_while_it_can_be() -> None:
    states = {QWEN: state(window(90)), GLM: state(window(0))}
    assert decide([ways(QWEN, GLM)], states, Rules(Pace.ASAP), NOW) == Start(1, QWEN, 4)
    states[QWEN] = state(window(100))
    assert decide([ways(QWEN, GLM)], states, Rules(Pace.ASAP), NOW) == Start(1, GLM, 4)


def test_spreading_takes_the_way_with_the_most_room() -> None:
    demand = ways(QWEN, GLM, rotate=Rotate.SPREAD)
    states = {QWEN: state(window(90)), GLM: state(window(50))}
    assert decide([demand], states, Rules(Pace.ASAP), NOW) == Start(1, GLM, 4)
    states[QWEN] = state(window(limit=None))
    assert decide([demand], states, Rules(Pace.ASAP), NOW) == Start(1, QWEN, 4)


def test_a_batch_waits_for_the_first_of_its_ways_to_open() -> None:
    soon = state(window(gate=Gate(NOW + 5, reason=ParkReason.THROTTLED)))
    states = {QWEN: state(window(100)), GLM: soon, OTHER: state(in_flight=4)}
    found = reason(decide([ways(QWEN, GLM, OTHER)], states, Rules(), NOW))
    assert (found.cause, found.until) == (ParkReason.THROTTLED, NOW + 5)


def test_work_that_fits_all_its_ways_together_is_not_spread() -> None:
    """150 rows do not fit 100 calls of one model, but they fit those of two."""
    states = {
        route: state(window(limit=None), window(model=route[1]), last=NOW) for route in (QWEN, GLM)
    }
    assert isinstance(decide([ways(QWEN, ready=150)], states, Rules(), NOW), Wait)
    assert decide([ways(QWEN, GLM, ready=150)], states, Rules(), NOW) == Start(1, QWEN, 4)


def test_room_of_several_lanes_is_what_account_and_models_leave() -> None:
    def of(account: int | None, *models: int | None) -> int | None:
        return room_of(
            {
                ("mine", f"m{n}"): state(window(limit=account), window(limit=limit, model=f"m{n}"))
                for n, limit in enumerate(models)
            }
        )

    assert of(2_000, *[200] * 10) == 2_000
    assert of(2_000, *[200] * 3) == 600
    assert of(500, *[200] * 3) == 500
    assert of(500, 200, None) == 500
    assert of(None, 200, None) is None
    assert room_of({QWEN: state(window(limit=7)), OTHER: state(window(limit=5))}) == 12
    assert room_of({QWEN: state(window(limit=7))}, {QWEN, GLM}) == 4


def test_each_way_is_explained() -> None:
    states = {QWEN: state(window(100)), GLM: state()}
    found = wait_reasons(ways(QWEN, GLM), [ways(QWEN, GLM)], states, Rules(Pace.ASAP), NOW)
    held = found[QWEN]
    assert isinstance(held, WaitReason)
    assert (held.cause, held.until) == (ParkReason.SPENT, RESET)
    assert found[GLM] == Start(1, GLM, 4)
    idle = Demand(1, (QWEN, GLM), ready=0, retrying=1, due=NOW + 5)
    assert set(wait_reasons(idle, [idle], states, Rules(), NOW)) == {QWEN, GLM}


# what the user wants


def test_outside_the_users_hours_nothing_starts() -> None:
    """It is nine o'clock."""
    rules = Rules(Pace.ASAP, read_hours("22:00-08:00", ZoneInfo(ZONE)))
    found = reason(decide([demand()], {QWEN: state()}, rules, NOW))
    assert (found.cause, found.until) == ("hours", MIDNIGHT + 22 * HOUR)
    assert isinstance(decide([demand()], {QWEN: state()}, rules, MIDNIGHT + HOUR), Start)


def test_a_batch_costs_no_more_calls_than_the_user_allows() -> None:
    few = replace(demand(), caps=(Cap(1, 2),))
    assert alone(few, state()) == Start(1, QWEN, 2)
    assert reason(alone(replace(few, caps=(Cap(1, 0),)), state())).cause == "capped"


def test_a_cap_of_today_is_waited_for_and_leaves_later_days_alone() -> None:
    today = Cap("ada", 0, "the calls of ada are made", NOW + HOUR)
    found = reason(alone(replace(demand(), caps=(today,)), state()))
    assert (found.cause, found.why, found.until) == ("daily", today.why, NOW + HOUR)
    assert replace(demand(), caps=(today, Cap(1, 7))).left == 7


def test_a_client_and_its_batch_share_the_calls_of_its_day() -> None:
    today = Cap("ada", 5, until=NOW + HOUR)
    chat = replace(demand(-1), ready=2, caps=(today,), interactive=True)
    batch = replace(demand(1), caps=(Cap(1, 90), today))
    found = admission.admit(
        State({QWEN: state(window(limit=None), allowed=50)}), [batch, chat], NOW
    )
    keys = [permit.key for permit in found.permits]
    assert keys == [-1] * 2 + [1] * 3
    assert [one.cause for one in found.wait.reasons] == ["in flight", "daily"]


def test_demands_that_share_a_cap_exceed_it_neither_alone_nor_together() -> None:
    """The votes of a batch are allowed so many calls together, also within one turn."""
    votes = [replace(demand(n), caps=(Cap(1, 3),)) for n in (1, 2)]
    other = replace(demand(3), caps=(Cap(3, 3),))
    found = admission.admit(
        State({QWEN: state(window(limit=None), allowed=50)}), [*votes, other], NOW
    )
    keys = [permit.key for permit in found.permits]
    assert sum(key in {1, 2} for key in keys) == 3
    assert keys.count(3) == 3


def test_an_account_that_may_spend_no_more_says_that_the_user_wanted_it() -> None:
    cap = Quota("max", Scope.ACCOUNT, 9, Grant(), Source.CONFIGURED, primary=False)
    spent = replace(open_window(cap, "mine", "", NOW), spent=9)
    assert reason(alone(demand(), state(window(), spent))).cause == "capped"


def test_a_minutes_limit_is_waited_for_and_not_spread() -> None:
    minute = Quota("minute", Scope.ACCOUNT, 1, Rolling(60_000), primary=False)
    full = replace(open_window(minute, "mine", "", NOW), spent=1, recent=((NOW, 1),))
    found = reason(alone(demand(), state(window(), full)))
    assert (found.cause, found.until) == ("flow", NOW + 60_000)


def test_batches_of_one_priority_share_alike() -> None:
    first, second = replace(demand(1), share=8), replace(demand(2), share=7)
    started = decide([first, second], {QWEN: state()}, Rules(Pace.ASAP), NOW)
    assert isinstance(started, Start)
    assert started.key == 2


gates = st.builds(
    Gate,
    parked_until=st.sampled_from([0, NOW, NOW + 1, NOW + 500]),
    needs_probe=st.booleans(),
    probe_in_flight=st.booleans(),
    reason=st.sampled_from(ParkReason),
)
lanes_of_all = st.fixed_dictionaries(
    {
        route: st.builds(
            state,
            st.builds(window, st.integers(0, 101), gates, st.sampled_from([None, 100])),
            in_flight=st.integers(0, 5),
            last=st.sampled_from([None, NOW - 9, NOW]),
        )
        for route in (QWEN, GLM, OTHER)
    }
)
works_of_all = st.lists(
    st.builds(
        Demand,
        key=st.integers(1, 4),
        routes=st.lists(
            st.sampled_from([QWEN, GLM, OTHER]), min_size=1, max_size=3, unique=True
        ).map(tuple),
        rotate=st.sampled_from(Rotate),
        caps=st.lists(
            st.builds(
                Cap, st.integers(1, 2), st.integers(0, 2), until=st.none() | st.just(NOW + 9)
            ),
            max_size=2,
        ).map(tuple),
        ready=st.sampled_from([0, 1, 500]),
        priority=st.integers(0, 1),
        retrying=st.integers(0, 1),
        due=st.sampled_from([None, NOW + 3]),
    ),
    max_size=5,
    unique_by=lambda w: w.key,
)


@given(works_of_all, lanes_of_all, st.sampled_from(Pace), st.randoms(use_true_random=False))
def test_the_order_in_which_works_are_handed_decides_nothing(
    demands: list[Demand], states: dict[Route, RouteState], pace: Pace, random: Random
) -> None:
    shuffled = random.sample(demands, len(demands))
    assert decide(demands, states, Rules(pace), NOW) == decide(shuffled, states, Rules(pace), NOW)


@given(works_of_all, lanes_of_all, st.sampled_from(Pace))
def test_a_decision_starts_what_may_start_or_waits_for_something_to_come(
    demands: list[Demand], states: dict[Route, RouteState], pace: Pace
) -> None:
    decision = decide(demands, states, Rules(pace), NOW)
    if isinstance(decision, Wait):
        assert decision.until is None or decision.until > NOW
        assert len(decision.reasons) == len(demands)
    else:
        chosen = states[decision.route]
        assert 1 <= decision.count <= 4 - chosen.in_flight
        assert all(w.remaining is None or decision.count <= w.remaining for w in chosen.windows)


# permits


def test_all_that_may_start_gets_its_permits_at_once() -> None:
    """Two batches share the four calls that are allowed; what is reserved is seen by the next."""
    states = {QWEN: state(window(97), allowed=4)}
    demands = ruled([demand(1, ready=2), demand(2, ready=9)], Rules(Pace.ASAP))
    found = admission.admit(State(states), demands, NOW)
    assert [permit.key for permit in found.permits] == [1, 1, 2]
    [own] = found.state.routes[QWEN].windows
    assert (own.spent, own.reserved, own.remaining) == (97, 3, 0)
    assert found.permits[0].reserved == {"day": (own.period_key, 1)}
    assert found.permits[0].period_key == own.period_key
    assert (found.state.in_flight, found.state.routes[QWEN].in_flight) == (3, 3)
    assert {reason.cause for reason in found.wait.reasons} == {"in flight", ParkReason.SPENT}


def test_the_routes_of_an_account_see_each_others_reservations() -> None:
    states = {QWEN: state(window(98)), GLM: state(window(98)), OTHER: state(window(98))}
    demands = ruled([demand(1), demand(2, route=GLM), demand(3, route=OTHER)], Rules(Pace.ASAP))
    found = admission.admit(State(states), demands, NOW)
    assert [permit.route for permit in found.permits] == [QWEN, QWEN, OTHER, OTHER]
    assert found.state.routes[GLM].remaining == 0


def test_the_ceilings_of_the_process_and_of_an_account_hold_for_all_routes() -> None:
    states = {QWEN: state(), GLM: state(), OTHER: state()}
    demands = ruled([demand(1), demand(2, route=GLM), demand(3, route=OTHER)], Rules(Pace.ASAP))
    few = State(states, in_flight=5, ceiling=7)
    found = admission.admit(few, demands, NOW)
    assert len(found.permits) == 2
    assert {reason.cause for reason in found.wait.reasons} == {"concurrency"}
    bounded = State(states, {"mine": AccountState(in_flight=1, ceiling=4)})
    routes = [permit.route for permit in admission.admit(bounded, demands, NOW).permits]
    assert sum(route[0] == "mine" for route in routes) == 3
    assert sum(route[0] == "yours" for route in routes) == 4


def test_calls_of_an_account_start_no_faster_than_its_rate() -> None:
    bounded = State({QWEN: state()}, {"mine": AccountState(rate=full(2))})
    demands = ruled([demand()], Rules(Pace.ASAP))
    found = admission.admit(bounded, demands, NOW)
    assert len(found.permits) == 2
    [reason] = found.wait.reasons
    assert (reason.cause, found.wait.until) == ("rate", NOW + 500)
    later = replace(found.state, loop_ms=500)
    assert len(admission.admit(later, demands, NOW + 500).permits) == 1


def test_a_permit_knows_its_probe_its_route_and_a_circuit_that_is_open() -> None:
    broken = Gate(reason=ParkReason.CIRCUIT_OPEN, refusals=1)
    states = {QWEN: state(window(gate=broken)), OTHER: state(window(100))}
    both = ruled([ways(QWEN, OTHER)], Rules(Pace.ASAP))
    [permit] = admission.admit(State(states), both, NOW).permits
    assert (permit.probe, permit.circuit_open) == (True, True)


def test_what_a_batch_may_still_make_and_needs_shrinks_with_each_permit() -> None:
    allowed = replace(demand(), caps=(Cap(1, 3),), backlog=200)
    found = admission.admit(State({QWEN: state()}), ruled([allowed], Rules(Pace.ASAP)), NOW)
    assert len(found.permits) == 3
    assert [reason.cause for reason in found.wait.reasons] == ["capped"]


def test_a_batch_whose_images_are_being_made_says_so() -> None:
    found = reason(alone(Demand(1, (QWEN,), ready=0, pending=True), state()))
    assert found.why == "the provider is at work on it"


def test_a_provider_that_asked_for_fewer_calls_is_asked_again_at_its_moment() -> None:
    held = controller.throttled(controller.new(4, 4), 0, 5_000, 1_000, 0)
    waits = State({QWEN: replace(state(), controller=held)}, loop_ms=2_000)
    found = selection.decide(waits, ruled([demand()], Rules(Pace.ASAP)), NOW)
    assert (reason(found).cause, reason(found).until) == (ParkReason.THROTTLED, NOW + 4_000)


def test_those_that_somebody_waits_for_go_first_and_may_take_the_reserve() -> None:
    kept = replace(window(spent=90), reserve=10)
    batch = demand(1, 5, priority=-100)
    client = replace(demand(-1, 3), interactive=True, rules=Rules(Pace.ASAP))
    found = admission.admit(State({QWEN: state(kept)}), [batch, client], NOW)
    assert [(permit.key, permit.by_client) for permit in found.permits] == [(-1, True)] * 3
    [refused] = [one for one in found.wait.reasons if one.key == 1]
    assert refused.cause is ParkReason.SPENT
    [left] = found.state.routes[QWEN].windows
    assert (left.by_clients, left.reserve_left, left.remaining) == (3, 7, 0)


def test_what_clients_take_of_a_minute_is_no_part_of_the_reserve() -> None:
    rolling = replace(window(), period=Rolling(60_000), reserve=10)
    [after] = quota.reserve([rolling], 1, NOW, by_client=True)
    assert (after.by_clients, after.reserve_left) == (0, 10)


def test_the_pace_leaves_to_others_what_they_usually_take() -> None:
    """Half of what is left is planned with here, so the next call comes half as soon."""
    taken = ((MIDNIGHT - 4 * HOUR, 90),)
    others = state(replace(window(60), others=taken), last=NOW)
    found = reason(alone(demand(ready=500), others))
    assert (found.cause, found.until) == ("pace", NOW + (15 * HOUR - SAFETY_MS) // 21)

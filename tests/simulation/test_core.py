"""The pure core against a provider of its own: what is promised whatever happens, in what order.

First the windows alone, under every sequence of calls, replies and clocks; then whole days of a
simulated provider, driven by the functions that drive the real ones.
"""

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.core import charging, controller, quota
from runner.core.calendar import day_at
from runner.core.charging import Outcome
from runner.core.demand import Demand, Rules
from runner.core.pacing import Pace
from runner.core.period import Calendar
from runner.core.quota import Admitted, Refused
from runner.core.renewal import roll_over
from runner.core.route import Route, RouteState
from runner.core.selection import Start, State, decide
from runner.core.time_units import MINUTE_MS
from runner.core.verdict import Kind, Reply, Rule, Scope, Verdict, classify
from runner.core.window import Count, Quota, Window, open_window

ZONE = "Asia/Shanghai"
DAILY = Calendar("day", ZONE)
MIDNIGHT = day_at(1_795_500_000_000, ZONE).starts_at
SECOND = 1_000
HOUR = 60 * MINUTE_MS
DAY = 24 * HOUR
ACCOUNT = "mine"

# ---- windows alone: any sequence of admits, ends, resets and clock jumps


@dataclass(frozen=True, eq=False)
class Call:
    """A call in flight, and the days of the windows it is reserved in."""

    days: tuple[tuple[str, str], ...]  # (model, day)
    probe: bool


@dataclass
class Books:
    """Every window ever opened, as the ledger keeps them, and the calls in flight."""

    quotas: dict[str, Quota]  # by the window's model
    now: int
    windows: dict[tuple[str, str], Window] = field(default_factory=dict)
    latest: dict[str, Window] = field(default_factory=dict)
    flying: list[Call] = field(default_factory=list)

    def open(self, model: str) -> tuple[Window, ...]:
        """The windows that a call to `model` touches now."""
        keys = [key for key in ("", model) if key in self.quotas]
        for key in keys:
            self.keep(self.roll_over(key))
        return tuple(self.latest[key] for key in keys)

    def roll_over(self, key: str) -> Window:
        """A window of now; a reset is checked: forwards, and once."""
        old = self.latest.get(key)
        if old is None:
            return open_window(self.quotas[key], ACCOUNT, key, self.now)
        new = roll_over(old, self.quotas[key], self.now, SECOND)
        if new.period_key != old.period_key:
            assert new.period_key > old.period_key
            assert new.starts_at >= old.resets_at
            assert (key, new.period_key) not in self.windows
            assert (new.spent, new.reserved, new.gate.needs_probe) == (0, 0, True)
        return new

    def keep(self, window: Window) -> None:
        self.windows[window.model, window.period_key] = window
        if self.latest.get(window.model, window).period_key <= window.period_key:
            self.latest[window.model] = window

    def under_way(self, window: Window) -> int:
        return sum((window.model, window.period_key) in call.days for call in self.flying)

    def admit(self, model: str, want: int) -> list[Call]:
        before = self.open(model)
        offer = quota.admit(before, want, self.now)
        if isinstance(offer, Refused):
            assert offer.until is None or offer.until > self.now
            assert offer.until is not None or self.flying
            return []
        windows = quota.reserve(before, offer.count, self.now)
        for was, window in zip(before, windows, strict=True):
            self.check_admission(was, window, offer)
            self.keep(window)
        days = tuple((w.model, w.period_key) for w in windows)
        admitted = [Call(days, offer.probe) for _ in range(offer.count)]
        self.flying += admitted
        return admitted

    def check_admission(self, was: Window, window: Window, offer: Admitted) -> None:
        assert offer.count >= 1
        if window.limit is not None:
            assert window.spent + window.reserved <= window.limit - window.reserve
        if was.gate.needs_probe:
            assert offer.probe
            assert offer.count == 1
            assert self.under_way(was) == 0

    def end(self, call: Call, end: Outcome | None) -> None:
        self.flying.remove(call)
        for key in call.days:
            was = self.windows[key]
            if end is None:
                window = charging.settle_unseen(was, probe=call.probe)
            else:
                window = charging.settle_window(was, replace(end, probe=call.probe), self.now)
            self.keep(window)
            assert window.reserved == self.under_way(window)
            assert window.spent >= 0
            assert not (window.gate.probe_in_flight and window.reserved == 0)


verdicts = st.builds(
    Verdict,
    st.sampled_from(Kind),
    scope=st.sampled_from([Scope.ACCOUNT, Scope.MODEL, None]),
    wait_ms=st.sampled_from([None, SECOND]),
    ambiguous=st.booleans(),
)
counts = st.dictionaries(
    st.sampled_from(["day", "model day"]),
    st.builds(Count, st.none() | st.integers(0, 9), st.integers(0, 12)),
)
ends = st.none() | st.builds(Outcome, verdicts, counts=counts)
DONE = Outcome(Verdict(Kind.DONE))
jumps = st.sampled_from(
    [0, SECOND, MINUTE_MS, 10 * MINUTE_MS, 5 * HOUR, DAY, 9 * DAY, -MINUTE_MS, -HOUR, -3 * DAY]
)
steps = st.one_of(
    st.tuples(st.just("admit"), st.integers(1, 8)),
    st.tuples(st.just("end"), st.integers(0, 7), ends | st.just(DONE)),
    st.tuples(st.just("jump"), jumps),
)
limits = st.none() | st.integers(0, 9)


@settings(max_examples=300)
@given(limits, limits, st.integers(0, 3), st.lists(steps, max_size=40))
def test_no_sequence_of_events_breaks_the_promises_of_a_window(
    account: int | None, model: int | None, reserve: int, events: list[tuple[object, ...]]
) -> None:
    """Never more than the limit admits, a probe alone, a reset once, a day never again."""
    rules = {
        "": Quota("day", Scope.ACCOUNT, account, DAILY, reserve=reserve),
        "qwen": Quota("model day", Scope.MODEL, model, DAILY),
    }
    books = Books(rules, MIDNIGHT + HOUR)
    for event in events:
        match event:
            case ("admit", int(want)):
                books.admit("qwen", want)
            case ("end", int(place), end) if books.flying:
                assert end is None or isinstance(end, Outcome)
                books.end(books.flying[place % len(books.flying)], end)
            case ("jump", int(by)):
                books.now += by


# ---- a provider of our own

SPENT_RULE = Rule(Verdict(Kind.SPENT, scope=Scope.ACCOUNT), message="today's quota")
MODEL_RULE = Rule(Verdict(Kind.SPENT, scope=Scope.MODEL), message="quota for model")
MAYBE_RULE = Rule(
    Verdict(Kind.THROTTLED, scope=Scope.ACCOUNT, ambiguous=True), message="request limit exceeded"
)
RULES = (MODEL_RULE, SPENT_RULE, MAYBE_RULE)


@dataclass
class Provider:
    """Counts calls by day and by model, and refuses what exceeds a limit."""

    limit: int
    model_limit: int | None = None
    headers: bool = True
    late_ms: int = 0  # its day begins this long after ours
    faults: float = 0.0  # the part of its replies that are faults, charged or not
    luck: Random = field(default_factory=lambda: Random(1))
    message: str = "You have exceeded today's quota"
    foreign: Counter[str] = field(default_factory=Counter)
    used: Counter[str] = field(default_factory=Counter)  # by day, ours
    refused: Counter[str] = field(default_factory=Counter)
    by_model: Counter[tuple[str, str]] = field(default_factory=Counter)
    charged_faults: Counter[str] = field(default_factory=Counter)
    free_faults: Counter[str] = field(default_factory=Counter)

    def answer(self, model: str, now: int) -> Outcome:
        return self.decide(model, day_at(now - self.late_ms, ZONE).name)

    def decide(self, model: str, day: str) -> Outcome:
        if self.used[day] + self.foreign[day] >= self.limit:
            return self.refuse(model, day, self.message)
        if self.model_limit is not None and self.by_model[day, model] >= self.model_limit:
            return self.refuse(model, day, f"quota for model {model}")
        if self.luck.random() < self.faults:
            return self.fail(day)
        self.used[day] += 1
        self.by_model[day, model] += 1
        return self.tell(Reply(200, content="yes"), model, day)

    def fail(self, day: str) -> Outcome:
        charged = self.luck.random() < 1 / 2
        self.used[day] += charged
        (self.charged_faults if charged else self.free_faults)[day] += 1
        return Outcome(classify(Reply(502, message="<html>"), RULES))

    def refuse(self, model: str, day: str, message: str) -> Outcome:
        self.refused[day] += 1
        return self.tell(Reply(429, message=message), model, day)

    def tell(self, reply: Reply, model: str, day: str) -> Outcome:
        verdict = classify(reply, RULES)
        if not self.headers:
            return Outcome(verdict)
        told = {"day": self.left(self.limit, self.used[day] + self.foreign[day])}
        if self.model_limit is not None:
            told["model day"] = self.left(self.model_limit, self.by_model[day, model])
        return Outcome(verdict, counts=told)

    @staticmethod
    def left(limit: int, used: int) -> Count:
        return Count(limit, max(0, limit - used))


@dataclass
class Runner:
    """Calls `provider` for `models` with more work than it can do, until `end`."""

    provider: Provider
    preset: dict[str, int | None]  # limits by the window's model
    random: Random
    now: int
    end: int
    concurrency: int = 4
    pace: Pace = Pace.ASAP
    reserve: int = 0
    models: tuple[str, ...] = ("qwen",)
    # (moment, tie, call, route, outcome): without outcome the call has yet to reach the provider
    events: list[tuple[int, int, Call, Route, Outcome | None]] = field(default_factory=list)
    in_flight: Counter[Route] = field(default_factory=Counter)
    ties: Iterator[int] = field(default_factory=count)
    books: Books = field(init=False)

    def __post_init__(self) -> None:
        rules = {key: Quota("model day", Scope.MODEL, n, DAILY) for key, n in self.preset.items()}
        rules[""] = replace(rules[""], name="day", scope=Scope.ACCOUNT, reserve=self.reserve)
        self.books = Books(rules, self.now)

    def run(self) -> "Runner":
        while self.now < self.end:
            self.step()
        return self

    def step(self) -> None:
        self.books.now = self.now
        while self.events and self.events[0][0] <= self.now:
            self.happen(*heapq.heappop(self.events))
        routes = [(ACCOUNT, model) for model in self.models]
        rules = Rules(self.pace)
        demands = [Demand(n, (r,), ready=10**6, rules=rules) for n, r in enumerate(routes)]
        state = State({route: self.state(route) for route in routes})
        decision = decide(state, demands, self.now)
        if isinstance(decision, Start):
            self.start(decision)
            return
        moments = [self.end, *(event[0] for event in self.events[:1])]
        moments += [] if decision.until is None else [decision.until]
        assert min(moments) > self.now
        self.now = min(moments)

    def state(self, route: Route) -> RouteState:
        allowed = controller.new(self.concurrency, self.concurrency)
        return RouteState(self.books.open(route[1]), allowed, self.in_flight[route])

    def start(self, decision: Start) -> None:
        admitted = self.books.admit(decision.route[1], decision.count)
        assert len(admitted) == decision.count
        for call in admitted:
            arrival = self.now + self.random.randrange(3 * SECOND)
            heapq.heappush(self.events, (arrival, next(self.ties), call, decision.route, None))
        self.in_flight[decision.route] += len(admitted)

    def happen(self, moment: int, _tie: int, call: Call, route: Route, end: Outcome | None) -> None:
        if end is None:
            told = self.provider.answer(route[1], moment)
            later = moment + self.random.randrange(5 * SECOND)
            heapq.heappush(self.events, (later, next(self.ties), call, route, told))
            return
        self.books.end(call, end)
        self.in_flight[route] -= 1


seeds = st.integers(0, 2**32)
paces = st.sampled_from([Pace.ASAP, Pace.AUTO, Pace.EVEN])
concurrencies = st.integers(1, 8)
hours = st.integers(0, 22)
few = settings(max_examples=40, deadline=None, derandomize=True)  # the same days on every machine


def whole_days(n: int) -> list[str]:
    return [day_at(MIDNIGHT + d * DAY, ZONE).name for d in range(n)]


def simulate(
    provider: Provider,
    preset: int | None,
    seed: int,
    *,
    concurrency: int = 4,
    pace: Pace = Pace.ASAP,
    hour: int = 0,
    days: int = 3,
    reserve: int = 0,
) -> Runner:
    end = MIDNIGHT + days * DAY - SECOND
    begin = MIDNIGHT + hour * HOUR
    return Runner(
        provider,
        {"": preset},
        Random(seed),
        begin,
        end,
        concurrency=concurrency,
        pace=pace,
        reserve=reserve,
    ).run()


@few
@given(st.integers(1, 40), st.integers(1, 60), seeds, concurrencies, paces, hours)
def test_with_headers_no_call_is_refused_and_none_is_left_over(
    limit: int, preset: int, seed: int, concurrency: int, pace: Pace, hour: int
) -> None:
    """Whatever the preset believes: the first reply's header corrects it."""
    provider = Provider(limit)
    simulate(provider, preset, seed, concurrency=concurrency, pace=pace, hour=hour)
    assert not provider.refused
    assert provider.used == dict.fromkeys(whole_days(3), limit)


@few
@given(st.integers(1, 40), seeds, concurrencies, paces)
def test_without_headers_a_right_preset_is_used_up_without_a_refusal(
    limit: int, seed: int, concurrency: int, pace: Pace
) -> None:
    provider = Provider(limit, headers=False)
    simulate(provider, limit, seed, concurrency=concurrency, pace=pace)
    assert not provider.refused
    assert provider.used == dict.fromkeys(whole_days(3), limit)


@few
@given(
    st.integers(1, 30),
    st.none() | st.integers(1, 30),
    seeds,
    concurrencies,
    paces,
    hours,
)
def test_without_headers_a_lower_limit_costs_a_refusal_or_two_and_those_in_flight_once(
    limit: int, above: int | None, seed: int, concurrency: int, pace: Pace, hour: int
) -> None:
    provider = Provider(limit, headers=False)
    preset = None if above is None else limit + above
    simulate(provider, preset, seed, concurrency=concurrency, pace=pace, hour=hour)
    first, *later = whole_days(3)
    assert 1 <= provider.refused[first] <= 3 + (concurrency - 1)
    assert all(provider.refused[day] <= 1 for day in later), "the limit is tried once a day"
    assert provider.used == dict.fromkeys(whole_days(3), limit)


@few
@given(st.integers(2, 30), st.data(), seeds, concurrencies)
def test_with_headers_calls_of_others_before_the_start_cost_a_question_at_most(
    limit: int, data: st.DataObject, seed: int, concurrency: int
) -> None:
    first, *later = whole_days(2)
    foreign = data.draw(st.integers(0, limit - 1))
    provider = Provider(limit, foreign=Counter({first: foreign}))
    simulate(provider, limit, seed, concurrency=concurrency, hour=9, days=2)
    assert provider.refused[first] <= (foreign == limit - 1), "the first count says 0: is it so?"
    assert provider.refused.total() == provider.refused[first]
    assert provider.used == {first: limit - foreign} | dict.fromkeys(later, limit)


@few
@given(st.integers(1, 9), st.booleans(), st.integers(0, 14), seeds, concurrencies)
def test_a_day_that_others_have_spent_costs_a_handful_of_refusals(
    limit: int,
    headers: bool,  # noqa: FBT001
    hour: int,
    seed: int,
    concurrency: int,
) -> None:
    first, second = whole_days(2)
    provider = Provider(limit, headers=headers, foreign=Counter({first: limit}))
    simulate(provider, limit, seed, concurrency=concurrency, hour=hour, days=2)
    assert 1 <= provider.refused[first] <= 4
    assert provider.refused[second] == 0
    assert provider.used == {second: limit}


@pytest.mark.parametrize("message", ["You have exceeded today's quota", "Request limit exceeded."])
@few
@given(
    limit=st.integers(1, 30),
    headers=st.booleans(),
    seed=seeds,
    concurrency=concurrencies,
    pace=paces,
)
def test_a_reset_seven_minutes_late_costs_at_most_four_refusals_a_day(
    *, message: str, limit: int, headers: bool, seed: int, concurrency: int, pace: Pace
) -> None:
    """The refusals fall into the provider's old day; of the new one nothing is lost."""
    provider = Provider(limit, headers=headers, late_ms=7 * MINUTE_MS, message=message)
    runner = Runner(
        provider,
        {"": limit},
        Random(seed),
        MIDNIGHT + HOUR,
        MIDNIGHT + 3 * DAY - SECOND,
        concurrency=concurrency,
        pace=pace,
    ).run()
    assert all(refusals <= 4 for refusals in provider.refused.values())
    assert provider.used == dict.fromkeys(whole_days(3), limit)
    assert runner.books.latest[""].limit == limit


@few
@given(st.integers(1, 20), st.integers(1, 20), seeds, concurrencies)
def test_an_ambiguous_refusal_costs_one_probe_and_then_the_day_is_spent(
    limit: int, above: int, seed: int, concurrency: int
) -> None:
    provider = Provider(limit, headers=False, message="Request limit exceeded.")
    simulate(provider, limit + above, seed, concurrency=concurrency)
    first, *later = whole_days(3)
    assert 2 <= provider.refused[first] <= 3 + (concurrency - 1)
    assert all(provider.refused[day] <= 1 for day in later), "the limit is tried once a day"
    assert provider.used == dict.fromkeys(whole_days(3), limit)


@few
@given(st.integers(4, 30), st.integers(1, 3), st.booleans(), seeds, concurrencies, paces)
def test_the_users_reserve_is_left_every_day(
    limit: int,
    reserve: int,
    headers: bool,  # noqa: FBT001
    seed: int,
    concurrency: int,
    pace: Pace,
) -> None:
    provider = Provider(limit, headers=headers)
    simulate(provider, limit, seed, concurrency=concurrency, pace=pace, reserve=reserve)
    assert not provider.refused
    assert provider.used == dict.fromkeys(whole_days(3), limit - reserve)


@few
@given(st.integers(2, 30), st.integers(1, 12), st.booleans(), seeds, concurrencies, paces, hours)
def test_two_models_of_an_account_use_its_day_up_within_their_caps(
    limit: int,
    cap: int,
    headers: bool,  # noqa: FBT001
    seed: int,
    concurrency: int,
    pace: Pace,
    hour: int,
) -> None:
    provider = Provider(limit, model_limit=cap, headers=headers)
    Runner(
        provider,
        {"": limit, "qwen": cap, "glm": cap},
        Random(seed),
        MIDNIGHT + hour * HOUR,
        MIDNIGHT + 3 * DAY - SECOND,
        concurrency=concurrency,
        pace=pace,
        models=("qwen", "glm"),
    ).run()
    assert not provider.refused
    assert provider.used == dict.fromkeys(whole_days(3), min(limit, 2 * cap))
    assert max(provider.by_model.values()) <= cap


@few
@given(st.integers(20, 40), st.booleans(), seeds, concurrencies, paces)
def test_a_fault_costs_at_most_itself(
    limit: int,
    headers: bool,  # noqa: FBT001
    seed: int,
    concurrency: int,
    pace: Pace,
) -> None:
    """A charged fault may bring a refusal, where no count told of it; a free one, a call less.

    The reset is late, too: what faults left of a day may be spent, and counted, in the next one,
    and a fault on a day's first probe must not make a limit of one.
    """
    provider = Provider(
        limit, headers=headers, late_ms=3 * MINUTE_MS, faults=0.05, luck=Random(seed)
    )
    simulate(provider, limit, seed, concurrency=concurrency, pace=pace, hour=1)
    in_flight = concurrency - 1
    before = 0
    for day in whole_days(3):
        assert provider.refused[day] <= 4 + provider.charged_faults[day] + in_flight
        assert limit - provider.used[day] <= provider.free_faults[day] + before + in_flight
        before += provider.free_faults[day]


# ---- one budget of refusals a day, for whatever reasons


@dataclass
class Lying(Provider):
    """Refuses one call a day although something is left, at a moment of its own."""

    moments: list[int] = field(default_factory=list)
    today: str = ""

    def answer(self, model: str, now: int) -> Outcome:
        self.today = day_at(now, ZONE).name
        if self.moments and now >= self.moments[0]:
            del self.moments[0]
            return self.refuse(model, self.today, self.message)
        return super().answer(model, now)

    def refuse(self, model: str, day: str, message: str) -> Outcome:
        """Counts it by our day, which the budget is of."""
        self.refused[self.today] += 1
        return self.tell(Reply(429, message=message), model, day)


@few
@given(seeds, paces, st.integers(0, 20 * 60), st.lists(st.integers(0, DAY), max_size=1))
def test_a_day_is_refused_four_times_at_most_whatever_its_reset_and_one_false_refusal_cost(
    seed: int, pace: Pace, late: int, false: list[int]
) -> None:
    """Nothing tells what is left, and the limit is what refusals have taught."""
    moments = sorted(MIDNIGHT + n * DAY + at for n in range(6) for at in false)
    provider = Lying(24, headers=False, late_ms=late * MINUTE_MS, moments=moments)
    runner = simulate(provider, 24, seed, pace=pace, days=4, concurrency=1)
    told = dict(provider.refused)
    assert all(count <= 4 for count in provider.refused.values()), told
    if late <= 90:
        used = [provider.used[day] for day in whole_days(4)[1:-1]]
        assert min(used) >= 20, (used, told)
    assert runner.now >= runner.end

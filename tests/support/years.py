"""A runner's whole history under one seed's fate: the pure core, driven by a queue of events."""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from random import Random

from runner.core import controller, quota
from runner.core.charging import Outcome
from runner.core.demand import Demand, Rules, WaitReason
from runner.core.gate import ParkReason
from runner.core.pacing import Pace
from runner.core.period import Calendar, Grant, Refill, Rolling
from runner.core.quota import Admitted
from runner.core.route import Route, RouteState
from runner.core.selection import Start, State, Wait, decide, wait_reasons
from runner.core.window import Count, Unit, Window
from support.fate import HOUR, MINUTE, SECOND, TOKENS, Event, Fate
from support.judge import Call, Judge
from support.truth import Truth
from support.window_record import ACCOUNT, WindowRecord

BALANCE_EVERY = 15 * MINUTE  # as the runtime does
Left = dict[tuple[str, str], int]  # by quota and model
LONGEST_WAY = 3 * SECOND
LONGEST_REPLY = 5 * SECOND


JobAction = tuple[int, str, str, str]  # moment, what, model or quota, how it went


@dataclass
class Year:
    """One history: what a runner with more work than it can do made of its fate."""

    fate: Fate
    at: int = field(init=False)
    offset: int = 0  # the machine's clock minus the true one
    jumped_at: int = 0  # when the machine's clock was last changed
    asleep_until: int = 0
    balance_at: int = 0
    random: Random = field(init=False)
    truth: Truth = field(init=False)
    judge: Judge = field(init=False)
    record: WindowRecord = field(init=False)
    queue: list[tuple[int, int, Event | Call, Outcome | None]] = field(default_factory=list)
    ties: Iterator[int] = field(default_factory=count)
    in_flight: Counter[Route] = field(default_factory=Counter)
    history: list[JobAction] = field(default_factory=list)
    looks: list[int] = field(default_factory=list)  # what the clock showed at each decision
    # by the day: the models that an allowance was left for
    left: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    # and for what no mistake or hindrance explains it, with how much
    wasted: defaultdict[str, list[tuple[str, Left]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def __post_init__(self) -> None:
        self.at = self.fate.begin
        self.random = Random(self.fate.seed + 1)
        self.truth = self.fate.provider()
        self.judge = Judge(self.fate, self.truth)
        self.record = WindowRecord(self.fate)
        self.routes = tuple((ACCOUNT, model) for model in self.fate.models)
        self.rules = Rules(self.fate.pace, self.fate.hours)
        for event in (*self.fate.events, *self.eves()):
            self.push(event.at, event)

    def eves(self) -> Iterator[Event]:
        """The last moment of each of the provider's days at which the user lets calls be made.

        What a day that ends late still allows after its midnight is not asked for.
        """
        days = Calendar("day", self.fate.zone)
        midnight = days.span(self.fate.begin).ends_at
        while midnight < self.fate.end:
            yield Event(self.closing(midnight) - 1, "eve", midnight)
            midnight = days.span(midnight).ends_at

    def closing(self, moment: int) -> int:
        """The end of the last half hour before `moment` that lies within the hours."""
        hours = self.fate.hours
        while hours and hours.opens_at(moment - 1) >= moment:
            moment = (moment - 1) // (HOUR // 2) * (HOUR // 2)
        return moment

    def push(self, at: int, what: Event | Call, end: Outcome | None = None) -> None:
        heapq.heappush(self.queue, (at, next(self.ties), what, end))

    @property
    def now(self) -> int:
        """What the machine's clock shows."""
        return self.at + self.offset

    def run(self) -> "Year":
        while self.at < self.fate.end:
            self.step()
        while self.queue:  # what is still in flight comes home
            self.at = max(self.at, self.queue[0][0])
            self.catch_up()
        return self

    def step(self) -> None:
        self.catch_up()
        if self.asleep_until > self.at:
            self.at = self.asleep_until
            return
        amid = self.fate.watchful and self.in_flight.total() and self.random.random() < 1 / 3
        if self.fate.credits and (amid or self.now >= self.balance_at):
            self.ask_balance()
        self.looks.append(self.now)
        states = {route: self.state(route[1]) for route in self.routes}
        decision = decide(State(states), self.demands(), self.now)
        if isinstance(decision, Start):
            self.start(decision, states[decision.route])
        else:
            self.wait(decision, states)

    def demands(self) -> list[Demand]:
        ways: Sequence[tuple[Route, ...]] = [self.routes]
        if self.fate.apart:
            ways = [(route,) for route in self.routes]
        rotate, rules = self.fate.rotate, self.rules
        return [Demand(n, w, 10**6, rotate=rotate, rules=rules) for n, w in enumerate(ways)]

    def state(self, model: str) -> RouteState:
        return RouteState(
            self.record.open(model, self.now),
            controller.new(self.fate.concurrency, self.fate.concurrency),
            self.in_flight[ACCOUNT, model],
            self.fate.cost(model),
        )

    # ---- the runner acts

    def start(self, decision: Start, state: RouteState) -> None:
        assert 1 <= decision.count <= self.fate.concurrency - state.in_flight
        assert not self.fate.hours or self.fate.hours.opens_at(self.now) == self.now
        offer = quota.admit(state.windows, decision.count, self.now, state.cost)
        assert isinstance(offer, Admitted)
        assert offer.count == decision.count
        windows = quota.reserve(state.windows, offer.count, self.now, state.cost)
        for window in windows:
            self.record.keep(window)
        held = {(w.quota, w.model, w.period_key): w.cost_of(state.cost) for w in windows}
        for _ in range(offer.count):
            fault = ""
            if self.random.random() < self.fate.faults:
                fault = self.random.choice(("free", "charged"))
            tokens = self.random.randint(TOKENS // 3, TOKENS)
            call = Call(decision.route[1], held, offer.probe, tokens, fault, self.now, self.at)
            self.push(self.at + self.random.randrange(LONGEST_WAY), call)
        self.in_flight[decision.route] += offer.count
        self.note("start", decision.route[1], str(offer.count))

    def wait(self, decision: Wait, states: Mapping[Route, RouteState]) -> None:
        """Nothing is done until the moment it names, or until something is seen to happen."""
        until = self.fate.end
        if self.fate.credits:
            until = min(until, self.balance_at - self.offset)
        if decision.until is not None:
            assert decision.until > self.now
            until = min(until, decision.until - self.offset)
        elif not self.in_flight.total():
            assert self.fate.credits, decision
        begun, now, flying = self.at, self.now, bool(self.in_flight.total())
        seen = False
        while not seen and self.queue and self.queue[0][0] <= until:
            self.at = max(self.at, self.queue[0][0])
            seen = self.catch_up()
        if not seen:
            self.at = max(self.at, until)
        if not flying and self.asleep_until <= self.at:
            self.check_idle(states, begun, now)

    def ask_balance(self) -> None:
        meter = self.truth.meters["credits", ""]
        left = max(0, meter.room(self.at))
        rule = next(rule for rule in self.fate.belief if rule.name == "credits")
        total = meter.limit if self.fate.tells_total else left
        window = self.record.roll_over(rule, "credits", "", self.now)
        self.record.keep(quota.balance(window, Count(total, left), self.now))
        self.judge.balanced(self.in_flight.total())
        self.balance_at = self.now + BALANCE_EVERY

    # ---- the world happens

    def catch_up(self) -> bool:
        """Let everything happen that is due; whether the runner sees any of it."""
        seen = False
        while self.queue and self.queue[0][0] <= self.at:
            moment, _, what, end = heapq.heappop(self.queue)
            if isinstance(what, Event):
                self.happen(what)
                seen |= what.kind == "clock"
            elif end is None:
                self.arrive(what, moment)
            else:
                self.come_home(what, end, moment)
                seen = True
        return seen

    def happen(self, event: Event) -> None:
        match event.kind:
            case "eve":
                self.review(event)
                return
            case "clock":
                # Where replies have a Date, the clock is corrected as soon as it jumps.
                self.offset, self.jumped_at = 0 if self.fate.dates else event.amount, event.at
                self.balance_at = min(self.balance_at, self.now + BALANCE_EVERY)
            case "sleep":
                self.asleep_until = event.at + event.amount
            case "limit":
                for meter in self.truth.meters.values():
                    if meter.calendric:
                        meter.limit = max(1, meter.limit * event.amount // 100)
            case _:
                for _ in range(event.amount):
                    model = self.random.choice(self.fate.models)
                    cost = self.true_cost(model, TOKENS)
                    if self.truth.take_away(model, cost, event.at):
                        self.judge.taken(model, event.at)
        self.note(event.kind, "", str(event.amount))

    def review(self, eve: Event) -> None:
        """For which models a day's last moment still had an allowance, and no excuse."""
        day = Calendar("day", self.fate.zone).span(eve.amount - 1).name
        for model in self.fate.models:
            if not self.spent(model, eve.at):
                self.left[day].append(model)
            if not self.excused(model, eve.at) and (left := self.judge.left(model, eve.at)):
                self.wasted[day].append((model, left))

    def spent(self, model: str, moment: int) -> bool:
        cost = self.fate.cost(model)
        touched = self.truth.touched(model)
        return any(m.calendric and not self.truth.fits(m, cost, moment) for m in touched)

    def excused(self, model: str, moment: int) -> bool:
        """Whether the runner could not call just then, or saw another day, or is still at it."""
        asleep = moment < self.asleep_until
        at_it = bool(self.in_flight.total())
        rolling = (m for m in self.truth.touched(model) if not m.calendric)
        slow = not all(self.truth.fits(m, self.fate.cost(model), moment) for m in rolling)
        elsewhen = self.offset != 0 and (self.fate.hours or self.fate.pace is not Pace.ASAP)
        return bool(asleep or at_it or slow or elsewhen)

    def true_cost(self, model: str, tokens: int) -> dict[Unit, int]:
        return {**self.fate.cost(model), Unit.TOKENS: tokens}

    def arrive(self, call: Call, moment: int) -> None:
        cost = self.true_cost(call.model, call.tokens)
        told = self.truth.answer(call.model, cost, call.fault, moment)
        self.judge.arrived(call, told, moment)
        self.push(moment + self.random.randrange(LONGEST_REPLY), call, told)

    def come_home(self, call: Call, end: Outcome, moment: int) -> None:
        """A reply; what comes while the machine sleeps is read when it wakes."""
        if self.asleep_until > moment:
            self.push(self.asleep_until, call, end)
            return
        self.record.end(call, end, moment + self.offset)
        self.judge.came_home(call, end, moment)
        self.in_flight[ACCOUNT, call.model] -= 1
        self.note("end", call.model, f"{end.verdict.kind} {end.verdict.quota}")

    def note(self, what: str, whom: str, how: str) -> None:
        self.history.append((self.at, what, whom, how))

    # ---- what must not be

    def check_idle(self, states: Mapping[Route, RouteState], begun: int, now: int) -> None:
        """Nobody waits while nothing is in flight and the provider has room, without a reason.

        Args:
            states: What the runner saw when it began to wait.
            begun: When that was.
            now: What the machine's clock showed.
        """
        for demand in self.demands():
            for (_, model), found in wait_reasons(
                State(states), demand, self.demands(), now
            ).items():
                assert isinstance(found, WaitReason)
                idle = self.at - self.truth.room_from(model, self.fate.cost(model), begun, self.at)
                if idle > self.grace and (fault := self.fault(found, model, begun, now, idle)):
                    raise AssertionError((fault, model, begun, idle, found))

    def fault(self, found: WaitReason, model: str, begun: int, now: int, idle: int) -> str:
        """What is wrong with having waited so long for this reason; empty: nothing."""
        window = found.window
        if found.cause == "hours":
            assert self.fate.hours
            return "" if self.fate.hours.opens_at(now) > now else "within the hours"
        if found.cause == "pace":
            return "" if self.fate.pace is not Pace.ASAP else "nobody wants it spread"
        if window is None:
            return "nothing hinders it"
        if now < window.gate.parked_until and window.gate.reason is not ParkReason.NONE:
            parked = self.judge.parked_for(window, model, now, begun)
            known = parked or not self.judge.left(model, self.at - 1) or self.stale(window, idle)
            return "" if known or self.elsewhen(window) else "a gate is parked for too long"
        if isinstance(window.period, Rolling | Refill):
            longest = self.grace + self.judge.patience(window, model, self.at, self.jumped_at)
            return "" if idle <= longest else "a rolling window is not full"
        if isinstance(window.period, Grant) and idle <= self.grace + BALANCE_EVERY:
            return ""
        known = not self.judge.left(model, self.at - 1)
        return "" if known or self.elsewhen(window) else "an allowance is not spent"

    def stale(self, window: Window, idle: int) -> bool:
        """Whether its reset was told before the clock was set right, which lost that hour."""
        learned_at = window.limit_learned_at
        told = self.fate.tells_resets and learned_at is not None
        return told and learned_at - HOUR < self.jumped_at and idle <= HOUR + self.grace

    def elsewhen(self, window: Window) -> bool:
        """Whether the machine's clock shows another day than the provider's."""
        if not isinstance(window.period, Calendar):
            return False
        true_day, shown = (window.period.span(at - self.grace).name for at in (self.at, self.now))
        return true_day != shown

    @property
    def grace(self) -> int:
        """What a reply takes, for a call counts from its end here and from its arrival there.

        And the grain of a second, and the margin after a reset.
        """
        return LONGEST_WAY + LONGEST_REPLY + SECOND + self.fate.margin

"""What explains that a call was not made though the provider had room for it.

It reckons with what really happened, which only the provider's books show: what the runner counts
and was never charged for, a limit that it was not told of, clocks, sleep. It knows no gate's
arithmetic but the longest waits that docs/quotas.md names.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from runner.core.charging import Outcome
from runner.core.gate import ParkReason
from runner.core.period import Calendar, Refill, Rolling
from runner.core.verdict import Kind, Scope
from runner.core.window import Unit, Window
from support.fate import DAY, HOUR, MINUTE, Fate
from support.truth import Meter, Truth

Place = tuple[str, str, str]  # quota, model, day


@dataclass(frozen=True, eq=False)
class Call:
    """A call in flight, and what it holds where."""

    model: str
    held: dict[Place, int]
    probe: bool
    tokens: int
    fault: str
    sent_at: int  # by the machine's clock
    left_at: int  # by the true one


# How long a gate may stay parked after the reply that parked it.
LONGEST_WAITS = {
    ParkReason.THROTTLED: 15 * MINUTE,
    ParkReason.AMBIGUOUS: MINUTE,
    ParkReason.SPENT: 18 * HOUR,  # three quarters of a day
}
# After a reset that is up to 7 minutes late it is tried 10 minutes after midnight.
LATE_WAIT = 10 * MINUTE
ROLLING = {"minute", "tokens"}  # that replies may tell of
SHOWS = 9 * DAY  # a limit learned from a refusal is tried again after a week


@dataclass
class Judge:
    """The provider's side of a runner's mistakes."""

    fate: Fate
    truth: Truth
    # By window, what its calls hold that was not charged in its period: (moment, amount).
    uncharged: defaultdict[Place, list[tuple[int, int]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    last_told: dict[tuple[str, str], int] = field(default_factory=dict)  # limits
    foreign: Counter[tuple[str, str, int]] = field(default_factory=Counter)  # quota, model, moment
    pending: dict[Call, list[tuple[Place, int]]] = field(default_factory=dict)
    ended_at: dict[str, int] = field(default_factory=dict)  # the latest call, by model

    # ---- what happens

    def arrived(self, call: Call, end: Outcome, moment: int) -> None:
        """A call came to the provider, and was charged there or was not."""
        self.pending[call] = []
        if end.verdict.kind in (Kind.SPENT, Kind.THROTTLED):
            return  # the runner does not count it, either
        for place, amount in call.held.items():
            meter = self.truth.meters[place[:2]]
            elsewhere = bool(place[2]) and place[2] != meter.period(moment)
            unused = amount - call.tokens if meter.rule.unit is Unit.TOKENS and call.fault else 0
            if call.fault == "free" or elsewhere:
                unused = amount
            self.pending[call].append((place, max(0, unused)))

    def came_home(self, call: Call, end: Outcome, moment: int) -> None:
        """The runner hears of it; a count tells of all that was given up before it was sent."""
        for place, amount in self.pending.pop(call):
            self.uncharged[place].append((moment, amount))
        for place in call.held:
            if place[0] in end.counts:
                self.last_told[place[:2]] = end.counts[place[0]].limit or 0
                unconfirmed = self.uncharged[place]
                self.uncharged[place] = [doubt for doubt in unconfirmed if doubt[0] >= call.left_at]
        self.ended_at[call.model] = moment

    def taken(self, model: str, moment: int) -> None:
        """A stranger's call."""
        for (name, owner), meter in self.truth.meters.items():
            if owner in ("", model):
                amount = self.fate.cost(model).get(meter.rule.unit, 0)
                self.foreign[name, owner, moment] += amount

    def balanced(self, in_flight: int) -> None:
        """The runner hears the balance; with calls in flight it does not hear all."""
        if not in_flight:
            self.uncharged["credits", "", ""].clear()

    # ---- what may be wrong

    def mistake(self, meter: Meter, owner: str, day: str, moment: int) -> int:
        """By how much less than there is the runner may see of a meter."""
        name = meter.rule.name
        place = (name, owner, day if isinstance(meter.rule.period, Calendar) else "")
        return sum(amount for _, amount in self.uncharged[place]) + self.deficit(
            meter, name, owner, moment
        )

    def deficit(self, meter: Meter, name: str, owner: str, moment: int) -> int:
        """How much more the limit may be than what a reply or a refusal has told."""
        if name in self.fate.told:
            return max(0, meter.limit - self.last_told.get((name, owner), meter.limit))
        taken: Counter[str] = Counter()
        since = meter.calendar.span(moment - SHOWS).starts_at
        for (quota, model, at), amount in self.foreign.items():
            if (quota, model) == (name, owner) and since <= at <= moment:
                taken[meter.period(at)] += amount
        return max(taken.values(), default=0)

    def left(self, model: str, moment: int) -> dict[tuple[str, str], int]:
        """What no mistake explains of what each allowance of `model` has left; empty if any does.

        Of an allowance that has no room for a call nothing is to be explained.
        """
        cost, found = self.fate.cost(model), {}
        for (name, owner), meter in self.truth.meters.items():
            if not meter.calendric or owner not in ("", model):
                continue
            day = meter.period(moment)
            left = meter.room(moment) - meter.rule.reserve
            unexplained = left - self.mistake(meter, owner, day, moment)
            if unexplained < cost[meter.rule.unit]:
                return {}
            found[name, owner] = unexplained
        return found

    # ---- why a gate is parked

    def parked_for(self, window: Window, model: str, now: int, begun: int) -> bool:
        """Whether the wait of a parked gate is one of those that are promised.

        Args:
            window: Whose gate it is.
            model: Whose call waits.
            now: What the machine's clock showed when it began to wait.
            begun: When that was.
        """
        gate = window.gate
        if gate.reason is ParkReason.RESET:
            return gate.parked_until <= window.starts_at + self.fate.margin
        if gate.reason not in LONGEST_WAITS:
            return False
        models = self.fate.models if window.scope is Scope.ACCOUNT else (model,)
        last = max((self.ended_at.get(name, 0) for name in models), default=0)
        longest = LONGEST_WAITS[gate.reason]
        clock = any(event.kind == "clock" for event in self.fate.events)
        soon = self.fate.late and not clock and now - window.starts_at <= HOUR
        if gate.reason is ParkReason.SPENT and soon:
            longest = LATE_WAIT
        return gate.parked_until - now + begun - last <= longest + MINUTE

    def patience(self, window: Window, model: str, at: int, jumped_at: int) -> int:
        """How long a rolling window may seem full at `at` that is not.

        A drip; a minute, if the replies tell of it, for a count may hold what falls out of sight;
        and as long as what it holds that was never charged takes to come back. A clock that is
        set back shows by how much at the latest call's start: what passed since is waited for.
        """
        assert isinstance(window.period, Rolling | Refill)
        ms, limit = window.period.ms, window.limit or 1
        drip = ms * self.fate.cost(model)[window.unit] // limit
        told = MINUTE * (window.quota in ROLLING & self.fate.told)
        since = at - 2 * ms
        uncharged = self.uncharged[window.quota, window.model, ""]
        held = sum(amount for moment, amount in uncharged if moment > since)
        back = min(ms, held * ms // limit) if isinstance(window.period, Refill) else ms * bool(held)
        jumped = ms if jumped_at > since else 0
        return drip + told + max(back, jumped)

"""A provider that keeps its own exact books: true sliding windows, real calendars, real buckets.

It is what the runner's windows are measured against, so it shares nothing with them but the
rules' names and the calendar.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from runner.core.charging import Outcome
from runner.core.period import Calendar, Grant, Refill, Rolling
from runner.core.verdict import Kind, Scope, Verdict
from runner.core.window import Cost, Count, Quota, Unit

Late = Callable[[int], int]  # by how much the reset due at a moment is late, in ms


@dataclass
class Meter:
    """The true state of one quota, of an account or of a model on it."""

    rule: Quota
    limit: int
    calendar: Calendar  # of a grant: the days it is granted for
    late: Late
    resets: bool = False  # whether a count says when the calendar brings it back
    used: Counter[str] = field(default_factory=Counter)  # by the calendar period's name
    spent: list[tuple[int, int]] = field(default_factory=list)  # rolling: (moment, amount)
    level: int = 0  # a bucket's, in units times its ms
    level_at: int = 0

    @property
    def calendric(self) -> bool:
        """Whether a calendar brings all of it back at once."""
        return isinstance(self.rule.period, Calendar | Grant)

    def period(self, now: int) -> str:
        """The name of the calendar period the provider is in at `now`."""
        span = self.calendar.span(now)
        if now < span.starts_at + self.late(span.starts_at):
            return self.calendar.span(span.starts_at - 1).name
        return span.name

    def taken(self, now: int) -> int:
        """How much of it is spent at `now`, rounded up."""
        match self.rule.period:
            case Rolling(ms):
                return sum(amount for moment, amount in self.spent if now - ms < moment <= now)
            case Refill(ms):
                return -(-self._level(now) // ms)
            case _:
                return self.used[self.period(now)]

    def charge(self, amount: int, now: int) -> None:
        """Spend `amount` at `now`: never more than there is."""
        match self.rule.period:
            case Rolling(ms):
                # What is a period old is kept for a period more: the past is asked about, too.
                self.spent = [entry for entry in self.spent if entry[0] > now - 2 * ms]
                self.spent.append((now, amount))
            case Refill(ms):
                self.level, self.level_at = self._level(now) + amount * ms, now
            case _:
                self.used[self.period(now)] += amount

    def room(self, now: int) -> int:
        return self.limit - self.taken(now)

    def count(self, now: int) -> Count:
        """As a header tells it."""
        return Count(self.limit, max(0, self.room(now)), self.resets_in(now))

    def resets_in(self, now: int) -> int | None:
        """How long until the calendar brings it back, truly."""
        if not (self.resets and isinstance(self.rule.period, Calendar)):
            return None
        span = self.calendar.span(now)
        begins = span.starts_at + self.late(span.starts_at)
        return (begins if now < begins else span.ends_at + self.late(span.ends_at)) - now

    def refusal(self) -> Verdict:
        """Rolling windows throttle, allowances are spent; both by their names."""
        kind = Kind.SPENT if self.calendric else Kind.THROTTLED
        name = self.rule.name
        return Verdict(kind, f"no {name} left", self.rule.scope, quota=name)

    def _level(self, now: int) -> int:
        return max(0, self.level - (now - self.level_at) * self.limit)


@dataclass
class Truth:
    """One account at a provider: its meters, by quota and model, and how its replies tell them."""

    meters: Mapping[tuple[str, str], Meter]
    told: frozenset[str]  # the quotas whose counts the replies carry
    refused: Counter[str] = field(default_factory=Counter)  # by the UTC day
    accepted: int = 0

    def touched(self, model: str) -> list[Meter]:
        """The meters a call to `model` runs through."""
        return [meter for (_, owner), meter in self.meters.items() if owner in ("", model)]

    def hindrance(self, model: str, cost: Cost, now: int) -> Meter | None:
        """The first meter without room for a call."""
        return next((m for m in self.touched(model) if not self.fits(m, cost, now)), None)

    def room_from(self, model: str, cost: Cost, begun: int, ended: int) -> int:
        """The first moment from `begun` on with room for a call; `ended` if there is none.

        Nothing may have been charged between the two: then room only grows.
        """
        if self.hindrance(model, cost, ended - 1):
            return ended
        while begun < ended:
            middle = (begun + ended) // 2
            if self.hindrance(model, cost, middle):
                begun = middle + 1
            else:
                ended = middle
        return ended

    @staticmethod
    def fits(meter: Meter, cost: Cost, now: int) -> bool:
        """Whether a call leaves the reserve of a meter untouched."""
        return meter.room(now) - meter.rule.reserve >= cost.get(meter.rule.unit, 0)

    def answer(self, model: str, cost: Cost, fault: str, now: int) -> Outcome:
        """What becomes of a call that arrives at `now`; a `fault` is "free" or "charged"."""
        for meter in self.touched(model):
            if meter.room(now) < cost.get(meter.rule.unit, 0):
                return self._tell(model, meter.refusal(), cost, now)
        if fault != "free":
            self.charge(model, cost, now)
        if fault:
            return Outcome(Verdict(Kind.TRANSIENT, "HTTP 502", Scope.MODEL))
        self.accepted += 1
        return self._tell(model, Verdict(Kind.DONE), cost, now)

    def charge(self, model: str, cost: Cost, now: int) -> None:
        for meter in self.touched(model):
            meter.charge(cost.get(meter.rule.unit, 0), now)
            assert meter.taken(now) <= max(meter.limit, meter.taken(now - 1))

    def take_away(self, model: str, cost: Cost, now: int) -> bool:
        """A stranger's call; it is refused like any other."""
        if any(m.room(now) < cost.get(m.rule.unit, 0) for m in self.touched(model)):
            return False
        self.charge(model, cost, now)
        return True

    def _tell(self, model: str, verdict: Verdict, cost: Cost, now: int) -> Outcome:
        told = self.touched(model)
        counts = {m.rule.name: m.count(now) for m in told if m.rule.name in self.told}
        tokens = cost.get(Unit.TOKENS) if verdict.kind is Kind.DONE else None
        return Outcome(verdict, counts=counts, tokens=tokens)

"""What a seed has in store for a runner: a provider, its rules, and what goes wrong when."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time
from random import Random
from zoneinfo import ZoneInfo

from runner.core.demand import Rotate
from runner.core.hours import Hours
from runner.core.pacing import Pace
from runner.core.period import Calendar, Grant, Period, Refill, Rolling
from runner.core.verdict import Scope
from runner.core.window import CREDIT, Cost, Quota, Unit
from support.truth import Meter, Truth

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
LATEST_RESET = 7 * MINUTE
TOKENS = 300  # what a call is estimated to use, at most

ZONES = ("Asia/Shanghai", "America/Los_Angeles", "Europe/London", "UTC")
CLOCK_CHANGES = {
    "America/Los_Angeles": ("2026-03-08", "2026-11-01", "2027-03-14", "2027-11-07"),
    "Europe/London": ("2026-03-29", "2026-10-25", "2027-03-28", "2027-10-31"),
}
STRETCHES = ((time(22), time(8)), (time(9), time(17)), (time(0, 30), time(4, 30)))


@dataclass(frozen=True)
class Event:
    """Something that happens to the provider or to the machine at a moment.

    `kind` is "foreign" (`amount` calls of somebody else), "limit" (a factor in percent),
    "clock" (the machine's offset, in ms) or "sleep" (how long, in ms).
    """

    at: int
    kind: str
    amount: int


@dataclass(frozen=True)
class Fate:
    """Everything that is drawn from one seed."""

    seed: int
    zone: str
    begin: int
    end: int
    models: tuple[str, ...]
    truth: tuple[Quota, ...]  # what the provider enforces
    belief: tuple[Quota, ...]  # what the preset says
    prices: Mapping[str, int]
    told: frozenset[str]
    dates: bool
    tells_total: bool  # whether a balance says what was granted
    pace: Pace
    hours: Hours | None
    rotate: Rotate
    apart: bool  # a batch per model
    concurrency: int
    margin: int
    watchful: bool  # asks for the balance amid calls, too
    events: tuple[Event, ...] = ()
    late: bool = False
    faults: float = 0.0
    knows: str = "right"

    @property
    def calm(self) -> bool:
        """Whether nothing disturbs it."""
        return not (self.events or self.late or self.faults)

    @property
    def informed(self) -> bool:
        """Whether no refusal is needed to know the limits."""
        return self.knows == "right" or bool(self.told)

    @property
    def tells_resets(self) -> bool:
        """Whether counts come with the moment of the reset."""
        return self.seed % 2 == 0

    @property
    def credits(self) -> bool:
        return any(rule.unit is Unit.CREDITS for rule in self.truth)

    def cost(self, model: str) -> Cost:
        """What a call is estimated to cost."""
        return {Unit.CALLS: 1, Unit.TOKENS: TOKENS, Unit.CREDITS: self.prices[model]}

    def provider(self) -> Truth:
        owners = {Scope.ACCOUNT: ("",), Scope.MODEL: self.models}
        meters = {
            (rule.name, owner): self._meter(rule)
            for rule in self.truth
            for owner in owners[rule.scope]
        }
        return Truth(meters, self.told)

    def _meter(self, rule: Quota) -> Meter:
        days = Calendar("day", self.zone)
        calendar = rule.period if isinstance(rule.period, Calendar) else days
        return Meter(rule, rule.limit or 0, calendar, self.lateness, self.tells_resets)

    def lateness(self, reset: int) -> int:
        """By how much the provider's reset due at `reset` is late."""
        return Random(self.seed ^ reset).randrange(LATEST_RESET) if self.late else 0


@dataclass
class Draw:
    """Draws a fate, choice by choice."""

    seed: int
    random: Random = field(init=False)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)

    def chance(self, of: float) -> bool:
        return self.random.random() < of

    def fate(self) -> Fate:
        zone = self.random.choice(ZONES)
        models = ("qwen", "glm", "kimi", "llama")[: self.random.randint(1, 4)]
        truth = self.quotas(zone)
        begin = self.begin(zone)
        calm = Fate(
            self.seed,
            zone,
            begin,
            begin + self.length(truth, len(models)),
            models,
            truth,
            truth,
            {model: self.random.choice((CREDIT // 2, CREDIT, 2 * CREDIT)) for model in models},
            self.told(truth),
            dates=self.chance(0.5),
            tells_total=self.chance(0.5),
            pace=self.random.choice((Pace.ASAP, Pace.ASAP, Pace.AUTO, Pace.EVEN)),
            hours=self.hours() if self.chance(0.2) else None,
            rotate=self.random.choice(tuple(Rotate)),
            apart=self.chance(0.3),
            concurrency=self.random.randint(1, 8),
            margin=self.random.randrange(3 * SECOND),
            watchful=self.chance(0.5),
        )
        believed = self.believed(calm)
        return believed if self.chance(0.5) else self.disturbed(believed)

    def quotas(self, zone: str) -> tuple[Quota, ...]:
        """Some of the kinds; the first of each scope is its primary, as in a preset."""
        account, model = Scope.ACCOUNT, Scope.MODEL
        found: list[Quota] = []
        if self.chance(0.15):
            limit = self.random.randint(3, 30) * CREDIT
            found.append(self.quota("credits", account, limit, Grant(), Unit.CREDITS))
        else:
            day, month = Calendar("day", zone), Calendar("month", zone)
            if self.chance(0.7):
                found.append(self.quota("day", account, self.random.randint(2, 40), day))
            if self.chance(0.4):
                found.append(self.quota("model day", model, self.random.randint(1, 20), day))
            if self.chance(0.25):
                found.append(self.quota("month", account, self.random.randint(20, 200), month))
        if self.chance(0.4) or not found:
            scope = self.random.choice((account, model))
            found.append(self.quota("minute", scope, self.random.randint(2, 9), Rolling(MINUTE)))
        if self.chance(0.3):
            ms = self.random.choice((MINUTE, HOUR))
            found.append(self.quota("bucket", model, self.random.randint(5, 30), Refill(ms)))
        if self.chance(0.3):
            period = self.random.choice((Rolling(MINUTE), Refill(MINUTE)))
            limit = self.random.randint(1, 5) * TOKENS + self.random.randrange(TOKENS)
            found.append(self.quota("tokens", model, limit, period, Unit.TOKENS))
        return self.ranked(found)

    def quota(
        self, name: str, scope: Scope, limit: int, period: Period, unit: Unit = Unit.CALLS
    ) -> Quota:
        reserve = self.random.randrange(limit) // 2 if self.chance(0.1) else 0
        return Quota(name, scope, limit, period, reserve=reserve, unit=unit)

    @staticmethod
    def ranked(rules: list[Quota]) -> tuple[Quota, ...]:
        firsts = {scope: next((r for r in rules if r.scope is scope), None) for scope in Scope}
        return tuple(replace(rule, primary=firsts[rule.scope] is rule) for rule in rules)

    def begin(self, zone: str) -> int:
        """Any moment of two years, or the eve of a change of clocks or of a month."""
        first = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
        moment = first + self.random.randrange(2 * 365 * DAY)
        if self.chance(0.3):
            return Calendar("month", zone).span(moment).ends_at - self.random.randrange(2 * DAY)
        if self.chance(0.5) and zone in CLOCK_CHANGES:
            day = datetime.fromisoformat(self.random.choice(CLOCK_CHANGES[zone]))
            changes = int(day.replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)
            return changes - self.random.randrange(2 * DAY)
        return moment

    def length(self, rules: tuple[Quota, ...], models: int) -> int:
        """As long as some hundreds of calls take."""
        daily = 10_000
        for rule in rules:
            if rule.unit is Unit.CREDITS:
                daily = min(daily, 2 * (rule.limit or 0) // CREDIT)
            elif rule.period == Calendar("day", getattr(rule.period, "zone", "")):
                owners = models if rule.scope is Scope.MODEL else 1
                daily = min(daily, (rule.limit or 0) * owners)
        if any(rule.name == "month" for rule in rules):
            return 40 * DAY
        return 30 * MINUTE if daily == 10_000 else min(12, max(3, 200 // daily)) * DAY

    def told(self, rules: tuple[Quota, ...]) -> frozenset[str]:
        if not self.chance(0.5):
            return frozenset()
        rolling = self.chance(0.3)
        names = {r.name for r in rules if isinstance(r.period, Calendar)}
        return frozenset(names | ({"minute", "tokens"} if rolling else set()))

    def hours(self) -> Hours:
        begins, ends = self.random.choice(STRETCHES)
        return Hours(begins, ends, ZoneInfo(self.random.choice(ZONES)))

    def believed(self, fate: Fate) -> Fate:
        """Limits that a preset knows too high, or not at all."""
        knows = self.random.choice(("right", "right", "too high", "unknown"))
        if knows == "unknown" and not fate.told:
            knows = "right"
        more = self.random.randint(1, 30)
        wrong = {"right": lambda n: n, "too high": lambda n: n + more, "unknown": lambda _: None}
        belief = tuple(
            replace(r, limit=wrong[knows](r.limit)) if isinstance(r.period, Calendar) else r
            for r in fate.truth
        )
        return replace(fate, belief=belief, knows=knows)

    def disturbed(self, fate: Fate) -> Fate:
        """One or two kinds of trouble."""
        kinds = ["foreign", "clock", "sleep", "late", "faults"] + ["limit"] * bool(fate.told)
        kinds = self.random.sample(kinds, self.random.randint(1, 2))
        events: list[Event] = []
        for kind in kinds:
            events += getattr(self, kind)(fate) if kind not in ("late", "faults") else []
        return replace(
            fate,
            events=tuple(sorted(events, key=lambda e: e.at)),
            late="late" in kinds,
            faults=self.random.choice((0.02, 0.1)) if "faults" in kinds else 0.0,
        )

    def moment(self, fate: Fate) -> int:
        return fate.begin + self.random.randrange(fate.end - fate.begin)

    def foreign(self, fate: Fate) -> list[Event]:
        times = self.random.randint(1, 5)
        return [
            Event(self.moment(fate), "foreign", self.random.randint(1, 20)) for _ in range(times)
        ]

    def limit(self, fate: Fate) -> list[Event]:
        return [Event(self.moment(fate), "limit", self.random.choice((50, 80, 150)))]

    def clock(self, fate: Fate) -> list[Event]:
        """The clock jumps once: from right to wrong, or, having been wrong, to right."""
        wrong = self.random.choice((-HOUR, HOUR))
        jump = self.moment(fate)
        if self.chance(0.5):
            return [Event(jump, "clock", wrong)]
        return [Event(fate.begin, "clock", wrong), Event(jump, "clock", 0)]

    def sleep(self, fate: Fate) -> list[Event]:
        """Shut before midnight, opened after."""
        midnight = Calendar("day", fate.zone).span(self.moment(fate)).ends_at
        before = self.random.randrange(3 * HOUR)
        return [Event(midnight - before, "sleep", before + self.random.randrange(8 * HOUR))]


def fate_of(seed: int) -> Fate:
    """What `seed` has in store."""
    return Draw(seed).fate()

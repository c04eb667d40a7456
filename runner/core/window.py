"""Quotas as rules, and windows: what is known of one period of one quota.

How windows renew themselves is renewal.py's; what a call does to one is quota.py's.

Amounts are whole numbers: calls, tokens, thousandths of a credit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from runner.core import rolling
from runner.core.calendar import Day, day_at, month_at
from runner.core.gate import Gate
from runner.core.period import Calendar, Grant, Period, Refill, Rolling
from runner.core.verdict import Scope

# The end of what no calendar ends: the year 9999.
NEVER = 253_370_764_800_000
CREDIT = 1_000  # the amount of one credit


class Unit(StrEnum):
    """What a quota counts."""

    CALLS = "calls"
    TOKENS = "tokens"  # sent and received
    CREDITS = "credits"  # amounts are in thousandths


class Source(StrEnum):
    """Where the knowledge of a limit comes from."""

    PRESET = "preset"
    CONFIGURED = "configured"
    REFUSAL = "refusal"  # learned from an error body: what was spent when it came
    HEADER = "header"
    BALANCE = "balance"  # the provider's balance endpoint


Cost = Mapping[Unit, int]
Key = tuple[str, str, str]  # account, model (empty for the account's own), quota
WindowKey = tuple[str, str, str, str]  # account, model, quota, period
ONE_CALL: Cost = {Unit.CALLS: 1}


@dataclass(frozen=True, slots=True)
class Quota:
    """A rule: at most `limit` of a unit per period, for an account or for a model on it.

    `limit` None means that only the provider knows. `reserve` of it a period, or
    `reserve_percent` of it if that is more, is left untouched.
    The `primary` quota of each scope carries the gate of what concerns no quota in particular:
    throttling, a network that is down, a model that is gone.
    """

    name: str
    scope: Scope
    limit: int | None
    period: Period
    source: Source = Source.PRESET
    reserve: int = 0
    unit: Unit = Unit.CALLS
    primary: bool = True
    reserve_percent: int = 0

    def reserve_of(self, limit: int | None) -> int:
        """How much of `limit` is left untouched."""
        return max(self.reserve, -(-(limit or 0) * self.reserve_percent // 100))


@dataclass(frozen=True, slots=True)
class Window:
    """One period of one quota. Moments are ms since the epoch.

    Attributes:
        account: Whose it is.
        model: Which model's on it; empty for the account's own.
        quota: The name of its rule.
        period_key: The name of a calendar period, YYYY-MM-DD or YYYY-MM; empty for any other.
        resets_at: When all of it comes back; `NEVER` where no clock tells.
        spent: What the provider has counted, as far as is known, without the `reserved`, which
            are in flight. It is true at `counted_at`, where it changes by itself.
        recent: Of a rolling period: what was spent when, as (moment, amount), oldest first.
        expiries: Of a balance: what expires when, as (moment, amount), the earliest first. At the
            moment, what of `amount` is not in `spent` yet may be gone.
        unconfirmed: Of a calendar period: the part of `spent` that no reply has confirmed, by the
            moment at which its call was given up. A later count tells whether it was charged.
        by_clients: Of a calendar period: the part of `spent` and `reserved` that calls of clients
            have taken, for whom the reserve is.
        previous_spent: What the calendar period before had spent: a count that goes on from there
            shows that the reset is late.
        last_start_at: When its latest call was let in, whichever runner made it.
    """

    account: str
    model: str
    quota: str
    period_key: str
    starts_at: int
    resets_at: int
    limit: int | None
    period: Period
    unit: Unit = Unit.CALLS
    primary: bool = True
    limit_source: Source = Source.PRESET
    limit_learned_at: int | None = None
    reserve: int = 0
    spent: int = 0
    reserved: int = 0
    by_clients: int = 0
    previous_spent: int = 0
    last_start_at: int | None = None
    counted_at: int = 0
    recent: rolling.Recent = ()
    expiries: rolling.Recent = ()
    unconfirmed: rolling.Recent = ()
    gate: Gate = field(default_factory=Gate)

    @property
    def untouched(self) -> bool:
        """Whether nothing is known to have been spent in it."""
        return self.spent == 0

    @property
    def is_retried(self) -> bool:
        """Whether its limit was learned from a refusal, and is given up for a try."""
        published = self.limit_source in (Source.PRESET, Source.CONFIGURED)
        return published and self.limit_learned_at is not None

    @property
    def limit_tried_at(self) -> int:
        """From when on a limit that was learned from a refusal is tried, where it is used up.

        Two thirds into the period: late enough to notice most of what may have been added in it,
        and early enough to spend that.
        """
        return self.resets_at - (self.resets_at - self.starts_at) // 3

    @property
    def may_be_tried(self) -> bool:
        """Whether its limit was learned from a refusal, and may be tried.

        What is reserved for the user is not tried for: nobody knows how much of it is left.
        """
        learned = self.limit_source is Source.REFUSAL and isinstance(self.period, Calendar)
        return learned and self.reserve == 0

    @property
    def scope(self) -> Scope:
        """Whom it concerns."""
        return Scope.MODEL if self.model else Scope.ACCOUNT

    @property
    def kept(self) -> int:
        """How much of the reserve clients have not taken yet."""
        return max(0, self.reserve - self.by_clients)

    @property
    def remaining(self) -> int | None:
        """How much more may be reserved; None when no limit is known."""
        if self.limit is None:
            return None
        return max(0, self.limit - self.kept - self.spent - self.reserved)

    @property
    def is_known(self) -> bool:
        """Whether it is worth a line: a further quota of which nothing is known is not."""
        return self.primary or self.limit is not None or not self.untouched

    def calls_left(self, cost: Cost = ONE_CALL) -> int | None:
        """How many more calls of this cost may start; None when no limit is known."""
        each = self.cost_of(cost)
        return None if self.remaining is None or each == 0 else self.remaining // each

    def cost_of(self, cost: Cost) -> int:
        """How much of its unit a call reserves; tokens are estimated, at most the whole of it."""
        each = cost.get(self.unit, 0)
        if self.unit is Unit.TOKENS and self.limit is not None:
            return min(each, max(1, self.limit - self.reserve))
        return each


@dataclass(frozen=True, slots=True)
class Count:
    """A provider's own account of a window, from one reply. `limit` None: only `remaining` told.

    `resets_in` is how many ms from then it says it resets; None: it does not say.
    """

    limit: int | None
    remaining: int
    resets_in: int | None = None

    def spent(self, limit: int) -> int:
        """What the provider has counted so far, of `limit`."""
        return max(0, limit - self.remaining)


def open_window(quota: Quota, account: str, model: str, now: int) -> Window:
    """The window of `now`, with nothing spent; a calendar's first call is a probe."""
    span = span_of(quota.period, now)
    return Window(
        account,
        model if quota.scope is Scope.MODEL else "",
        quota.name,
        span.name,
        span.starts_at,
        span.ends_at,
        quota.limit,
        quota.period,
        quota.unit,
        quota.primary,
        quota.source,
        reserve=quota.reserve_of(quota.limit),
        counted_at=now,
        gate=Gate(needs_probe=isinstance(quota.period, Calendar)),
    )


def span_of(period: Period, now: int) -> Day:
    """The stretch of `period` that holds `now`; without name and end where no clock ends it."""
    match period:
        case Calendar("month", zone):
            return month_at(now, zone)
        case Calendar(_, zone):
            return day_at(now, zone)
        case Rolling() | Refill() | Grant():
            return Day("", now, NEVER)

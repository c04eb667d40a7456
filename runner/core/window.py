"""Quotas, the rules of a provider, and windows: the state of one period of one quota.

Amounts are whole numbers: calls, tokens, thousandths of a credit. The renewal of windows is in
renewal.py, and the effect of calls on them in quota.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto

from runner.core import rolling
from runner.core.gate import LONGEST_DAY_MS, MOST_REFUSALS, Gate
from runner.core.period import Period
from runner.core.verdict import Scope

CREDIT = 1_000  # the amount of one credit


class Unit(StrEnum):
    """The unit of a quota."""

    CALLS = "calls"
    TOKENS = "tokens"  # sent and received
    CREDITS = "credits"  # amounts are in thousandths


class Source(StrEnum):
    """The origin of a known limit."""

    PRESET = "preset"
    CONFIGURED = "configured"
    REFUSAL = "refusal"  # learned from a refusal: what was spent when it came
    HEADER = "header"
    BALANCE = "balance"  # the provider's balance endpoint


class LimitRecheck(Enum):
    """The recheck of a limit that was learned from a refusal: whether the provider allows more.

    Somebody else may have used the account on the day on which the limit was learned.
    """

    NONE = auto()
    AHEAD = auto()
    UNDER_WAY = auto()  # under the published limit, with one call at a time


Cost = Mapping[Unit, int]
Key = tuple[str, str, str]  # account, model (empty for the account's own), quota
WindowKey = tuple[str, str, str, str]  # account, model, quota, period
ONE_CALL: Cost = {Unit.CALLS: 1}


@dataclass(frozen=True, slots=True)
class Quota:
    """A rule: at most `limit` of a unit per period, for an account or for a model on it.

    Attributes:
        name: The name, unique within a provider.
        scope: Whether it limits an account or each model on it.
        limit: The most of the unit in a period; None if only the provider knows.
        period: The period after which it is renewed.
        source: How the limit is known.
        reserve: The amount that is left untouched in each period, if it is larger than that of
            `reserve_percent`.
        unit: What is counted.
        primary: Whether its gate is also parked for reasons that concern no quota: throttling, a
            network that is down, a model that is gone. Each scope has one such quota.
        reserve_percent: The share of the limit that is left untouched, in percent.
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
        """Returns how much of `limit` is left untouched."""
        return max(self.reserve, -(-(limit or 0) * self.reserve_percent // 100))


@dataclass(frozen=True, slots=True)
class Window:
    """One period of one quota. Moments are ms since the epoch.

    Attributes:
        account: The account.
        model: The model on it; empty for a quota of the whole account.
        quota: The name of its rule.
        period_key: The name of a calendar period, YYYY-MM-DD or YYYY-MM; empty for any other.
        resets_at: When the whole allowance is renewed; `NEVER` if no calendar renews it.
        spent: The amount that the provider is known or assumed to have counted, without that of
            the calls in flight, which is `reserved`. It is exact at `counted_at`, where it changes
            by itself.
        recent: For a rolling period: the amounts spent, as (moment, amount), oldest first.
        expiries: For a balance: pairs (moment, amount), the earliest first. From that moment on,
            the part of `amount` that `spent` does not include may have expired.
        unconfirmed: For a calendar period: the part of `spent` that no reply has confirmed, by the
            moment at which its call was given up. A later count shows whether it was charged.
        by_clients: For a calendar period: the part of `spent` and `reserved` that calls of clients
            have taken. The reserve is for them.
        previous_spent: The amount spent in the previous calendar period: a count that continues
            from it shows that the reset is late.
        last_start_at: When its latest call was admitted, by any runner.
        others: For a calendar day: what others took in the past week, by the provider's counts.
        refused: For a calendar period: how often it was refused, a burst counted once.
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
    refused: int = 0
    counted_at: int = 0
    recent: rolling.Amounts = ()
    others: rolling.Amounts = ()
    expiries: rolling.Amounts = ()
    unconfirmed: rolling.Amounts = ()
    gate: Gate = field(default_factory=Gate)

    @property
    def untouched(self) -> bool:
        """Whether nothing is known to have been spent in it."""
        return self.spent == 0

    @property
    def limit_recheck(self) -> LimitRecheck:
        """Whether its limit is exceeded as a recheck, or will be."""
        if self.limit_source in (Source.PRESET, Source.CONFIGURED):
            return LimitRecheck.NONE if self.limit_learned_at is None else LimitRecheck.UNDER_WAY
        learned = self.limit_source is Source.REFUSAL and self.period.resets
        # It is unknown how much of a reserve is left, so a window with one has no recheck.
        rechecks = learned and self.reserve == 0 and self.may_be_refused
        return LimitRecheck.AHEAD if rechecks else LimitRecheck.NONE

    @property
    def limit_recheck_at(self) -> int:
        """The moment from which a limit whose recheck is ahead is exceeded, once it is used up.

        It is two thirds into the period: late enough to notice most of what may have been added in
        it, and early enough to spend that.
        """
        return self.resets_at - (self.resets_at - self.starts_at) // 3

    @property
    def may_be_refused(self) -> bool:
        """Whether a probe may be made that is likely to be refused: one budget a day for all."""
        return self.refused < MOST_REFUSALS or self.resets_at - self.starts_at > LONGEST_DAY_MS

    @property
    def scope(self) -> Scope:
        """Whether it belongs to the whole account or to a model."""
        return Scope.MODEL if self.model else Scope.ACCOUNT

    @property
    def reserve_left(self) -> int:
        """The part of the reserve that clients have not taken yet."""
        return max(0, self.reserve - self.by_clients)

    @property
    def in_use(self) -> bool:
        """Whether a call in flight has reserved something in it, or is its probe."""
        return self.reserved > 0 or self.gate.probe_in_flight

    @property
    def remaining(self) -> int | None:
        """The amount that may still be reserved; None when no limit is known."""
        if self.limit is None:
            return None
        return max(0, self.limit - self.reserve_left - self.spent - self.reserved)

    @property
    def is_allowance(self) -> bool:
        """Whether it is an allowance to plan with; the others limit a rate."""
        return self.period.resets or self.unit is Unit.CREDITS

    @property
    def is_known(self) -> bool:
        """Whether it is worth displaying: a secondary quota without limit and use is not."""
        return self.primary or self.limit is not None or not self.untouched

    def calls_left(self, cost: Cost = ONE_CALL) -> int | None:
        """Returns how many more calls of this cost may start; None when no limit is known."""
        each = self.cost_of(cost)
        return None if self.remaining is None or each == 0 else self.remaining // each

    def cost_of(self, cost: Cost) -> int:
        """Returns the amount that a call reserves; an estimate of tokens is capped by the limit."""
        each = cost.get(self.unit, 0)
        if self.unit is Unit.TOKENS and self.limit is not None:
            return min(each, max(1, self.limit - self.reserve))
        return each


@dataclass(frozen=True, slots=True)
class Count:
    """A provider's own count of a window, from one reply.

    `limit` is None if the reply named only `remaining`. `resets_in` is the time in ms from the
    reply to the reset that it named; None if it named none.
    """

    limit: int | None
    remaining: int
    resets_in: int | None = None

    def spent(self, limit: int) -> int:
        """Returns the amount that the provider has counted so far, given `limit`."""
        return max(0, limit - self.remaining)


def open_window(quota: Quota, account: str, model: str, now: int) -> Window:
    """Returns a fresh window at `now`; the first call of a calendar window is a probe."""
    span = quota.period.span(now)
    return Window(
        account=account,
        model=model if quota.scope is Scope.MODEL else "",
        quota=quota.name,
        period_key=span.name,
        starts_at=span.starts_at,
        resets_at=span.ends_at,
        limit=quota.limit,
        period=quota.period,
        unit=quota.unit,
        primary=quota.primary,
        limit_source=quota.source,
        reserve=quota.reserve_of(quota.limit),
        counted_at=now,
        gate=Gate(needs_probe=quota.period.resets),
    )

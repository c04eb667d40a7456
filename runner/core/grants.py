"""When credits expire: an estimate from balance samples and a provider's published grants.

Providers do not say what they granted when. The estimate assumes:

- A balance that is higher than our spending explains received a grant between two samples.
- The published grants say how long it lasts: a rise is attributed to the grants that expire
  soonest, up to their amounts, and the rest to credits that do not expire.
- The balance at the first sample was granted at an unknown time before. It is attributed in the
  same way, and expires at the latest as if it had been granted at that sample.
- The credits that expire first are spent first. A fall that our calls do not explain is an expiry
  or somebody else's spending; both reduce the credits that expire first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from runner.core.calendar import NEVER
from runner.core.rolling import Amounts
from runner.core.time_units import DAY_MS

# Between samples closer than this, an expiry and an equal grant are not assumed.
CLOSE_MS = 3_600_000
# A rise below this part of the smallest grant is a refund.
REFUND_PART = 10


@dataclass(frozen=True, slots=True)
class GrantTerms:
    """A published grant: `amount` in thousandths (None for any amount), and its lifetime in ms."""

    amount: int | None
    lasts_ms: int


@dataclass(frozen=True, slots=True)
class BalanceSample:
    """A balance that was the same at all samples from `at` to `until`.

    Attributes:
        at: When it was seen first (ms since the epoch).
        until: When it was seen last (ms since the epoch).
        total: The balance with its frozen part, in thousandths of a credit.
        charged: The cost of our own calls since the previous sample, in thousandths.
    """

    at: int
    until: int
    total: int
    charged: int = 0


@dataclass(frozen=True, slots=True)
class GrantBalance:
    """The remainder of a grant. Moments are ms since the epoch.

    Attributes:
        left: The remaining amount, in thousandths.
        after: The moment of the last sample without it; None if the first sample had it.
        by: The moment of the first sample with it.
        expires_by: The latest moment of its expiry; `NEVER` if it is not known to expire.
    """

    left: int
    after: int | None
    by: int
    expires_by: int

    @property
    def is_of_a_day(self) -> bool:
        """Whether its lifetime is at most a day."""
        return self.expires_by - self.by <= DAY_MS

    @property
    def expires_from(self) -> int:
        """The earliest moment of its expiry: as if it had been granted right after `after`.

        A daily grant that was there at the first sample may expire right after it.
        """
        if self.after is None:
            return self.by if self.is_of_a_day else self.expires_by
        return self.expires_by - (self.by - self.after) if self.expires_by < NEVER else NEVER


GrantBalances = tuple[GrantBalance, ...]  # the earliest to expire first


@dataclass(frozen=True, slots=True)
class Expiry:
    """An estimate: `amount` expires at `by` at the latest.

    It was granted between the two samples at `seen`; None if it was granted before the first.
    """

    amount: int
    by: int
    seen: tuple[int, int] | None


def infer(samples: Iterable[BalanceSample], terms: Sequence[GrantTerms]) -> GrantBalances:
    """Returns the remainder of each grant at the last of `samples`, which are in order of time."""
    balances: GrantBalances = ()
    before: BalanceSample | None = None
    for sample in samples:
        if before is None:
            balances = _granted((), sample.total, None, sample.at, terms)
        else:
            balances = _corrected(spent(balances, sample.charged), before.until, sample, terms)
        before = sample
    return balances


def spent(balances: GrantBalances, amount: int) -> GrantBalances:
    """Returns `balances` after `amount` was taken, from the earliest to expire first."""
    left = []
    for balance in balances:
        taken = min(balance.left, amount)
        amount -= taken
        if taken < balance.left:
            left.append(replace(balance, left=balance.left - taken))
    return tuple(left)


def expiring(balances: GrantBalances, now: int) -> Expiry | None:
    """Returns the next expiry, as the sum of all that expires then; None if none is known."""
    due = [balance for balance in balances if now < balance.expires_by < NEVER]
    if not due:
        return None
    first = due[0]
    amount = sum(balance.left for balance in due if balance.expires_by == first.expires_by)
    return Expiry(
        amount, first.expires_by, None if first.after is None else (first.after, first.by)
    )


def expiries(balances: GrantBalances, last: int | None, spent_so_far: int) -> Amounts:
    """Returns the expiries of daily grants, in the form of `Window.expiries`.

    Each moment is the earliest possible one, so that what is spent by then does not expire. The
    latest moment is always after the `last` grant, even if that is spent: the next grant is due
    then. Grants that last longer than a day do not affect the pace.

    Args:
        balances: The remainder of each grant.
        last: When the last grant was seen; None if there was none.
        spent_so_far: The amount spent until now.
    """
    ends = [(each.expires_from, each.is_of_a_day, each.left) for each in balances]
    if last is not None and all(moment <= last for moment, of_day, _ in ends if of_day):
        ends.append((last + DAY_MS, True, 0))
    amounts: dict[int, int] = {}
    for moment, of_day, left in sorted(ends):
        spent_so_far += left
        if of_day:
            amounts[moment] = spent_so_far
    return tuple(amounts.items())


def last_grant(samples: Iterable[BalanceSample], terms: Sequence[GrantTerms]) -> int | None:
    """Returns when the last grant was seen; None if there was none.

    The balance at the first sample counts as a grant.
    """
    refund, before, last = _refund(terms), 0, None
    for sample in samples:
        if _is_grant(sample.total - before + sample.charged, sample.charged, refund):
            last = sample.at
        before = sample.total
    return last


def of_a_day(terms: Iterable[GrantTerms]) -> int:
    """Returns the sum of the daily grants, which a provider gives to users who log in."""
    return sum(term.amount or 0 for term in terms if term.lasts_ms <= DAY_MS)


def _corrected(
    balances: GrantBalances, before: int, sample: BalanceSample, terms: Sequence[GrantTerms]
) -> GrantBalances:
    """Returns the expected `balances` at `sample`, corrected by what it shows.

    A part that is still there after its latest expiry was renewed, if there was a grant or time for
    one since the sample at `before`; otherwise it does not expire.
    """
    refund = _refund(terms)
    if sample.total - _sum(balances) > refund or sample.at - before > CLOSE_MS:
        balances = tuple(balance for balance in balances if sample.at < balance.expires_by)
    rise = sample.total - _sum(balances)
    if _is_grant(rise, sample.charged, refund):
        balances = _granted(balances, rise, before, sample.at, terms)
    elif rise > 0:
        balances = (
            _refunded(balances, rise) if balances else _granted((), rise, before, sample.at, terms)
        )
    else:
        balances = spent(balances, -rise)
    return tuple(
        balance if sample.at < balance.expires_by else replace(balance, expires_by=NEVER)
        for balance in balances
    )


def _granted(
    balances: GrantBalances, amount: int, after: int | None, by: int, terms: Sequence[GrantTerms]
) -> GrantBalances:
    """Returns `balances` with a grant of `amount`, attributed first to what expires soonest."""
    added = []
    for term in sorted(terms, key=lambda each: each.lasts_ms):
        part = amount if term.amount is None else min(amount, term.amount)
        added += [GrantBalance(part, after, by, by + term.lasts_ms)] * (part > 0)
        amount -= part
    added += [GrantBalance(amount, after, by, NEVER)] * (amount > 0)
    return tuple(sorted((*balances, *added), key=lambda balance: balance.expires_by))


def _refunded(balances: GrantBalances, amount: int) -> GrantBalances:
    """Returns `balances` with a refund for failed calls, which the earliest to expire receives."""
    first, *others = balances
    return (replace(first, left=first.left + amount), *others)


def _is_grant(rise: int, charged: int, refund: int) -> bool:
    """Whether a balance that is higher by `rise` than our calls explain received a grant.

    Otherwise calls were refunded, or cost less than the estimated `charged`.
    """
    return rise > refund and rise * 4 > charged * 3


def _refund(terms: Sequence[GrantTerms]) -> int:
    """Returns the largest rise that is not taken for a grant."""
    return min((term.amount for term in terms if term.amount), default=0) // REFUND_PART


def _sum(balances: GrantBalances) -> int:
    return sum(balance.left for balance in balances)

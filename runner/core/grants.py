"""When credits expire: an estimate, from samples at a balance and a provider's published grants.

No provider tells when it granted what. It knows no endpoint and no clock: a sample is handed to it.

- A balance that is higher than our spending foresees was granted something between two samples.
- How long that lasts, the published grants tell: a rise is taken for those that expire
  soonest as far as they go, and beyond for what lasts.
- What was there at the first sample was granted before, nobody knows when; it is treated alike,
  and expires at the latest as if it had been granted right then.
- The earliest to expire are spent first. A fall that is not ours is an expiry, or somebody
  else's spending: either takes the earliest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from runner.core.rolling import Recent
from runner.core.window import NEVER

DAY_MS = 24 * 3_600_000

# Looks closer than this leave no room for an expiry and an equal grant between them.
CLOSE_MS = 3_600_000
# A rise below this part of the smallest grant is a refund.
REFUND_PART = 10


@dataclass(frozen=True, slots=True)
class GrantTerms:
    """A grant that a provider gives: how much, in thousandths, and how long it lasts, in ms.

    `amount` None is any amount.
    """

    amount: int | None
    lasts_ms: int


@dataclass(frozen=True, slots=True)
class BalanceSample:
    """A balance that stayed the same from `at` until it was last seen, at `until`.

    Attributes:
        at: When it was seen first (ms since the epoch).
        until: When it was seen last.
        total: What there was, what is frozen included, in thousandths of a credit.
        charged: What our own calls had cost since the sample before.
    """

    at: int
    until: int
    total: int
    charged: int = 0


@dataclass(frozen=True, slots=True)
class GrantBalance:
    """What is left of a grant.

    Attributes:
        left: How much, in thousandths.
        after: The sample before it was there; None: it was there at the first.
        by: The sample at which it was there.
        expires_by: The latest moment of its end; `NEVER` if none is known.
    """

    left: int
    after: int | None
    by: int
    expires_by: int

    @property
    def is_of_a_day(self) -> bool:
        """Whether it lasts no longer than a day."""
        return self.expires_by - self.by <= DAY_MS

    @property
    def expires_from(self) -> int:
        """The first moment at which it may end: as if it was granted right after `after`.

        What was there at the first sample, and is of a day, may end right after it.
        """
        if self.after is None:
            return self.by if self.is_of_a_day else self.expires_by
        return self.expires_by - (self.by - self.after) if self.expires_by < NEVER else NEVER


GrantBalances = tuple[GrantBalance, ...]  # the earliest to expire first


@dataclass(frozen=True, slots=True)
class Expiry:
    """An estimate: `amount` expires at the latest at `by`.

    It was granted between two samples, `seen`; None: before anybody looked.
    """

    amount: int
    by: int
    seen: tuple[int, int] | None


def infer(samples: Iterable[BalanceSample], terms: Sequence[GrantTerms]) -> GrantBalances:
    """What is left of each grant at the last of `samples`, which come in their order."""
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
    """`balances` once `amount` is gone, the earliest to expire first."""
    left = []
    for balance in balances:
        taken = min(balance.left, amount)
        amount -= taken
        if taken < balance.left:
            left.append(replace(balance, left=balance.left - taken))
    return tuple(left)


def expiring(balances: GrantBalances, now: int) -> Expiry | None:
    """What expires next, all of one grant together; None if no expiry is known of."""
    due = [balance for balance in balances if now < balance.expires_by < NEVER]
    if not due:
        return None
    first = due[0]
    amount = sum(balance.left for balance in due if balance.expires_by == first.expires_by)
    return Expiry(
        amount, first.expires_by, None if first.after is None else (first.after, first.by)
    )


def expiries(balances: GrantBalances, last: int | None, spent_so_far: int) -> Recent:
    """What expires when, as `Window.expiries` has it.

    The moments are the first possible ones: what is spent by then does not expire. The latest of
    them lies behind the `last` grant, spent or not: by then the next one is due. What lasts longer
    than a day is no reason to hurry, nor to wait.

    Args:
        balances: What is left of each grant.
        last: When the last one was seen; None: there was none.
        spent_so_far: What is spent by now.
    """
    ends = [(each.expires_from, each.is_of_a_day, each.left) for each in balances]
    if last is not None and all(moment <= last for moment, of_day, _ in ends if of_day):
        ends.append((last + DAY_MS, True, 0))
    found: dict[int, int] = {}
    for moment, of_day, left in sorted(ends):
        spent_so_far += left
        if of_day:
            found[moment] = spent_so_far
    return tuple(found.items())


def last_grant(samples: Iterable[BalanceSample], terms: Sequence[GrantTerms]) -> int | None:
    """When the last grant was seen; None: there was none.

    What was there at the first sample is taken for one.
    """
    refund, before, found = _refund(terms), 0, None
    for sample in samples:
        if _is_grant(sample.total - before + sample.charged, sample.charged, refund):
            found = sample.at
        before = sample.total
    return found


def of_a_day(terms: Iterable[GrantTerms]) -> int:
    """How much a provider grants to who logs in each day: all that lasts no longer than a day."""
    return sum(term.amount or 0 for term in terms if term.lasts_ms <= DAY_MS)


def _corrected(
    balances: GrantBalances, before: int, sample: BalanceSample, terms: Sequence[GrantTerms]
) -> GrantBalances:
    """`balances`, as expected at `sample`, corrected by what it shows; the last was at `before`.

    What has outlived its latest moment was renewed, if there was a grant or time for one; else
    it lasts.
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
    """`balances` and a grant of `amount`, as much of it as can be to what expires soonest."""
    added = []
    for term in sorted(terms, key=lambda each: each.lasts_ms):
        part = amount if term.amount is None else min(amount, term.amount)
        added += [GrantBalance(part, after, by, by + term.lasts_ms)] * (part > 0)
        amount -= part
    added += [GrantBalance(amount, after, by, NEVER)] * (amount > 0)
    return tuple(sorted((*balances, *added), key=lambda balance: balance.expires_by))


def _refunded(balances: GrantBalances, amount: int) -> GrantBalances:
    """`balances` with what was given back for calls that failed; it goes where it came from."""
    first, *others = balances
    return (replace(first, left=first.left + amount), *others)


def _is_grant(rise: int, charged: int, refund: int) -> bool:
    """Whether a balance that is higher by `rise` than our calls explain was granted something.

    If not, calls were refunded, or cost less than the `charged` that they were taken to.
    """
    return rise > refund and rise * 4 > charged * 3


def _refund(terms: Sequence[GrantTerms]) -> int:
    """The largest rise that is no grant."""
    return min((term.amount for term in terms if term.amount), default=0) // REFUND_PART


def _sum(balances: GrantBalances) -> int:
    return sum(balance.left for balance in balances)

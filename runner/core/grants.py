"""When credits expire: an estimate, from looks at a balance and a provider's published grants.

No provider tells when it granted what. It knows no endpoint and no clock: a look is handed to it.

- A balance that is higher than our spending foresees was granted something between two looks.
- How long that lasts, the published grants tell: a rise is taken for those that expire
  soonest as far as they go, and beyond for what lasts.
- What was there at the first look was granted before, nobody knows when; it is taken for the same,
  and expires at the latest as if it had been granted right then.
- The earliest to expire are spent first. A fall that is not ours is an expiry, or somebody
  else's spending: either takes the earliest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from runner.core.window import NEVER

# Looks closer than this leave no room for an expiry and an equal grant between them.
CLOSE_MS = 3_600_000
# A rise below this part of the smallest grant is a refund.
REFUND_PART = 10


@dataclass(frozen=True, slots=True)
class Terms:
    """A grant that a provider gives: how much, in thousandths, and how long it lasts, in ms.

    `amount` None is any amount.
    """

    amount: int | None
    lasts_ms: int


@dataclass(frozen=True, slots=True)
class Look:
    """A balance that stayed the same from `at` until it was last seen, at `until`.

    Attributes:
        at: When it was seen first (ms since the epoch).
        until: When it was seen last.
        total: What there was, what is frozen included, in thousandths of a credit.
        charged: What our own calls had cost since the look before.
    """

    at: int
    until: int
    total: int
    charged: int = 0


@dataclass(frozen=True, slots=True)
class Lot:
    """What is left of a grant.

    Attributes:
        left: How much, in thousandths.
        after: The look before it was there; None: it was there at the first.
        by: The look at which it was there.
        expires_by: The latest moment of its end; `NEVER` if none is known.
    """

    left: int
    after: int | None
    by: int
    expires_by: int


Lots = tuple[Lot, ...]  # the earliest to expire first


@dataclass(frozen=True, slots=True)
class Expiry:
    """An estimate: `amount` expires at the latest at `by`.

    It was granted between two looks, `seen`; None: before anybody looked.
    """

    amount: int
    by: int
    seen: tuple[int, int] | None


def infer(looks: Iterable[Look], terms: Sequence[Terms]) -> Lots:
    """What is left of each grant at the last of `looks`, which come in their order."""
    lots: Lots = ()
    before: Look | None = None
    for look in looks:
        if before is None:
            lots = _granted((), look.total, None, look.at, terms)
        else:
            lots = _corrected(spent(lots, look.charged), before.until, look, terms)
        before = look
    return lots


def spent(lots: Lots, amount: int) -> Lots:
    """`lots` once `amount` is gone, the earliest to expire first."""
    left = []
    for lot in lots:
        taken = min(lot.left, amount)
        amount -= taken
        if taken < lot.left:
            left.append(replace(lot, left=lot.left - taken))
    return tuple(left)


def expiring(lots: Lots, now: int) -> Expiry | None:
    """What expires next, all of one grant together; None if no expiry is known of."""
    due = [lot for lot in lots if now < lot.expires_by < NEVER]
    if not due:
        return None
    first = due[0]
    amount = sum(lot.left for lot in due if lot.expires_by == first.expires_by)
    return Expiry(
        amount, first.expires_by, None if first.after is None else (first.after, first.by)
    )


def _corrected(lots: Lots, before: int, look: Look, terms: Sequence[Terms]) -> Lots:
    """`lots`, as foreseen for `look`, put right by what it showed; the one before was `before`.

    What has outlived its latest moment was renewed, if there was a grant or time for one; else
    it lasts.
    """
    refund = min((term.amount for term in terms if term.amount), default=0) // REFUND_PART
    if look.total - _sum(lots) > refund or look.at - before > CLOSE_MS:
        lots = tuple(lot for lot in lots if look.at < lot.expires_by)
    rise = look.total - _sum(lots)
    if rise > refund:
        lots = _granted(lots, rise, before, look.at, terms)
    elif rise > 0:
        lots = _refunded(lots, rise) if lots else _granted((), rise, before, look.at, terms)
    else:
        lots = spent(lots, -rise)
    return tuple(
        lot if look.at < lot.expires_by else replace(lot, expires_by=NEVER) for lot in lots
    )


def _granted(lots: Lots, amount: int, after: int | None, by: int, terms: Sequence[Terms]) -> Lots:
    """`lots` and a grant of `amount`, as much of it as can be to what expires soonest."""
    added = []
    for term in sorted(terms, key=lambda each: each.lasts_ms):
        part = amount if term.amount is None else min(amount, term.amount)
        added += [Lot(part, after, by, by + term.lasts_ms)] * (part > 0)
        amount -= part
    added += [Lot(amount, after, by, NEVER)] * (amount > 0)
    return tuple(sorted((*lots, *added), key=lambda lot: lot.expires_by))


def _refunded(lots: Lots, amount: int) -> Lots:
    """`lots` with what was given back for calls that failed; it goes where it came from."""
    first, *others = lots
    return (replace(first, left=first.left + amount), *others)


def _sum(lots: Lots) -> int:
    return sum(lot.left for lot in lots)

"""What is known of an account's credits: the balance, its frozen part, what expires by when.

It reads what was seen of the balance; it asks nobody.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core import grants
from runner.core.grants import Expiry
from runner.core.window import Window
from runner.providers.account import Account
from runner.store import balances

DAY_MS = 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Credits:
    """An account's balance, in thousandths of a credit.

    Attributes:
        at: When the provider told it (ms since the epoch).
        available: What could be spent then.
        frozen: What was held for calls in flight then.
        expiring: An estimate of what expires next, without what was spent since; None: nothing
            is known to expire.
    """

    at: int
    available: int
    frozen: int
    expiring: Expiry | None


async def credits_of(
    connection: AsyncConnection, account: Account, window: Window, now: int
) -> Credits | None:
    """The credits of `account`, whose window of credits is `window`; None if nobody has looked."""
    last = await balances.latest(connection, account.name)
    if last is None:
        return None
    terms = account.preset.grants
    longest = max((term.lasts_ms for term in terms), default=0)
    seen = await balances.since(connection, account.name, now - longest - DAY_MS) or [last]
    lots = grants.infer((each.look for each in seen), terms)
    left = grants.spent(lots, max(0, window.spent - last.counted))
    return Credits(last.until, last.available, last.frozen, grants.expiring(left, now))

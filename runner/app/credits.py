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
    """An account's balance as it was told, less what our calls have cost since.

    Amounts are in thousandths of a credit.

    Attributes:
        at: When the provider told it (ms since the epoch).
        available: What may be spent.
        frozen: What is held for calls in flight.
        since: What our calls have cost since it was told.
        expiring: An estimate of what expires next; None: nothing is known to expire.
    """

    at: int
    available: int
    frozen: int
    since: int
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
    granted = grants.infer((each.sample for each in seen), terms)
    since = max(0, window.spent - last.counted)
    frozen = min(last.frozen, window.reserved) if since else last.frozen
    available = max(0, last.available + last.frozen - since - frozen)
    expiring = grants.expiring(grants.spent(granted, since), now)
    return Credits(last.until, available, frozen, since, expiring)

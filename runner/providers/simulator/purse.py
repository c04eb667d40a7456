"""The credits of each account: grants that expire, what was spent of them, what is held.

It knows which grant is spent first; when a call failed and is refunded it is told.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from runner.providers.simulator.config import SimulatorConfig
from runner.providers.simulator.days import day_begins_ms, quota_day

_UNITS = 1_000_000  # to a credit: whole numbers add up, and tenths of a credit would not
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Funds:
    """An account's credits.

    Attributes:
        available: What may still be spent.
        frozen: The price of its calls in flight, which `available` lacks already.
    """

    available: float
    frozen: float


@dataclass(slots=True)
class _Grant:
    """Units that were granted and are not spent yet; gone from `expires_ms` on."""

    expires_ms: int
    left: int


@dataclass(frozen=True, slots=True)
class Hold:
    """The price of one call in flight, and which grants it was taken from."""

    account: str
    parts: tuple[tuple[_Grant, int], ...]

    @property
    def units(self) -> int:
        """The price."""
        return sum(units for _, units in self.parts)


class Purse:
    """Credits by account. The earliest to expire are spent first, of equals the older grant."""

    def __init__(self, config: SimulatorConfig) -> None:
        self._config = config
        self._grants: defaultdict[str, list[_Grant]] = defaultdict(list)
        self._granted_day: dict[str, int] = {}
        self._frozen: Counter[str] = Counter()

    def grant(self, account: str, amount: float, now_ms: int, ttl_ms: int) -> None:
        """Give `account` credits that expire `ttl_ms` from `now_ms`."""
        grant = _Grant(now_ms + ttl_ms, _units(amount))
        insort(self._grants[account], grant, key=lambda each: each.expires_ms)

    def funds(self, account: str, now_ms: int) -> Funds:
        """Return what `account` has at `now_ms`."""
        return Funds(self._available(account, now_ms) / _UNITS, self._frozen[account] / _UNITS)

    def affords(self, account: str, model: str, now_ms: int) -> bool:
        """Whether `account` can pay for a call of `model` at `now_ms`."""
        return self._available(account, now_ms) >= self._price(model)

    def hold(self, account: str, model: str, now_ms: int) -> Hold:
        """Take the price of a call of `model`, or what there is of it, until it has ended."""
        hold = Hold(account, tuple(_take(self._live(account, now_ms), self._price(model))))
        self._frozen[account] += hold.units
        return hold

    def release(self, hold: Hold, *, refund: bool) -> None:
        """End a hold; a refund goes back to the grants it came from, even if they are gone."""
        self._frozen[hold.account] -= hold.units
        if refund:
            for grant, units in hold.parts:
                grant.left += units

    def _available(self, account: str, now_ms: int) -> int:
        return sum(grant.left for grant in self._live(account, now_ms))

    def _live(self, account: str, now_ms: int) -> list[_Grant]:
        """Return the grants that have not expired, today's among them, in order of expiry."""
        self._grant_today(account, now_ms)
        live = [grant for grant in self._grants[account] if grant.expires_ms > now_ms]
        self._grants[account] = live
        return live

    def _grant_today(self, account: str, now_ms: int) -> None:
        day = quota_day(now_ms, self._config.reset_late_s)
        if self._config.credits_need_login or self._granted_day.get(account, day - 1) >= day:
            return
        self._granted_day[account] = day
        begins_ms = day_begins_ms(day, self._config.reset_late_s)
        self.grant(account, self._config.credits or 0, begins_ms, _DAY_MS)

    def _price(self, model: str) -> int:
        return _units(self._config.price(model))


def _take(grants: list[_Grant], price: int) -> Iterator[tuple[_Grant, int]]:
    """Take `price` out of `grants` in their order; yield how much of it came from which."""
    for grant in grants:
        units = min(grant.left, price)
        if units:
            grant.left -= units
            price -= units
            yield grant, units


def _units(credits_: float) -> int:
    return round(credits_ * _UNITS)

"""Keeps the credits of each account: grants that expire, and reservations of calls in flight."""

from __future__ import annotations

from bisect import insort
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from runner.core.time_units import DAY_MS
from runner.simulator.config import SimulatorConfig
from runner.simulator.quota_days import QuotaCalendar

_UNITS = 1_000_000  # units in a credit; integers, because their sums are exact


@dataclass(frozen=True, slots=True)
class CreditBalance:
    """An account's credits.

    Attributes:
        available: The credits that can be spent.
        frozen: The credits reserved for calls in flight, which `available` does not include.
    """

    available: float
    frozen: float


@dataclass(slots=True)
class _Grant:
    """The unspent units of a grant, which expires at `expires_ms`."""

    expires_ms: int
    left: int


@dataclass(frozen=True, slots=True)
class CreditHold:
    """The reservation for one call in flight: the units taken from each grant."""

    account: str
    parts: tuple[tuple[_Grant, int], ...]

    @property
    def units(self) -> int:
        """The reserved units."""
        return sum(units for _, units in self.parts)


class CreditAccounts:
    """The credits by account. Grants are spent in order of expiry, and then of age."""

    def __init__(self, config: SimulatorConfig) -> None:
        self._config = config
        self._calendar = QuotaCalendar(reset_late_s=config.reset_late_s)
        self._grants: defaultdict[str, list[_Grant]] = defaultdict(list)
        self._granted_day: dict[str, int] = {}
        self._frozen: Counter[str] = Counter()

    def grant(self, account: str, amount: float, now_ms: int, ttl_ms: int) -> None:
        """Grants `account` credits that expire `ttl_ms` after `now_ms`."""
        grant = _Grant(now_ms + ttl_ms, _units(amount))
        insort(self._grants[account], grant, key=lambda each: each.expires_ms)

    def balance(self, account: str, now_ms: int) -> CreditBalance:
        """Returns the credits of `account` at `now_ms`."""
        frozen = self._frozen[account]
        return CreditBalance(self._available(account, now_ms) / _UNITS, frozen / _UNITS)

    def can_pay(self, account: str, model: str, now_ms: int) -> bool:
        """Whether `account` can pay for a call of `model` at `now_ms`."""
        return self._available(account, now_ms) >= self._price(model)

    def hold(self, account: str, model: str, now_ms: int) -> CreditHold:
        """Reserves the price of a call of `model`, or all credits if they are fewer."""
        hold = CreditHold(account, tuple(_take(self._valid(account, now_ms), self._price(model))))
        self._frozen[account] += hold.units
        return hold

    def release(self, hold: CreditHold, *, refund: bool) -> None:
        """Ends a reservation; a refund goes back to its grants, even if they have expired."""
        self._frozen[hold.account] -= hold.units
        if refund:
            for grant, units in hold.parts:
                grant.left += units

    def _available(self, account: str, now_ms: int) -> int:
        return sum(grant.left for grant in self._valid(account, now_ms))

    def _valid(self, account: str, now_ms: int) -> list[_Grant]:
        """Returns the grants that have not expired, today's included, in order of expiry."""
        self._grant_today(account, now_ms)
        valid = [grant for grant in self._grants[account] if grant.expires_ms > now_ms]
        self._grants[account] = valid
        return valid

    def _grant_today(self, account: str, now_ms: int) -> None:
        day = self._calendar.day(now_ms)
        granted_before = self._granted_day.get(account, day.number - 1)
        if self._config.credits_need_login or granted_before >= day.number:
            return
        self._granted_day[account] = day.number
        self.grant(account, self._config.credits or 0, day.begins_ms, DAY_MS)

    def _price(self, model: str) -> int:
        return _units(self._config.price(model))


def _take(grants: list[_Grant], price: int) -> Iterator[tuple[_Grant, int]]:
    """Takes `price` from the grants in order; yields each grant and the units taken from it."""
    for grant in grants:
        units = min(grant.left, price)
        if units:
            grant.left -= units
            price -= units
            yield grant, units


def _units(amount: float) -> int:
    return round(amount * _UNITS)

"""Queries ModelScope's free endpoints for the credits of an account and for the price of a model.

A balance is ``{"data": {"available_balance": …}}``; any field may be missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from runner.core.verdict import succeeded
from runner.core.window import CREDIT, Count
from runner.providers.endpoint import Endpoint
from runner.providers.json_body import parse_json
from runner.providers.transport import Response

_REFUSED = (401, 403)
TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Balance:
    """An account's credits, in thousandths; `total` and `frozen` are None if unknown."""

    available: int
    total: int | None = None
    frozen: int | None = None

    @property
    def count(self) -> Count:
        """The balance as a count of a window."""
        total = self.available if self.total is None else max(self.total, self.available)
        return Count(total, self.available)


@dataclass(frozen=True, slots=True)
class TokenRefused:
    """The balance endpoint refuses the token."""

    why: str


async def ask_balance(endpoint: Endpoint) -> Balance | TokenRefused | None:
    """Queries the balance; None if the provider has no such endpoint, or cannot be reached."""
    url = balance_url(endpoint)
    if url is None:
        return None
    reply = await endpoint.get(url, TIMEOUT_S)
    if not isinstance(reply, Response):
        return None
    if reply.status in _REFUSED:
        return TokenRefused(f"HTTP {reply.status} from the balance endpoint")
    return read_balance(reply.body) if succeeded(reply.status) else None


def balance_url(endpoint: Endpoint) -> str | None:
    """Returns the balance endpoint, on the account's own host if its base URL is overridden."""
    account = endpoint.account
    return at_own_host(account.preset.balance_url, account.base_url, account.preset.base_url)


def at_own_host(url: str | None, own: str | None, published: str | None) -> str | None:
    """Returns `url` with the host of `own` if that differs from the `published` base URL."""
    if url is None or own is None or own == published:
        return url
    host, parts = urlsplit(own), urlsplit(url)
    return urlunsplit((host.scheme, host.netloc, parts.path, parts.query, ""))


def read_balance(body: bytes) -> Balance | None:
    """Parses the balance in a reply; None if there is none. Never raises."""
    try:
        data = parse_json(body)
    except ValueError:
        return None
    fields = data.get("data") if isinstance(data, dict) else None
    if not isinstance(fields, dict):
        return None
    total, frozen = _credits(fields.get("total_balance")), _credits(fields.get("frozen_amount"))
    available = _credits(fields.get("available_balance"))
    if available is None and total is not None:
        available = max(0, total - (frozen or 0))
    return None if available is None else Balance(available, total, frozen)


async def ask_price(endpoint: Endpoint, model: str) -> float | None:
    """Queries the price of a call to `model`, in credits; None if it is not available."""
    account = endpoint.account
    template = account.preset.price_url
    if template is None:
        return None
    published = template.replace("{model}", quote(model, safe=""))
    url = at_own_host(published, account.base_url, account.preset.base_url)
    reply = await endpoint.get(url or published, TIMEOUT_S)
    return (
        read_price(reply.body) if isinstance(reply, Response) and succeeded(reply.status) else None
    )


def read_price(body: bytes) -> float | None:
    """Returns the first ``EstimatedMagicGrainCost`` at any depth of a reply; never raises."""
    try:
        return _price(parse_json(body), 0)
    except ValueError:
        return None


_DEEPEST = 8


def _price(value: Any, depth: int) -> float | None:
    if depth > _DEEPEST:
        return None
    if isinstance(value, dict):
        own = _number(value.get("EstimatedMagicGrainCost"))
        inner = [] if own is not None else list(value.values())
    else:
        own, inner = None, value if isinstance(value, list) else []
    prices = (_price(each, depth + 1) for each in inner)
    return own if own is not None else next((each for each in prices if each is not None), None)


def _credits(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else int(number * CREDIT)


def _number(value: Any) -> float | None:
    fits = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if fits and 0 <= value < 1e12 else None  # noqa: PLR2004

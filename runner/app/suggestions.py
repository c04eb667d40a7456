"""Other models for a batch that takes more than today: what each has left, and what it costs.

The providers are asked which models they list, at no cost; an answer that does not come is done
without.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import anyio

from runner.app import accounts
from runner.app.models import models_of
from runner.core.route import Route, RouteState
from runner.core.window import CREDIT, Unit
from runner.errors import RunnerError
from runner.providers.account import Account
from runner.providers.balance import ask_price
from runner.providers.endpoint import Endpoint
from runner.settings import Settings

PATIENCE_S = 5.0
MOST = 5
# So many are looked at more closely, those of the same maker first.
MOST_ASKED = 12
# Models of another kind than one that writes.
OTHER_KINDS = (
    "embed",
    "rerank",
    "image",
    "-vl",
    "vision",
    "audio",
    "speech",
    "tts",
    "asr",
    "video",
)

StatesOf = Callable[[Sequence[str], Sequence[Account]], Awaitable[Mapping[Route, RouteState]]]
"""The routes to some models as they are now, for accounts with the prices that are known."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Another model, and what speaks for it.

    Attributes:
        calls_left: Calls that it has left now; None if no limit is known.
        price: What a call costs, in thousandths of a credit; None where none are counted.
    """

    account: str
    model: str
    calls_left: int | None
    price: int | None


async def suggest(
    settings: Settings,
    environ: Mapping[str, str],
    models: Sequence[str],
    states_of: StatesOf,
) -> tuple[Suggestion, ...]:
    """Listed models that have more left than `models` now, or cost less; the best first."""
    found: list[Suggestion] = []
    with anyio.move_on_after(PATIENCE_S):
        try:
            async with accounts.open_endpoints(settings, environ) as endpoints:
                for endpoint in endpoints:
                    found += await _of(endpoint, models, states_of)
        except RunnerError:
            return ()
    return tuple(sorted(found, key=_rank)[:MOST])


async def _of(endpoint: Endpoint, models: Sequence[str], states_of: StatesOf) -> list[Suggestion]:
    """What one account offers beside `models`."""
    account = endpoint.account
    listed = (await models_of(endpoint)).names
    others = sorted(
        (name for name in listed if name not in models and _writes(name) and account.serves(name)),
        key=lambda name: (_maker(name) not in set(map(_maker, models)), name),
    )[:MOST_ASKED]
    if not others:
        return []
    prices = dict(account.prices)
    if account.credits is not None:
        for model in (*models, *others):
            if model not in prices and (price := await ask_price(endpoint, model)) is not None:
                prices[model] = price
    states = await states_of((*models, *others), [replace(account, prices=prices)])
    own = [_suggestion(route, state) for route, state in states.items() if route[1] in models]
    offered = [_suggestion(route, state) for route, state in states.items() if route[1] in others]
    return [one for one in offered if all(_is_better(one, than) for than in own)]


def _suggestion(route: Route, state: RouteState) -> Suggestion:
    counted = any(w.unit is Unit.CREDITS and w.limit is not None for w in state.windows)
    price = state.cost.get(Unit.CREDITS, CREDIT) if counted else None
    return Suggestion(route[0], route[1], state.remaining, price)


def _is_better(one: Suggestion, than: Suggestion) -> bool:
    if one.price is not None and than.price is not None and one.price != than.price:
        return one.price < than.price
    if one.calls_left is None or than.calls_left is None:
        return one.calls_left is None and than.calls_left is not None
    return one.calls_left > than.calls_left


def _rank(one: Suggestion) -> tuple[float, float, str]:
    left = float("inf") if one.calls_left is None else one.calls_left
    return (one.price or 0, -left, one.model)


def _writes(name: str) -> bool:
    return not any(kind in name.lower() for kind in OTHER_KINDS)


def _maker(name: str) -> str:
    return name.partition("/")[0]

"""Suggests other models for a batch that takes more than a day, with their allowance and price.

Providers are asked for their model lists, which costs nothing; those that do not answer in time are
left out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace

import anyio

from runner.app.accounts.models import models_of
from runner.core.route import Route, RouteState
from runner.core.window import CREDIT, Unit
from runner.errors import RunnerError
from runner.providers.account import Account
from runner.providers.balance import ask_price
from runner.providers.endpoint import Endpoint

PATIENCE_S = 5.0
MOST = 5
# The number of models whose state is compared; those of the same maker come first.
MOST_ASKED = 12
# Parts of the names of models that do not generate text.
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
"""Returns the current states of the routes to some models, for accounts with known prices."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Another model, with its allowance and price.

    Attributes:
        calls_left: The calls left now; None if no limit is known.
        price: The price of a call in thousandths of a credit; None if credits are not
            counted, or it is not known.
    """

    account: str
    model: str
    calls_left: int | None
    price: int | None


async def suggest(
    opening: AbstractAsyncContextManager[list[Endpoint]],
    models: Sequence[str],
    states_of: StatesOf,
) -> tuple[Suggestion, ...]:
    """Returns listed models with more calls left than `models`, or cheaper ones; the best first.

    Args:
        opening: Opens the endpoints to ask.
        models: The models to replace.
        states_of: Returns the states of routes.
    """
    suggestions: list[Suggestion] = []
    with anyio.move_on_after(PATIENCE_S):
        try:
            async with opening as endpoints:
                for endpoint in endpoints:
                    suggestions += await _of_account(endpoint, models, states_of)
        except RunnerError:
            return ()
    return tuple(sorted(suggestions, key=_rank)[:MOST])


async def _of_account(
    endpoint: Endpoint, models: Sequence[str], states_of: StatesOf
) -> list[Suggestion]:
    """Returns what one account offers beside `models`."""
    account = endpoint.account
    listed = (await models_of(endpoint)).names
    others = sorted(
        (
            name
            for name in listed
            if name not in models
            and _generates_text(name)
            and account.provider_model(name) is not None
        ),
        key=lambda name: (_maker(name) not in set(map(_maker, models)), name),
    )[:MOST_ASKED]
    if not others:
        return []
    prices = dict(account.prices)
    if account.credits is not None:
        for model in (*models, *others):
            if model not in prices and (price := await ask_price(endpoint, model)) is not None:
                prices[model] = price
    priced = replace(account, prices=prices)
    states = await states_of((*models, *others), [priced])
    every = [_suggestion(route, state, priced) for route, state in states.items()]
    own = [each for each in every if each.model in models]
    offered = [each for each in every if each.model in others]
    return [
        suggestion
        for suggestion in offered
        if all(_is_better(suggestion, current) for current in own)
    ]


def _suggestion(route: Route, state: RouteState, account: Account) -> Suggestion:
    counted = any(w.unit is Unit.CREDITS and w.limit is not None for w in state.windows)
    known = counted and account.knows_price(route[1])
    price = state.cost.get(Unit.CREDITS, CREDIT) if known else None
    return Suggestion(route[0], route[1], state.remaining, price)


def _is_better(suggestion: Suggestion, other: Suggestion) -> bool:
    if suggestion.price is not None and other.price is not None and suggestion.price != other.price:
        return suggestion.price < other.price
    if suggestion.calls_left is None or other.calls_left is None:
        return suggestion.calls_left is None and other.calls_left is not None
    return suggestion.calls_left > other.calls_left


def _rank(suggestion: Suggestion) -> tuple[float, float, str]:
    left = float("inf") if suggestion.calls_left is None else suggestion.calls_left
    return (suggestion.price or 0, -left, suggestion.model)


def _generates_text(name: str) -> bool:
    return not any(kind in name.lower() for kind in OTHER_KINDS)


def _maker(name: str) -> str:
    return name.partition("/")[0]

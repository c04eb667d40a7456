"""Prices of models in credits, learned from balance samples and the calls between them.

Providers do not promise their prices, and published ones are estimates. One pair of samples proves
little: somebody else may spend, or a grant may expire. So a price is accepted once two consecutive
stretches, each of several calls to one model, have shown the same.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise

from runner.core.grants import BalanceSample
from runner.core.window import CREDIT

# The calls of a stretch, so many that one counted in the wrong stretch changes little.
ENOUGH_CALLS = 10
# All prices seen so far are multiples of half a credit.
STEP = CREDIT // 2
# A fall that differs from a multiple of the price by more than 1 / TOLERANCE of it had other causes
# than calls.
TOLERANCE = 8

DoneCall = tuple[int, str]  # when it was answered (ms since the epoch), and the model


def learned_prices(samples: Iterable[BalanceSample], calls: Sequence[DoneCall]) -> dict[str, int]:
    """Returns the price of each model that `samples` show, in thousandths of a credit.

    Args:
        samples: The samples of an account's balance, in the order of time.
        calls: Its calls that were answered in that time, in the order of time.
    """
    prices: dict[str, int] = {}
    previous: dict[str, int | None] = {}
    for model, price in _stretches(samples, calls):
        if price is not None and previous.get(model) == price:
            prices[model] = price
        previous[model] = price
    return prices


def _stretches(
    samples: Iterable[BalanceSample], calls: Sequence[DoneCall]
) -> Iterable[tuple[str, int | None]]:
    """Yields the model of each stretch of several calls to one model, with the price of a call.

    The price is None if the fall of the balance has other causes, too.
    """
    moments = [moment for moment, _ in calls]
    fall, models = 0, list[str]()
    for before, after in pairwise(samples):
        began, ended = (bisect_right(moments, at) for at in (before.until, after.at))
        fall += before.total - after.total
        models += [model for _, model in calls[began:ended]]
        if after.total > before.total or len(set(models)) > 1:
            fall, models = 0, []
        elif len(models) >= ENOUGH_CALLS:
            yield models[0], _price(fall, len(models))
            fall, models = 0, []


def _price(fall: int, calls: int) -> int | None:
    price = round(fall / calls / STEP) * STEP
    exact = abs(fall - price * calls) * TOLERANCE <= fall
    return price if price and exact else None

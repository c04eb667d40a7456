"""What a call to a model costs, as samples at a balance and the calls between them show.

No provider promises its prices, and those that are published are estimates. A sample alone proves
little: somebody else may spend, something may expire. So a price is believed once two stretches in
a row, each of several calls to one model, have shown the same.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise

from runner.core.grants import BalanceSample
from runner.core.window import CREDIT

# A stretch has so many calls: one that is counted on its wrong side changes little.
ENOUGH_CALLS = 10
# Prices are multiples of half a credit, as far as anybody has seen.
STEP = CREDIT // 2
# A stretch that shows anything farther from one than this part of it is none of calls alone.
TOLERANCE = 8

DoneCall = tuple[int, str]  # when it was answered (ms since the epoch), and by which model


def learned_prices(samples: Iterable[BalanceSample], calls: Sequence[DoneCall]) -> dict[str, int]:
    """The price of each model that `samples` show, in thousandths of a credit.

    Args:
        samples: An account's balance, in the order of time.
        calls: Its calls that were answered meanwhile, in the order of time.
    """
    found: dict[str, int] = {}
    before: dict[str, int | None] = {}
    for model, price in _stretches(samples, calls):
        if price is not None and before.get(model) == price:
            found[model] = price
        before[model] = price
    return found


def _stretches(
    samples: Iterable[BalanceSample], calls: Sequence[DoneCall]
) -> Iterable[tuple[str, int | None]]:
    """The model that was called in each stretch of several calls to one, and what one cost.

    None: it is no price.
    """
    moments = [moment for moment, _ in calls]
    fall, made = 0, list[str]()
    for before, after in pairwise(samples):
        began, ended = (bisect_right(moments, at) for at in (before.until, after.at))
        fall += before.total - after.total
        made += [model for _, model in calls[began:ended]]
        if after.total > before.total or len(set(made)) > 1:
            fall, made = 0, []
        elif len(made) >= ENOUGH_CALLS:
            yield made[0], _price(fall, len(made))
            fall, made = 0, []


def _price(fall: int, calls: int) -> int | None:
    price = round(fall / calls / STEP) * STEP
    exact = abs(fall - price * calls) * TOLERANCE <= fall
    return price if price and exact else None

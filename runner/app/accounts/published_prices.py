"""Requests the prices of models that their providers publish, which costs nothing."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager

import anyio

from runner.app.accounts.credits import PublishedPrices
from runner.core.route import Route
from runner.errors import RunnerError
from runner.providers.balance import ask_price
from runner.providers.endpoint import Endpoint

PATIENCE_S = 5.0


async def prices_of(
    opening: AbstractAsyncContextManager[list[Endpoint]], routes: Iterable[Route]
) -> PublishedPrices:
    """Returns the published prices of `routes`; those not told in time are left out.

    Args:
        opening: Opens the endpoint of each account.
        routes: The accounts and models.
    """
    prices: dict[str, dict[str, float]] = {}
    with anyio.move_on_after(PATIENCE_S):
        try:
            async with opening as endpoints:
                by_name = {endpoint.account.name: endpoint for endpoint in endpoints}
                for name, model in routes:
                    if (price := await ask_price(by_name[name], model)) is not None:
                        prices.setdefault(name, {})[model] = price
        except RunnerError:
            return prices
    return prices

"""What there is to do and through which windows, read from the database at one moment."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.admission import Demand
from runner.core.route import Route
from runner.core.window import Window
from runner.providers.account import Account
from runner.store import batches, ledger, queue
from runner.store.batches import Batch


@dataclass(frozen=True, slots=True)
class View:
    """The queue and the windows at one moment.

    Attributes:
        batches: Those that may run and have jobs left, in the order of their ids.
        demands: What each of them has to do, if there is a way for it.
        windows: The windows of each route that they may take.
        next_due: When the first waiting job is due (ms since the epoch).
    """

    batches: tuple[Batch, ...]
    demands: tuple[Demand, ...]
    windows: dict[Route, tuple[Window, ...]]
    next_due: int | None

    def batch(self, batch_id: int) -> Batch:
        """The batch with this id."""
        return next(batch for batch in self.batches if batch.id == batch_id)


def routes_of(models: Sequence[str], accounts: Sequence[Account]) -> tuple[Route, ...]:
    """The ways to `models`, the preferred ones first: on each account in turn, every model.

    So the whole allowance of an account is used before another's, which may cost money.
    """
    ways = [
        (account.name, name)
        for account in accounts
        for model in models
        if (name := account.serves(model)) is not None
    ]
    return tuple(dict.fromkeys(ways))


async def look(
    connection: AsyncConnection,
    accounts: Sequence[Account],
    only: Collection[int] | None,
    now: int,
    reset_jitter_ms: int,
) -> View:
    """The view of the work that these accounts can do; of the batches `only`, if any are named."""
    found = tuple(b for b in await batches.runnable(connection) if only is None or b.id in only)
    due = await queue.next_due(connection)
    routes = {batch.id: routes_of(batch.models, accounts) for batch in found}
    used = sorted({route for ways in routes.values() for route in ways})
    windows = await windows_of(connection, accounts, used, now, reset_jitter_ms)
    demands = tuple(_demand(batch, routes[batch.id], due) for batch in found if routes[batch.id])
    return View(found, demands, windows, due)


async def windows_of(
    connection: AsyncConnection,
    accounts: Sequence[Account],
    routes: Sequence[Route],
    now: int,
    reset_jitter_ms: int = 0,
) -> dict[Route, tuple[Window, ...]]:
    """The windows that a call by each of these routes would touch."""
    known = await ledger.latest_windows(connection, [account.name for account in accounts])
    rules: Mapping[str, Account] = {account.name: account for account in accounts}
    return {
        (name, model): ledger.windows_at(
            known, name, model, rules[name].quotas, now, reset_jitter_ms
        )
        for name, model in routes
    }


def _demand(batch: Batch, routes: tuple[Route, ...], due: int | None) -> Demand:
    counts = batch.counts
    return Demand(
        batch.id,
        routes,
        counts.ready,
        batch.priority,
        counts.waiting,
        due if counts.waiting else None,
        batch.rotate,
        batch.calls_left,
        pack=batch.packing.most,
        running=counts.running,
        pending=counts.pending,
    )

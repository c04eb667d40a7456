"""Reads the status of the queue, the windows and the credits without making a call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from runner.app.accounts import accounts
from runner.app.accounts.clients import client_caps
from runner.app.accounts.credits import (
    Credits,
    PublishedPrices,
    Purchase,
    credits_of,
    priced,
    purchases_of,
)
from runner.app.status import publishing
from runner.app.status.forecasting import Forecaster, QueueForecast, Windows, place
from runner.app.status.publishing import Published
from runner.app.status.status import BatchStatus, QuotaLine, Status
from runner.core.demand import WaitReason
from runner.core.forecast import Forecast
from runner.core.renewal import windows_at
from runner.core.route import Route, RouteState
from runner.core.verdict import Scope
from runner.core.window import Key, Unit, Window
from runner.engine.progress import Progress
from runner.engine.snapshot import Snapshot, read_snapshot, route_states, routes_of, windows_of
from runner.providers.account import Account
from runner.settings import DEFAULT, Settings
from runner.store import batches, liveness, set_aside
from runner.store.batches import Batch
from runner.store.database import Database
from runner.store.windows import latest_windows


@dataclass(frozen=True, slots=True)
class StatusReader:
    """Reads the status of one database for the accounts in use.

    Attributes:
        published: The prices that providers have published, by account and model.
    """

    database: Database
    settings: Settings
    forecaster: Forecaster
    published: PublishedPrices = field(default_factory=dict)

    async def status(self, now: int) -> Status:
        """Returns every batch with its wait reason and forecast, and the windows."""
        names = [account.name for account in self.forecaster.accounts]
        async with self.database.read() as connection:
            forecaster = await self._priced(connection, now)
            snapshot = await read_snapshot(connection, names)
            every = await batches.list_batches(connection)
            aside = await set_aside.count(connection)
            forecast = await self._queue_forecast(connection, forecaster, snapshot, now)
            windows = await self._known_windows(connection, now)
            published = await self._published(connection)
        waiting = {**forecast.waiting, **_published_waits(published, snapshot.latest)}
        alive = await liveness.alive(self.database)
        lines = tuple(
            BatchStatus(
                batch,
                waiting.get(batch.id),
                _published_forecast(published, batch) or forecast.finish(batch),
                forecast.routes(batch),
                () if batch.over or self.forecaster.serves(batch) else batch.models,
            )
            for batch in every
        )
        bought: dict[Purchase, None] = {}
        for line in lines:
            if not line.batch.over:
                own = {route: forecast.state.routes[route].windows for route in line.routes}
                rows = line.batch.packing.most
                bought |= dict.fromkeys(purchases_of(own, forecaster.accounts, rows))
        known_purchases = tuple(each for each in bought if each.amount is not None)
        return Status(
            now,
            lines,
            tuple(windows),
            runners=len(alive),
            set_aside=aside,
            purchases=known_purchases,
            published=tuple(published),
        )

    async def finish_times(self, now: int) -> dict[int, int]:
        """Returns the forecast end (ms since the epoch) of runnable batches, by id, if known."""
        async with self.database.read() as connection:
            forecaster = await self._priced(connection, now)
            names = [account.name for account in forecaster.accounts]
            snapshot = await read_snapshot(connection, names)
            every = await batches.runnable(connection)
            forecast = await self._queue_forecast(connection, forecaster, snapshot, now)
            published = await self._published(connection)
        forecasts = {
            batch.id: _published_forecast(published, batch) or forecast.finish(batch)
            for batch in every
        }
        return {
            key: forecast.finishes_at
            for key, forecast in forecasts.items()
            if forecast is not None and forecast.finishes_at is not None
        }

    async def _queue_forecast(
        self, connection: AsyncConnection, forecaster: Forecaster, snapshot: Snapshot, now: int
    ) -> QueueForecast:
        caps = client_caps(self.settings)
        clients = {batch.client for batch in snapshot.batches.values() if batch.client}
        left = await caps.read(connection, clients, now)
        return forecaster.queue_forecast(snapshot, now, left, caps.most)

    async def watched(self, now: int) -> list[Progress]:
        """Returns the progress at `now` that the runs of all processes publish."""
        async with self.database.read() as connection:
            published = await self._published(connection)
            every = {batch.id: batch for batch in await batches.list_batches(connection)}
            known = await latest_windows(connection, [a.name for a in self.forecaster.accounts])
        return [each.progress(every, self._touched(each, every, known, now)) for each in published]

    def _touched(
        self, runner: Published, every: Mapping[int, Batch], known: Mapping[Key, Window], now: int
    ) -> dict[Key, Window]:
        """Returns the windows at `now` that the calls of a runner's batches use."""
        own = [every[number] for number in (*runner.batches, *runner.paused) if number in every]
        accounts = self.forecaster.accounts
        routes = {route for batch in own for route in routes_of(batch.models, accounts)}
        by_route = windows_of(known, accounts, routes, now)
        windows = sorted({w for own_windows in by_route.values() for w in own_windows}, key=place)
        return {(w.account, w.model, w.quota): w for w in windows}

    async def _published(self, connection: AsyncConnection) -> list[Published]:
        """Returns what the active runners have published; some publish nothing."""
        pids = await liveness.living_processes(self.database, connection)
        files = (publishing.read(publishing.place(self.database.path, pid)) for pid in pids)
        return [each for each in files if each is not None]

    async def forecast(
        self, models: Sequence[str], calls: int, most: int | None, now: int
    ) -> Forecast:
        """Forecasts the end of `calls` calls to any of `models`, of which `most` are allowed."""
        async with self.database.read() as connection:
            forecaster = await self._priced(connection, now)
        return forecaster.forecast(calls, await self._windows(models, now), now, most)

    async def purchases(
        self, models: Sequence[str], rows_a_call: int, now: int
    ) -> tuple[Purchase, ...]:
        """Returns what the credits pay for on each route to `models`."""
        async with self.database.read() as connection:
            forecaster = await self._priced(connection, now)
        return purchases_of(await self._windows(models, now), forecaster.accounts, rows_a_call)

    async def states(
        self, models: Sequence[str], accounts: Sequence[Account], now: int
    ) -> Mapping[Route, RouteState]:
        """Returns the current states of the routes to `models` on some accounts."""
        forecaster = replace(self.forecaster, accounts=tuple(accounts))
        routes = forecaster.routes(models)
        async with self.database.read() as connection:
            known = await latest_windows(connection, [account.name for account in accounts])
        return route_states(windows_of(known, accounts, routes, now), accounts)

    async def _priced(self, connection: AsyncConnection, now: int) -> Forecaster:
        """Returns the forecaster with prices learned from the balances, and published ones."""
        accounts = [
            await priced(connection, each, self.published.get(each.name, {}), now)
            for each in self.forecaster.accounts
        ]
        return replace(self.forecaster, accounts=tuple(accounts))

    async def windows(self, models: Sequence[str], now: int) -> tuple[Window, ...]:
        """Returns the windows, without duplicates, that calls to any of `models` would use."""
        by_route = await self._windows(models, now)
        windows = {w for each in by_route.values() for w in each if w.is_known}
        return tuple(sorted(windows, key=place))

    async def _windows(self, models: Sequence[str], now: int) -> Windows:
        routes = self.forecaster.routes(models)
        async with self.database.read() as connection:
            known = await latest_windows(connection, [a.name for a in self.forecaster.accounts])
        return windows_of(known, self.forecaster.accounts, routes, now)

    async def quota(self, now: int) -> list[QuotaLine]:
        """Returns the newest window of every quota, with what is known of its credits."""
        async with self.database.read() as connection:
            return [
                QuotaLine(
                    window, window.resets_at - now, await self._credits(connection, window, now)
                )
                for window in await self._known_windows(connection, now)
            ]

    async def _known_windows(self, connection: AsyncConnection, now: int) -> list[Window]:
        """Returns the newest window of every quota, as it is or would be opened."""
        chosen = self.settings.origins.get("account", "") != DEFAULT
        names = list(self.settings.used if chosen else self.settings.accounts)
        known = await latest_windows(connection, names)
        windows: dict[Key, Window] = dict(known)
        for account in self.forecaster.accounts:
            models = {model for name, model, _ in known if name == account.name and model}
            for model in models or {""}:
                rules = [r for r in account.quotas if model or r.scope is Scope.ACCOUNT]
                for window in windows_at(known, account.name, model, rules, now, 0):
                    windows[window.account, window.model, window.quota] = window
        return [window for window in sorted(windows.values(), key=place) if window.is_known]

    async def _credits(
        self, connection: AsyncConnection, window: Window, now: int
    ) -> Credits | None:
        if window.unit is not Unit.CREDITS or window.account not in self.settings.accounts:
            return None
        account = accounts.account_of(self.settings, window.account)
        return await credits_of(connection, account, window, now)


def _published_waits(
    published: Sequence[Published], windows: Mapping[Key, Window]
) -> dict[int, WaitReason]:
    """Returns the wait reasons of batches that active runners have published."""
    return {
        reason.key: reason
        for each in published
        if not each.in_flight
        for reason in each.waits(windows)
    }


def _published_forecast(published: Sequence[Published], batch: Batch) -> Forecast | None:
    """Returns a batch's published forecast, if a runner works on this batch alone.

    It takes precedence because it uses the measured speed.
    """
    return next((each.forecast for each in published if each.batches == (batch.id,)), None)

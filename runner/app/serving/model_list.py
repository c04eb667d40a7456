"""The models that clients may call, with the number of calls left today.

Providers are asked for their lists periodically, which costs nothing; if one does not answer, its
last list is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import anyio

from runner.app.accounts.accounts import accounts_of
from runner.app.accounts.clients import Client
from runner.app.accounts.models import read_names
from runner.app.running.engine_host import EngineHost
from runner.clock import Clock
from runner.core import quota
from runner.core.route import room_of
from runner.core.window import Key, Window
from runner.engine.snapshot import route_states, routes_of, windows_of
from runner.errors import RunnerError, StoreError
from runner.providers.endpoint import Endpoint
from runner.providers.transport import Response
from runner.settings import Settings
from runner.store.database import Database
from runner.store.windows import latest_windows

ASK_TIMEOUT_S = 5.0
ASK_EVERY_S = 600.0
RETRY_S = 30.0
READ_EVERY_S = 1.0
_OK = 200


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model for clients; `left` is the number of calls left today, None if no limit is known."""

    id: str
    left: int | None

    @property
    def title(self) -> str:
        """The display name."""
        return self.id if self.left is None else f"{self.id} ({self.left:,} left today)"


class ModelList:
    """The models of all accounts in use."""

    def __init__(
        self, settings: Settings, database: Database, clock: Clock, host: EngineHost
    ) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock
        self._host = host
        self._accounts = accounts_of(settings)
        self._listed: dict[str, tuple[str, ...]] = {}
        self._ask_at = float("-inf")
        self._asking = anyio.Lock()
        self._known: Mapping[Key, Window] = {}
        self._asked: Sequence[str] = ()  # models that were called before
        self._read_at = float("-inf")

    async def models(self, client: Client) -> list[ListedModel]:
        """Returns the models that `client` may call, refreshing the providers' lists if due."""
        async with self._asking:
            if anyio.current_time() >= self._ask_at:
                await self._ask()
        windows = await self._windows()
        aliases = {**self._settings.serve.models, **client.settings.models}
        names = list(client.settings.models) or [*self._settings.serve.models, *self._served()]
        wanted = {name: aliases.get(name, (name,)) for name in dict.fromkeys(names)}
        left = self._count(wanted, windows)
        return [ListedModel(name, left.get(name)) for name in wanted]

    async def _ask(self) -> None:
        """Refreshes the list of every account; those that do not answer keep their last one."""
        self._ask_at = anyio.current_time() + ASK_EVERY_S
        try:
            endpoints = await self._host.endpoints()
        except RunnerError:
            endpoints = {}
        async with anyio.create_task_group() as tasks:
            for name, endpoint in endpoints.items():
                tasks.start_soon(self._ask_one, name, endpoint)
        if len(self._listed) < len(endpoints):
            self._ask_at = anyio.current_time() + RETRY_S

    async def _ask_one(self, name: str, endpoint: Endpoint) -> None:
        reply = await endpoint.models(ASK_TIMEOUT_S)
        if isinstance(reply, Response) and reply.status == _OK:
            self._listed[name] = read_names(reply.body) or self._listed.get(name, ())

    def _served(self) -> list[str]:
        """Returns the models that the accounts serve, by their names in job files."""
        return [
            model
            for account in self._accounts
            for model in account.models or self._listed.get(account.name) or self._asked
        ]

    async def _windows(self) -> Mapping[Key, Window]:
        """Returns the current windows, from a short-lived cache."""
        now = anyio.current_time()
        if now - self._read_at >= READ_EVERY_S:
            names = [account.name for account in self._accounts]
            with suppress(StoreError):
                async with self._database.read() as connection:
                    self._known = await latest_windows(connection, names)
                self._read_at = now
                self._asked = sorted({model for _, model, _ in self._known if model})
        return self._known

    def _count(
        self, wanted: Mapping[str, Sequence[str]], known: Mapping[Key, Window]
    ) -> dict[str, int | None]:
        """Returns the number of calls left today by name; None where no limit is known."""
        routes = {name: routes_of(models, self._accounts) for name, models in wanted.items()}
        every = {route for windows in routes.values() for route in windows}
        windows = windows_of(known, self._accounts, every, self._clock.now())
        states = {
            route: replace(state, windows=quota.without_reserve(state.windows))
            for route, state in route_states(windows, self._accounts).items()
        }
        return {
            name: room_of({route: states[route] for route in own}) for name, own in routes.items()
        }

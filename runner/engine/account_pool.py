"""The accounts that this process may call, in the order in which they are preferred."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from anyio.abc import TaskGroup

from runner.clock import Clock
from runner.core.route import Route
from runner.core.verdict import Kind, Verdict, with_good_token
from runner.engine.balance_poller import BalancePoller
from runner.engine.posts import Post
from runner.errors import UnauthorisedError
from runner.language import _
from runner.providers.account import Account
from runner.providers.endpoint import Endpoint
from runner.store import refused_formats
from runner.store.database import Database

log = logging.getLogger(__name__)


class AccountPool:
    """Endpoints, what their balances tell, and which of them are refused."""

    def __init__(self, endpoints: Sequence[Endpoint], post: Post, clock: Clock) -> None:
        self._endpoints = {endpoint.account.name: endpoint for endpoint in endpoints}
        self._pollers = {name: BalancePoller(e, post, clock) for name, e in self._endpoints.items()}
        self._refused: dict[str, UnauthorisedError] = {}

    @property
    def names(self) -> list[str]:
        """Of all accounts, refused ones included."""
        return list(self._endpoints)

    @property
    def accounts(self) -> tuple[Account, ...]:
        """Those that may still be called, with the prices that were learned."""
        return tuple(
            poller.priced() for name, poller in self._pollers.items() if name not in self._refused
        )

    @property
    def endpoints(self) -> dict[str, Endpoint]:
        """Where the calls of each account go."""
        return self._endpoints

    @property
    def polled(self) -> bool:
        """Whether every balance that can be asked for was asked for."""
        return all(poller.polled for poller in self._pollers.values())

    async def recall_refused_formats(self, database: Database) -> None:
        """Have the endpoints know what their models have refused before."""
        async with database.read() as connection:
            found = await refused_formats.read(connection, self.names)
        for account, model, name, at in found:
            self._endpoints[account].recall_refused_format(model, name, at)

    def start_polling(self, tasks: TaskGroup, wake: Callable[[], None]) -> None:
        """Ask for the balances from time to time, at no cost; `wake` is called after each."""
        for name, poller in self._pollers.items():
            tasks.start_soon(poller.run, partial(self._told, name, wake))

    def want_prices(self, routes: Iterable[Route]) -> None:
        """Have the prices of the models looked up that calls may go to."""
        wanted: dict[str, set[str]] = {}
        for name, model in routes:
            wanted.setdefault(name, set()).add(model)
        for name, models in wanted.items():
            self._pollers[name].want_prices(frozenset(models))

    def learn(self, name: str, verdict: Verdict) -> None:
        """Learn what a verdict tells of an account as a whole."""
        if verdict.kind is Kind.UNAUTHORISED:
            good = self._pollers[name].token_is_good
            self._refuse(name, with_good_token(verdict) if good else verdict)
        credits_rule = self._endpoints[name].account.credits
        if verdict.kind is Kind.SPENT and credits_rule and verdict.quota == credits_rule.name:
            self._pollers[name].poll_now()

    @property
    def refusal(self) -> UnauthorisedError | None:
        """Why nobody can be called any more, if it is so."""
        if len(self._refused) < len(self._endpoints):
            return None
        return next(iter(self._refused.values()))

    def _told(self, name: str, wake: Callable[[], None], verdict: Verdict | None) -> None:
        if verdict is not None:
            self._refuse(name, verdict)
        wake()

    def _refuse(self, name: str, verdict: Verdict) -> None:
        """Call this account no more: the provider refuses it."""
        log.warning("account refused", extra={"account": name, "why": verdict.why or None})
        where = _("account {name} ({title})").format(
            name=name, title=self._endpoints[name].account.preset.title
        )
        self._refused[name] = UnauthorisedError(verdict.why, where=where, remedy=verdict.remedy)

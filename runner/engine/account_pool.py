"""The accounts that this process may call, in order of preference."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from anyio.abc import TaskGroup

from runner.core.gate import ParkReason
from runner.core.route import Route
from runner.core.verdict import Kind, Verdict, with_good_token
from runner.core.window import Window
from runner.engine.balance_poller import BalancePoller
from runner.engine.call import EndedCall
from runner.engine.posts import Post
from runner.engine.provider_clock import ProviderClock
from runner.engine.snapshot import Snapshot
from runner.errors import UnauthorisedError
from runner.language import _
from runner.providers.account import Account
from runner.providers.endpoint import Endpoint
from runner.store import refused_formats
from runner.store.database import Database

log = logging.getLogger(__name__)


class AccountPool:
    """The accounts with their endpoints and balance pollers, and the refused ones among them."""

    def __init__(self, endpoints: Sequence[Endpoint], post: Post, clock: ProviderClock) -> None:
        self._endpoints = {endpoint.account.name: endpoint for endpoint in endpoints}
        self._pollers = {name: BalancePoller(e, post, clock) for name, e in self._endpoints.items()}
        self._refused: dict[str, UnauthorisedError] = {}
        self._answered: set[str] = set()
        self._accounts: tuple[Account, ...] | None = None

    @property
    def names(self) -> list[str]:
        """The names of all accounts, with refused ones."""
        return list(self._endpoints)

    @property
    def accounts(self) -> tuple[Account, ...]:
        """The accounts that are not refused, with learned prices."""
        if self._accounts is None:
            pollers = self._pollers.items()
            own = (poller.priced() for name, poller in pollers if name not in self._refused)
            self._accounts = tuple(own)
        return self._accounts

    @property
    def endpoints(self) -> dict[str, Endpoint]:
        """The endpoints by account."""
        return self._endpoints

    @property
    def polled(self) -> bool:
        """Whether every balance was polled at least once, where the provider has balances."""
        return all(poller.polled for poller in self._pollers.values())

    async def recall_refused_formats(self, database: Database) -> None:
        """Loads the formats that models have refused before, and passes them to the endpoints."""
        async with database.read() as connection:
            refusals = await refused_formats.read(connection, self.names)
        for account, model, name, at in refusals:
            self._endpoints[account].recall_refused_format(model, name, at)

    def start_polling(self, tasks: TaskGroup, wake: Callable[[], None]) -> None:
        """Starts to poll the balances, which costs nothing; `wake` is called after each poll."""
        for name, poller in self._pollers.items():
            tasks.start_soon(poller.run, partial(self._polled, name, wake))

    def want_prices(self, routes: Iterable[Route]) -> None:
        """Requests the prices of the models of these routes."""
        wanted: dict[str, set[str]] = {}
        for name, model in routes:
            wanted.setdefault(name, set()).add(model)
        for name, models in wanted.items():
            self._pollers[name].want_prices(frozenset(models))

    def learn(self, ended: EndedCall, snapshot: Snapshot, now: int) -> None:
        """Applies the end of a call to its account: a refusal of the token, or spent credits.

        A provider may refuse a valid token. An account that has been answered in this process stays
        in use while its windows are parked for a refusal.
        """
        name, verdict = ended.prepared.call.permit.route[0], ended.result.verdict
        if verdict.kind is Kind.DONE:
            self._answered.add(name)
        elif verdict.kind is Kind.UNAUTHORISED and not (
            name in self._answered and _is_parked(snapshot.windows.values(), name, now)
        ):
            good = self._pollers[name].token_is_good
            self._refuse(name, with_good_token(verdict) if good else verdict)
        credits_rule = self._endpoints[name].account.credits
        if verdict.kind is Kind.SPENT and credits_rule and verdict.quota == credits_rule.name:
            self._pollers[name].poll_now()

    @property
    def refusals(self) -> Mapping[str, UnauthorisedError]:
        """The errors of the refused accounts, by name."""
        return dict(self._refused)

    def _polled(self, name: str, wake: Callable[[], None], verdict: Verdict | None) -> None:
        self._accounts = None  # it may have learned a price
        if verdict is not None:
            self._refuse(name, verdict)
        wake()

    def _refuse(self, name: str, verdict: Verdict) -> None:
        """Marks an account as refused, so that it is no longer called."""
        log.warning("account refused", extra={"account": name, "why": verdict.why or None})
        where = _("account {name} ({title})").format(
            name=name, title=self._endpoints[name].account.preset.title
        )
        self._accounts = None
        self._refused[name] = UnauthorisedError(verdict.why, where=where, remedy=verdict.remedy)


def _is_parked(windows: Iterable[Window], account: str, now: int) -> bool:
    """Whether the account is refused for now, and is called again without the user."""
    own = (window.gate for window in windows if window.account == account)
    return any(gate.reason is ParkReason.REFUSED and gate.parked_until > now for gate in own)

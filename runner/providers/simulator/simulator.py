"""A provider's memory: what was spent, what is under way, and the next draw of its luck.

It knows one call from its arrival to its end; it knows nothing of HTTP, and it never waits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from random import Random

from runner.errors import ConfigError
from runner.providers.simulator import checks
from runner.providers.simulator.books import Books, Position
from runner.providers.simulator.config import SimulatorConfig
from runner.providers.simulator.days import quota_day
from runner.providers.simulator.decision import decide
from runner.providers.simulator.faults import Incident, refuse
from runner.providers.simulator.gallery import Gallery
from runner.providers.simulator.headers import quota_headers, retry_after
from runner.providers.simulator.luck import Luck, draw
from runner.providers.simulator.outcome import Outcome
from runner.providers.simulator.paintings import ImageRequest
from runner.providers.simulator.problems import Problem
from runner.providers.simulator.purse import Funds, Hold
from runner.providers.simulator.requests import Form, Request, check, read_chat
from runner.providers.simulator.stats import Stats, Tally


@dataclass(frozen=True, slots=True)
class _Call:
    """One call's fate, and what is held of its account's credits until it has ended."""

    outcome: Outcome
    hold: Hold | None


class Simulator:
    """A ModelScope of our own.

    Args:
        config: What it is like.
        now: Its clock: integer milliseconds since the epoch, UTC.
    """

    def __init__(self, config: SimulatorConfig, now: Callable[[], int]) -> None:
        self.config = config
        self.now = now
        self.gallery = Gallery(config)
        self._books = Books(config)
        self._random = Random(config.seed)  # noqa: S311 - must be repeatable, not secret
        self._tally = Tally()
        self._arrivals = 0

    @contextmanager
    def call(self, token: str | None, body: bytes, form: Form = read_chat) -> Iterator[Outcome]:
        """Take in one call of `form` and yield its fate; the call is in flight inside the block.

        It is decided, and spends, on arrival: a caller who gives up waiting has spent it all the
        same. It counts as answered only if the block is left without an exception.
        """
        now_ms = self.now()
        day = quota_day(now_ms, self.config.reset_late_s, self.config.zone)
        request = check(self.config, token, body, now_ms, form)
        call = self._decide(token or "", request, now_ms)
        self._tally.arrived(day, call.outcome)
        if isinstance(request, ImageRequest) and call.outcome.spends:
            self._tally.painted(request.count, request.prompts())
        try:
            yield call.outcome
            if call.outcome.kind == "answer" and not isinstance(request, Problem):
                self._tally.answered(day, request.prompts())
        finally:
            self._tally.left(call.outcome)
            self._books.close(call.hold, call.outcome)

    def grant(self, account_token: str, amount: float, ttl_ms: int) -> None:
        """Give the account of `account_token` credits that expire `ttl_ms` from now.

        Raises:
            ConfigError: Calls cost no credits here, or these are none.
        """
        checks.check_grant(amount, ttl_ms)
        if not self._books.grant(account_token, amount, self.now(), ttl_ms):
            what, remedy = "there is no credit regime", "set credits, if only to 0"
            raise ConfigError(what, where="simulator.credits", remedy=remedy)

    def funds(self, account_token: str) -> Funds | None:
        """Return the credits of an account; None where calls cost none. Asking costs nothing."""
        return self._books.funds(account_token, self.now())

    def stats(self) -> Stats:
        """Return what the provider has seen so far."""
        return self._tally.stats(self.now())

    def request_id(self) -> str:
        """Return an id for the next reply: a function of the seed and of what came before."""
        self._arrivals += 1
        seed = f"{self.config.seed}:{self._arrivals}".encode()
        return hashlib.sha256(seed).hexdigest()[:32]

    def _decide(self, account: str, request: Request | Problem, now_ms: int) -> _Call:
        luck, request_id = draw(self.config, self._random), self.request_id()
        hold = None
        if isinstance(request, Problem):
            outcome = refuse(request, luck, request_id, self.config.latency_ms[0])
        else:
            urls = self._begin(request_id, request, luck, now_ms)
            incident = Incident(self.config, request, luck, request_id, now_ms, urls)
            outcome = decide(incident, self._position_before(incident), self._tally.busy)
            hold = self._books.enter(account, request.model, outcome, now_ms)
            if not outcome.occupies:
                self.gallery.forget(request_id)
        position = self._books.position(account, request.model, now_ms)
        headers = (
            *outcome.headers,
            *quota_headers(self.config, position, outcome.status, luck),
            *retry_after(self.config, outcome.retry_ms, luck, now_ms),
        )
        return _Call(replace(outcome, headers=headers), hold)

    def _position_before(self, incident: Incident) -> Position:
        request = incident.request
        tokens = 0 if self.config.tokens_per_minute is None else incident.tokens()
        return self._books.position(request.account, request.model, incident.now_ms, tokens)

    def _begin(self, task_id: str, request: Request, luck: Luck, now_ms: int) -> tuple[str, ...]:
        """Begin the images a call asks for, if any; return their URLs, if the call is held open."""
        if not isinstance(request, ImageRequest):
            return ()
        self.gallery.begin(task_id, request, luck, now_ms)
        return () if request.in_task else self.gallery.urls(task_id, now_ms)

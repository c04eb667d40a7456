"""A provider's memory: what was spent, what is under way, and the next draw of its luck.

It knows one chat call from its arrival to its end; it knows nothing of HTTP, and it never waits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from random import Random

from runner.providers.simulator.allowance import Allowance, quota_day
from runner.providers.simulator.answers import fingerprint
from runner.providers.simulator.config import SimulatorConfig
from runner.providers.simulator.decision import decide, quota_headers
from runner.providers.simulator.faults import Incident, refuse
from runner.providers.simulator.luck import Luck, draw
from runner.providers.simulator.outcome import Outcome
from runner.providers.simulator.problems import Problem
from runner.providers.simulator.requests import ChatRequest, check
from runner.providers.simulator.stats import Stats, Tally


class Simulator:
    """A ModelScope of our own.

    Args:
        config: What it is like.
        now: Its clock: integer milliseconds since the epoch, UTC.
    """

    def __init__(self, config: SimulatorConfig, now: Callable[[], int]) -> None:
        self.config = config
        self.now = now
        self._allowance = Allowance(config)
        self._random = Random(config.seed)  # noqa: S311 - must be repeatable, not secret
        self._tally = Tally()
        self._arrivals = 0

    @contextmanager
    def call(self, token: str | None, body: bytes) -> Iterator[Outcome]:
        """Take in one chat call and yield its fate; the call is in flight inside the block.

        It is decided, and spends, on arrival: a caller who gives up waiting has spent it all the
        same. It counts as answered only if the block is left without an exception.
        """
        now_ms = self.now()
        day = quota_day(now_ms, self.config.reset_late_s)
        request = check(self.config, token, body)
        outcome = self._decide(token or "", request, now_ms)
        self._tally.arrived(day, outcome)
        try:
            yield outcome
            if outcome.kind == "answer" and isinstance(request, ChatRequest):
                self._tally.answered(day, fingerprint(request.messages))
        finally:
            self._tally.left(outcome)

    def stats(self) -> Stats:
        """Return what the provider has seen so far."""
        return self._tally.stats(self.now())

    def request_id(self) -> str:
        """Return an id for the next reply: a function of the seed and of what came before."""
        self._arrivals += 1
        seed = f"{self.config.seed}:{self._arrivals}".encode()
        return hashlib.sha256(seed).hexdigest()[:32]

    def _decide(self, account: str, request: ChatRequest | Problem, now_ms: int) -> Outcome:
        luck, request_id = draw(self.config, self._random), self.request_id()
        if isinstance(request, Problem):
            outcome = refuse(request, luck, request_id, self.config.latency_ms[0])
        else:
            outcome = self._serve(request, luck, request_id, now_ms)
        standing = self._allowance.standing(account, request.model, now_ms)
        headers = quota_headers(self.config, standing, outcome.status)
        return replace(outcome, headers=headers)

    def _serve(self, request: ChatRequest, luck: Luck, request_id: str, now_ms: int) -> Outcome:
        incident = Incident(self.config, request, luck, request_id, now_ms)
        standing = self._allowance.standing(request.account, request.model, now_ms)
        outcome = decide(incident, standing, self._tally.busy)
        if outcome.spends:
            self._allowance.spend(request.account, request.model, now_ms)
        return outcome

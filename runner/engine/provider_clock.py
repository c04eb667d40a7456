"""The provider's clock, by whose days allowances are counted.

The provider is asked for the time, at no cost, before the first call and whenever our clock has
jumped: it was set, or the machine slept. Only another clock can show which of the two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import anyio

from runner.clock import Clock
from runner.core.clock_skew import Skew, observed
from runner.core.renewal import CLOCK_TOLERANCE_MS
from runner.engine import event_log
from runner.engine.call import loop_ms
from runner.providers.endpoint import Endpoint
from runner.providers.hour import ask_hour

ASK_TIMEOUT_S = 3.0
# The least time between two inquiries after contradicting replies, which two providers with
# different clocks may send all the time.
LEAST_BETWEEN_MS = 60_000
# The requests of one inquiry, and the time between them.
MOST_ASKS = 4
ASK_EVERY_S = 0.6


class ProviderClock:
    """Our clock, corrected by the Dates of replies."""

    def __init__(
        self, clock: Clock, endpoints: Sequence[Endpoint], wake: Callable[[], None]
    ) -> None:
        self._clock = clock
        self._endpoints = [endpoint for endpoint in endpoints if _counts_days(endpoint)]
        self._wake = wake
        self._skew = Skew()
        self._difference: int | None = None  # between our clock and the loop's
        self._must_ask = anyio.Event()
        self._asked_at = 0  # by the loop's clock (ms)
        self._known = anyio.Event()
        if not self._endpoints:
            self._known.set()

    @property
    def tick_s(self) -> float:
        """The longest sleep, in seconds, before the clock must be read again."""
        return self._clock.tick_s

    @property
    def is_known(self) -> bool:
        """Whether the provider was asked since our clock last jumped, so that the time is known.

        Until then no call should start, as it might be counted on a wrong day.
        """
        return self._known.is_set()

    @property
    def skew_ms(self) -> int:
        """How far the provider's clock is known to be ahead of ours, in ms."""
        return self._skew.ms

    @property
    def is_sure(self) -> bool:
        """Whether the provider itself has confirmed the time."""
        return self._skew.is_confirmed

    def now(self) -> int:
        """Returns the present moment by the provider's clock (ms since the epoch)."""
        return self._clock.now() + self._skew.ms

    async def known_now(self) -> int:
        """Returns the present moment once it is known (ms since the epoch)."""
        self.check_jump()
        while not self.is_known:
            await self._known.wait()
        return self.now()

    def check_jump(self) -> None:
        """Detects a jump of our clock, by comparison with the loop's monotonic clock."""
        difference = self._clock.now() - loop_ms()
        before, self._difference = self._difference, difference
        if before is not None and abs(difference - before) > CLOCK_TOLERANCE_MS:
            self._invalidate()

    def learn(self, date: int | None, sent_at: int, ended_at: int) -> None:
        """Learns from the Date of a reply; the moments of the call are by this clock."""
        # The Date of a slow reply, as over a laptop's sleep, says nothing about clocks.
        if date is None or not 0 <= ended_at - sent_at < CLOCK_TOLERANCE_MS:
            return
        if abs(date - ended_at) <= CLOCK_TOLERANCE_MS and self._skew.is_confirmed:
            return
        self._observe(date, ended_at - self._skew.ms)
        if self._skew.other is not None and loop_ms() - self._asked_at >= LEAST_BETWEEN_MS:
            self._must_ask.set()

    async def run(self) -> None:
        """Asks for the time whenever it is uncertain, until it is cancelled."""
        if not self._endpoints:
            return
        self._invalidate()
        while True:
            await self._must_ask.wait()
            self._must_ask = anyio.Event()
            await self._ask()
            if not self._must_ask.is_set():  # our clock has not jumped meanwhile
                self._known.set()
            self._wake()

    def _invalidate(self) -> None:
        if not self._endpoints:
            return
        if self.is_known:
            self._known = anyio.Event()
        self._must_ask.set()

    async def _ask(self) -> None:
        """Asks for the time until one is confirmed, or no provider answers."""
        self._asked_at = loop_ms()
        for number in range(MOST_ASKS):
            if number:
                await anyio.sleep(ASK_EVERY_S)
            endpoint = self._endpoints[number % len(self._endpoints)]
            date = await ask_hour(endpoint, ASK_TIMEOUT_S)
            if date is None and number >= len(self._endpoints) - 1:
                return
            if date is not None:
                self._observe(date, self._clock.now())
                if self._skew.is_confirmed:
                    return

    def _observe(self, date: int, ours: int) -> None:
        before = self._skew.ms
        self._skew = observed(self._skew, date, ours, loop_ms())
        if self._skew.ms != before:
            event_log.clock_skewed(self._skew.ms)


def _counts_days(endpoint: Endpoint) -> bool:
    """Whether the account has an allowance that depends on the time of day."""
    account = endpoint.account
    daily = any(q.limit is not None and q.period.resets for q in account.quotas)
    return daily or account.credits is not None

"""Servers that bear so much and no more, and an engine that calls them in simulated time.

A server is asked once for each call, when it arrives there, and says at once what becomes of it.
The engine works in turns, as the real one: what has ended since the last turn is settled
together, then as many calls start as the controller has room for.
"""

import heapq
import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Protocol

import pytest

from runner.core import controller
from runner.core.controller_state import Controller

START = 1_800_000_000_000
REFUSING_MS = 1.0
UNLIMITED = 1 << 30
# Coverage is measured with one of them: it triples the time that they take.
SEEDS = (1, *(pytest.param(seed, marks=pytest.mark.no_cover) for seed in (2, 3)))
Times = Callable[[], float]


@dataclass(frozen=True)
class Reply:
    """What becomes of a call: it is answered, or refused, `ms` after it came."""

    ms: float
    refused: bool = False
    wait_ms: int | None = None


def refusal(wait_ms: float | None = None) -> Reply:
    """Too many requests; a wait is told in whole seconds, as Retry-After does."""
    return Reply(REFUSING_MS, True, None if wait_ms is None else math.ceil(wait_ms / 1_000) * 1_000)


class Server(Protocol):
    """What is called."""

    def arrive(self, now: float) -> Reply:
        """A call comes at `now` (ms)."""


def jittered(random: Random, ms: float, part: float = 0.15) -> Times:
    """About `ms`, evenly within `part` of it."""
    return lambda: ms * random.uniform(1 - part, 1 + part)


def lognormal(random: Random, median_ms: float, sigma: float = 0.8) -> Times:
    """What replies of very different lengths take; the mean is exp(sigma² / 2) medians."""
    return lambda: median_ms * math.exp(random.gauss(0, sigma))


@dataclass
class Bears:
    """It works on `number` calls at a time, and refuses what comes beside them."""

    number: Callable[[float], int]
    times: Times
    wait_ms: int | None = None
    under_way: list[float] = field(default_factory=list)

    def arrive(self, now: float) -> Reply:
        while self.under_way and self.under_way[0] <= now:
            heapq.heappop(self.under_way)
        if len(self.under_way) >= self.number(now):
            return refusal(self.wait_ms)
        ms = self.times()
        heapq.heappush(self.under_way, now + ms)
        return Reply(ms)


@dataclass
class Queues:
    """It works on `number` calls at a time, and lets the others wait."""

    number: int
    times: Times
    free_at: list[float] = field(default_factory=list)

    def arrive(self, now: float) -> Reply:
        free_at = heapq.heappop(self.free_at) if len(self.free_at) == self.number else now
        ends_at = max(free_at, now) + self.times()
        heapq.heappush(self.free_at, ends_at)
        return Reply(ends_at - now)


@dataclass
class Bucket:
    """A token bucket: `rate` tokens a second, `burst` at most."""

    rate: float
    burst: float
    times: Times
    tells: bool = False
    tokens: float = math.inf
    at: float = 0.0

    def arrive(self, now: float) -> Reply:
        self.tokens = min(self.burst, self.tokens + (now - self.at) * self.rate / 1_000)
        self.at = now
        if self.tokens < 1 - 1e-9:
            return refusal((1 - self.tokens) / self.rate * 1_000 if self.tells else None)
        self.tokens -= 1
        return Reply(self.times())


@dataclass
class FixedWindow:
    """`limit` calls from each full `ms` to the next; the first window has begun `begun_ms` ago."""

    limit: int
    ms: int
    times: Times
    tells: bool = False
    begun_ms: int = 0
    window: float = -1.0
    used: int = 0

    def arrive(self, now: float) -> Reply:
        window = (now + self.begun_ms) // self.ms
        if window != self.window:
            self.window, self.used = window, 0
        if self.used >= self.limit:
            left = (window + 1) * self.ms - now - self.begun_ms
            return refusal(left if self.tells else None)
        self.used += 1
        return Reply(self.times())


@dataclass
class SlidingWindow:
    """`limit` calls in any `ms`."""

    limit: int
    ms: int
    times: Times
    tells: bool = False
    taken: deque[float] = field(default_factory=deque)

    def arrive(self, now: float) -> Reply:
        while self.taken and self.taken[0] <= now - self.ms:
            self.taken.popleft()
        if len(self.taken) >= self.limit:
            return refusal(self.taken[0] + self.ms - now if self.tells else None)
        self.taken.append(now)
        return Reply(self.times())


@dataclass
class Nginx:
    """`limit_req rate=… burst=…`, with or without `nodelay`; what is refused does not count."""

    rate: float
    burst: int
    times: Times
    delays: bool = False
    excess: float = 0.0
    last: float | None = None

    def arrive(self, now: float) -> Reply:
        if self.last is not None:
            excess = max(0.0, self.excess - self.rate * (now - self.last) / 1_000 + 1)
            if excess > self.burst:
                return refusal()
            self.excess = excess
        self.last = now
        return Reply((self.excess / self.rate * 1_000 if self.delays else 0) + self.times())


@dataclass
class HAProxy:
    """`deny if { sc_http_req_rate(0) gt … }`: its sliding estimate counts what it denies, too."""

    limit: int
    ms: int
    times: Times
    begun_at: float = 0.0
    now: int = 0
    before: int = 0

    def arrive(self, now: float) -> Reply:
        periods = int((now - self.begun_at) // self.ms)
        if periods:
            self.before, self.now = (self.now if periods == 1 else 0), 0
            self.begun_at += periods * self.ms
        self.now += 1
        left = 1 - (now - self.begun_at) / self.ms
        if self.now + int(self.before * left) > self.limit:
            return refusal()
        return Reply(self.times())


@dataclass
class Outage:
    """A server that refuses everything from `begin` until `end`."""

    server: Server
    begin: float
    end: float

    def arrive(self, now: float) -> Reply:
        return refusal() if self.begin <= now < self.end else self.server.arrive(now)


@dataclass
class Run:
    """What came of it. Moments are ms since the beginning."""

    state: Controller
    starts: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)
    refusals: list[float] = field(default_factory=list)
    holds: list[tuple[float, int]] = field(default_factory=list)  # a refusal, the wait it named
    in_flight: list[tuple[float, int]] = field(default_factory=list)  # after each turn

    def answered(self, begin_s: float = 0, end_s: float = math.inf) -> int:
        return sum(begin_s * 1_000 <= at < end_s * 1_000 for at in self.answers)

    @property
    def refused_part(self) -> float:
        return len(self.refusals) / (len(self.refusals) + len(self.answers))

    def mean_in_flight(self, begin_s: float) -> float:
        """Over time, from `begin_s` on."""
        area, last, was = 0.0, begin_s * 1_000, 0
        for at, number in self.in_flight:
            if at > last:
                area, last = area + was * (at - last), at
            was = number
        return area / (last - begin_s * 1_000)

    def first(self, number: int) -> float:
        """When so many were in flight, in seconds."""
        return next(at for at, now in self.in_flight if now >= number) / 1_000


@dataclass
class Engine:
    """Turns, up to `turn_ms` after something has ended; a network of some milliseconds."""

    server: Server
    random: Random
    turn_ms: float = 5.0
    network_ms: tuple[float, float] = (0.5, 4.0)
    demand: Callable[[float], int] = lambda _: UNLIMITED
    events: list[tuple[float, int, str, int, Reply | None]] = field(default_factory=list)
    ended: list[tuple[int, Reply]] = field(default_factory=list)
    order: Iterator[int] = field(default_factory=count)
    turn_at: float = math.inf
    flying: int = 0

    def run(self, state: Controller, seconds: float) -> Run:
        run = Run(state)
        self._wake(0.0)
        while self.events:
            now, _, kind, sent, reply = heapq.heappop(self.events)
            if now > seconds * 1_000:
                break
            if kind == "arrives":
                reply = self.server.arrive(now)
                self._later(now + reply.ms + self._way(), "ends", sent, reply)
            elif reply is not None:
                self.ended.append((sent, reply))
                self._wake(now + self.random.uniform(0, self.turn_ms))
            elif now == self.turn_at:
                self._turn(run, now)
        return run

    def _turn(self, run: Run, now: float) -> None:
        self.turn_at, moment = math.inf, START + int(now)
        self._settle(run, now, moment)
        free, until = controller.room(run.state, self.flying, moment)
        assert free >= 0
        assert until is None or until > moment
        wanted = min(free, self.demand(now))
        if free and not wanted:
            self._wake(now + 100)
        elif free:
            free = wanted
            self.flying += free
            run.state = controller.started(run.state, free, moment, self.flying)
            run.starts += [now] * free
            for _ in range(free):
                self._later(now + self._way(), "arrives", moment)
            self._wake(now + 1)
        elif until is not None:
            self._wake(max(now, until - START) + self.random.uniform(0, 2))
        run.in_flight.append((now, self.flying))

    def _settle(self, run: Run, now: float, moment: int) -> None:
        beside, answered = self.flying, []
        for sent, reply in self.ended:
            if reply.refused:
                beside -= 1
                run.refusals.append(now)
                if reply.wait_ms is not None:
                    run.holds.append((now, reply.wait_ms))
                run.state = controller.throttled(run.state, sent, reply.wait_ms, moment, beside)
            else:
                answered.append(sent)
                run.answers.append(now)
        self.flying -= len(self.ended)
        self.ended = []
        if answered:
            run.state = controller.answered(run.state, answered, moment, self.flying)

    def _way(self) -> float:
        return self.random.uniform(*self.network_ms)

    def _wake(self, at: float) -> None:
        if at < self.turn_at:
            self.turn_at = at
            self._later(at, "turn", 0)

    def _later(self, at: float, kind: str, sent: int, reply: Reply | None = None) -> None:
        heapq.heappush(self.events, (at, next(self.order), kind, sent, reply))

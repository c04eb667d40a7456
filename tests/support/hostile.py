"""A hostile month: what befalls a runner on each day, and how much of each day is used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, NamedTuple

import anyio
import httpx
import orjson

from runner.core.demand import Rules
from runner.core.pacing import Pace
from runner.engine.run import Run, RunOptions
from runner.simulator import SimulatorTransport, build_app
from tests.support.world import EVENING, MODEL, UTC8, World, ms

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
EARLY_S, LATE_S = -20 * 60, 90 * 60
FALSE_REFUSAL = "You have exceeded today's quota, please try again tomorrow"
REMAINING = "modelscope-ratelimit-requests-remaining"


@dataclass(frozen=True)
class Hostility:
    """What happens in a month.

    Attributes:
        days: How many.
        limit: Calls a day, where it is not changed.
        lies: The share of replies whose headers say that nothing is left.
        false_refusals: How many a day.
        stranger: At most so much of a day's limit is somebody else's.
        changes: Whether limits are halved and doubled in mid-day.
        resets: Seconds by which each day ends late, over and over.
        asleep: Whether the machine sleeps over noon.
        headers: Whether replies tell what is left.
    """

    seed: int = 0
    days: int = 31
    limit: int = 100
    lies: float = 0.01
    false_refusals: int = 1
    stranger: float = 0.3
    changes: bool = True
    resets: tuple[int, ...] = (0, EARLY_S, LATE_S)
    asleep: bool = True
    headers: bool = True
    pace: Pace = Pace.AUTO

    def random(self, what: str) -> Random:
        return Random(f"{self.seed}:{what}")

    def limit_changes(self) -> tuple[tuple[int, int], ...]:
        """Every third day the limit is halved or doubled in mid-day; the next is as before."""
        random, found = self.random("limits"), list[tuple[int, int]]()
        for day in range(1, self.days, 3):
            at = ms(EVENING) + day * DAY + random.randrange(9 * HOUR, 16 * HOUR)
            found.append((at, random.choice((self.limit // 2, self.limit * 2))))
            found.append((ms(EVENING) + (day + 1) * DAY + 6 * HOUR, self.limit))
        return tuple(found) if self.changes else ()

    def provider(self) -> dict[str, Any]:
        """How the simulator is configured."""
        return {
            "calls_per_day": self.limit,
            "limit_changes": self.limit_changes(),
            "reset_shifts_s": self.resets,
            "headers": self.headers,
            "seed": self.seed,
        }


class DayUsed(NamedTuple):
    """A day: its limit at its end, the share of it that was used, and our refused calls."""

    name: str
    limit: int
    used: float
    refused: int


@dataclass
class Month:
    """One run through it, and the books of the provider."""

    world: World
    hostility: Hostility
    refused: Counter[str] = field(default_factory=Counter)  # our calls, by the day of UTC+8
    days: list[DayUsed] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._inner = SimulatorTransport(build_app(self.world.simulator))
        self._random = self.hostility.random("replies")
        self._due = sorted(self._moments("refusals", self.hostility.false_refusals))

    def _moments(self, what: str, a_day: int) -> Iterator[int]:
        random = self.hostility.random(what)
        for day in range(self.hostility.days):
            for _ in range(a_day):
                yield ms(EVENING) + day * DAY + random.randrange(DAY)

    async def answer(self, request: httpx.Request) -> httpx.Response:
        """What our calls meet."""
        if request.method != "POST":
            return await self._inner.handle_async_request(request)
        while self._due[1:] and self.world.clock.now() >= self._due[1]:
            self._due.pop(0)  # while no call was made, only one was waiting to be refused
        if self._due and self.world.clock.now() >= self._due[0]:
            self._due.pop(0)
            reply = httpx.Response(429, json={"errors": {"message": FALSE_REFUSAL}})
        else:
            reply = await self._inner.handle_async_request(request)
            if self._random.random() < self.hostility.lies and REMAINING in reply.headers:
                reply.headers[REMAINING] = "0"
        if reply.status_code == 429:
            self.refused[f"{self.world.local():%Y-%m-%d}"] += 1
        return reply

    async def stranger(self) -> None:
        """Calls of somebody else on the account, in bursts."""
        random, world = self.hostility.random("stranger"), self.world
        limit = self.hostility.limit
        body = orjson.dumps({"model": MODEL, "messages": [{"role": "user", "content": "hello"}]})
        plan = sorted(
            ms(EVENING) + day * DAY + random.randrange(DAY)
            for day in range(self.hostility.days)
            for _ in range(random.randrange(1 + int(limit * self.hostility.stranger)))
        )
        for moment in plan:
            await self._until(moment)
            call = world.simulator.begin("mine", body)
            world.simulator.end(call, answered=True)

    async def sleep(self) -> None:
        """The machine is shut at eleven, and opened at two."""
        for day in range(self.hostility.days):
            await self._until(ms(EVENING) + day * DAY + 11 * HOUR)
            if self.hostility.asleep:
                self.world.clock.jump(3 * HOUR)

    async def _until(self, moment: int) -> None:
        while (left := moment - self.world.clock.now()) > 0:  # noqa: ASYNC110 - a clock may jump
            await anyio.sleep(min(left / 1000, 300))

    async def live(self) -> None:
        """Let it all happen, with more work than can be done."""
        days = self.hostility.days
        await self.world.queue(days * self.hostility.limit * 2)
        transport = httpx.MockTransport(self.answer)
        async with (
            self.world.engine(transport=transport) as engine,
            anyio.create_task_group() as tasks,
        ):
            run = Run(RunOptions(rules=Rules(self.hostility.pace)))
            tasks.start_soon(self.stranger)
            tasks.start_soon(self.sleep)

            async def stop() -> None:
                await self._until(ms(EVENING) + days * DAY)
                engine.stop(run)

            tasks.start_soon(stop)
            await engine.run(run)
            tasks.cancel_scope.cancel()
        self._reckon()

    def _reckon(self) -> None:
        """The share of each whole day's allowance that was used, by anybody; our refusals."""
        stats = self.world.simulator.stats()
        for day in range(1, self.hostility.days - 1):
            begun = datetime.fromtimestamp(ms(EVENING) / 1000, UTC8) + timedelta(days=day)
            end = ms(EVENING) + (day + 1) * DAY - HOUR // 2
            limit = self.world.simulator.config.day_limit(end) or 0
            name = f"{begun:%Y-%m-%d}"
            used = min(1.0, stats.by_day[name].spent / limit)
            self.days.append(DayUsed(name, limit, used, self.refused[name]))

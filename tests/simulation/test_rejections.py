"""A provider that rejects everything from some moment on: whole runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from runner.core.demand import Rules
from runner.core.pacing import Pace
from runner.core.states import BatchState
from runner.core.stop_reason import StopReason
from runner.core.time_units import MINUTE_MS
from runner.engine.run import RunOptions
from runner.errors import UnauthorisedError
from runner.store import batch_updates
from runner.store.batches import Batch
from tests.support.world import World, simulate

ASAP = RunOptions(rules=Rules(Pace.ASAP))
ANSWER = {"choices": [{"finish_reason": "stop", "message": {"content": "a"}}]}


def answered() -> httpx.Response:
    return httpx.Response(200, json=ANSWER)


def rejected(status: int, number: int) -> httpx.Response:
    return httpx.Response(status, json={"error": {"message": f"request {number} not allowed"}})


Script = Callable[[int], httpx.Response]


class Provider:
    """Answers its n-th call as a script says; counts them."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.calls = 0

    def __call__(self, _request: httpx.Request) -> httpx.Response:
        self.calls += 1
        return self.script(self.calls)


async def drain(world: World, provider: Provider, at_once: int = 8) -> StopReason:
    transport = httpx.MockTransport(provider)
    return await world.run(
        ASAP,
        provider="openai-compatible",
        transport=transport,
        max_concurrency=at_once,
    )


async def failed_by_round(world: World, provider: Provider, batch: Batch, rounds: int) -> list[int]:
    """Drains the batch and resumes it; returns how many rows had failed after each round."""
    failed = []
    for _ in range(rounds):
        await drain(world, provider, 1)
        failed.append((await world.batch(batch)).counts.failed)
        async with world.database.write() as connection:
            await batch_updates.set_batch_state(connection, batch.id, BatchState.ACTIVE)
    return failed


@pytest.mark.parametrize("status", [400, 405, 422])
@pytest.mark.parametrize("at_once", [1, 8])
def test_rejections_from_some_moment_on_pause_the_batch_and_fail_no_row(
    tmp_path: Path, status: int, at_once: int
) -> None:
    provider = Provider(lambda n: answered() if n <= 50 else rejected(status, n))

    async def story(world: World) -> None:
        batch = await world.queue(400)
        await drain(world, provider, at_once)
        paused = await world.batch(batch)
        assert paused.state is BatchState.PAUSED
        assert f"HTTP {status}, request" in paused.pause_reason
        assert (paused.counts.succeeded, paused.counts.failed) == (50, 0)
        assert provider.calls <= 50 + 5 + at_once
        assert await world.defects() == []
        provider.script = lambda _n: answered()
        async with world.database.write() as connection:
            await batch_updates.set_batch_state(connection, batch.id, BatchState.ACTIVE)
        assert await drain(world, provider) is StopReason.DONE
        assert (await world.batch(batch)).counts.succeeded == 400
        assert await world.defects() == []

    simulate(tmp_path, story)


def test_a_batch_that_is_resumed_although_nothing_has_changed_stops_again_and_rows_of_old_fail(
    tmp_path: Path,
) -> None:
    """Or rows that the provider will never take would keep a batch from its end."""
    provider = Provider(lambda n: rejected(400, n))

    async def story(world: World) -> None:
        batch = await world.queue(8)
        failed = await failed_by_round(world, provider, batch, 4)
        assert failed[0] == 0
        assert failed[-1] == 8
        assert await world.defects() == []

    simulate(tmp_path, story)


def refused_account(_number: int) -> httpx.Response:
    return httpx.Response(401, json={"error": {"message": "invalid token"}})


@pytest.mark.parametrize("at_once", [1, 8])
def test_an_account_that_is_refused_for_a_moment_goes_on(tmp_path: Path, at_once: int) -> None:
    async def story(world: World) -> None:
        batch, refused_since = await world.queue(60), list[int]()

        def script(number: int) -> httpx.Response:
            if number > 20:
                refused_since.append(world.clock.now())
            ends = refused_since[0] + 20_000 if refused_since else 0
            return refused_account(number) if world.clock.now() < ends else answered()

        provider = Provider(script)
        assert await drain(world, provider, at_once) is StopReason.DONE
        assert (await world.batch(batch)).counts.succeeded == 60
        assert await world.defects() == []

    simulate(tmp_path, story)


def test_an_account_that_stays_refused_ends_the_run_within_a_minute(tmp_path: Path) -> None:
    provider = Provider(lambda n: answered() if n <= 20 else refused_account(n))

    async def story(world: World) -> None:
        batch, began = await world.queue(60), world.clock.now()
        with pytest.raises(UnauthorisedError):
            await drain(world, provider, 1)
        assert world.clock.now() - began < 3 * MINUTE_MS
        assert provider.calls <= 24
        counts = (await world.batch(batch)).counts
        assert (counts.ready, counts.failed) == (40, 0)

    simulate(tmp_path, story)


def test_bad_rows_among_good_ones_fail_alone(tmp_path: Path) -> None:
    mixed = Provider(lambda n: rejected(400, n) if n % 5 else answered())

    async def story(world: World) -> None:
        batch = await world.queue(100)
        assert await drain(world, mixed, 1) is StopReason.DONE
        assert (await world.batch(batch)).counts.failed == 80

    simulate(tmp_path, story)


class FaultyBefore(Provider):
    """Answers every second row, and rejects each other one after a fault of its own."""

    def __init__(self) -> None:
        super().__init__(lambda n: rejected(400, n))
        self.seen = set[bytes]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if any(b"letters %d?" % number in request.content for number in range(1, 12, 2)):
            return answered()
        if request.content in self.seen:
            return super().__call__(request)
        self.seen.add(request.content)
        return httpx.Response(500, json={"error": {"message": "a fault"}})


def test_rows_with_faults_before_the_rejections_fail_no_earlier_than_others(
    tmp_path: Path,
) -> None:
    provider = FaultyBefore()

    async def story(world: World) -> None:
        batch = await world.queue(12)
        failed = await failed_by_round(world, provider, batch, 3)
        assert (failed[0], failed[-1]) == (0, 6)
        assert (await world.batch(batch)).counts.succeeded == 6
        assert await world.defects() == []

    simulate(tmp_path, story)

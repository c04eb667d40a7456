"""A batch of which too many rows fail is paused before the rest of its calls are spent."""

from __future__ import annotations

from pathlib import Path

import httpx

from runner.core.demand import Rules
from runner.core.failing import JUDGED_ROWS
from runner.core.pacing import Pace
from runner.core.states import ApiBatchState, BatchState
from runner.core.stop_reason import StopReason
from runner.engine.run import RunOptions
from runner.store import api_batches, batch_updates
from runner.store.api_batches import ApiBatch
from runner.store.batches import Batch
from tests.support.world import World, pictures, simulate

ASAP = RunOptions(rules=Rules(Pace.ASAP))


class Provider:
    """Answers with a label, or with something else; counts its calls."""

    def __init__(self) -> None:
        self.text = "none of the labels"
        self.calls = 0

    def __call__(self, _request: httpx.Request) -> httpx.Response:
        self.calls += 1
        choice = {"finish_reason": "stop", "message": {"content": self.text}}
        return httpx.Response(200, json={"choices": [choice]})


async def drain(world: World, provider: Provider, most_failed: float = 0.5) -> StopReason:
    return await world.run(
        ASAP,
        provider="openai-compatible",
        transport=httpx.MockTransport(provider),
        max_concurrency=4,
        most_failed=most_failed,
    )


async def resume(world: World, batch: Batch) -> None:
    async with world.database.write() as connection:
        await batch_updates.set_batch_state(connection, batch.id, BatchState.ACTIVE)


def test_a_batch_of_which_too_many_rows_fail_is_paused_and_judged_anew_when_resumed(
    tmp_path: Path,
) -> None:
    provider = Provider()

    async def story(world: World) -> None:
        batch = await world.queue(600)
        await drain(world, provider)
        first = await world.batch(batch)
        assert first.state is BatchState.PAUSED
        assert first.pause_reason.endswith("rows have failed")
        assert JUDGED_ROWS <= first.counts.failed < JUDGED_ROWS + 8
        await resume(world, batch)
        provider.text = "a"
        assert await drain(world, provider) is StopReason.DONE
        last = await world.batch(batch)
        assert last.counts.succeeded == 600 - first.counts.failed
        assert await world.defects() == []

    simulate(tmp_path, story)


def test_a_share_of_one_lets_every_row_fail(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        batch = await world.queue(120)
        assert await drain(world, Provider(), most_failed=1.0) is StopReason.DONE
        assert (await world.batch(batch)).counts.failed == 120

    simulate(tmp_path, story)


def test_one_batch_that_fails_does_not_hold_up_another(tmp_path: Path) -> None:
    class Halved(Provider):
        def __call__(self, request: httpx.Request) -> httpx.Response:
            self.text = "a" if b"good" in request.content else "none of the labels"
            return super().__call__(request)

    async def story(world: World) -> None:
        bad, good = await world.queue(200, name="bad"), await world.queue(200, name="good")
        await drain(world, Halved())
        assert (await world.batch(bad)).state is BatchState.PAUSED
        assert (await world.batch(good)).counts.succeeded == 200

    simulate(tmp_path, story)


def test_a_batch_of_a_client_ends_with_the_error_of_every_row(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        batch = await world.queue(120)
        entry = ApiBatch(
            "batch_1",
            "ada",
            ApiBatchState.IN_PROGRESS,
            "file_1",
            "/v1/chat/completions",
            "24h",
            world.clock.now(),
        )
        async with world.database.write() as connection:
            await api_batches.add(connection, entry)
            await api_batches.change(connection, entry.id, batch_id=batch.id)
        assert await drain(world, Provider()) is StopReason.DONE
        assert (await world.batch(batch)).counts.failed == 120

    simulate(tmp_path, story)


def test_a_batch_of_which_every_image_fails_is_paused_too(tmp_path: Path) -> None:
    """An image fails long after its call, in a task."""

    async def story(world: World) -> None:
        batch = await world.queue(300, job=pictures(tmp_path / "made"))
        await world.run(ASAP, most_failed=0.5, max_concurrency=4)
        paused = await world.batch(batch)
        assert paused.state is BatchState.PAUSED
        assert paused.pause_reason.endswith("rows have failed")
        assert world.simulator.stats().images < 150
        assert await world.defects() == []

    simulate(tmp_path, story, calls_per_day=400, faults={"task_failed": 1.0})

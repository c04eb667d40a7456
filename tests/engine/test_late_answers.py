"""Answers to calls that were settled before, as another process took their runner for dead."""

from __future__ import annotations

from pathlib import Path

import anyio
import httpx

from runner.core.demand import Rules
from runner.core.pacing import Pace
from runner.core.stop_reason import StopReason
from runner.engine.run import Run, RunOptions
from runner.store.rescue import rescue
from tests.support.world import World, simulate

SECONDS = {b"letters 10?": 30, b"letters 11?": 10, b"letters 12?": 20}


async def answer(request: httpx.Request) -> httpx.Response:
    await anyio.sleep(next((s for row, s in SECONDS.items() if row in request.content), 1))
    choice = {"finish_reason": "stop", "message": {"content": "a"}}
    return httpx.Response(200, json={"choices": [choice]})


def test_a_late_answer_ends_a_row_that_is_read_ahead_to_be_asked_again(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        batch = await world.queue(20)
        async with (
            world.engine(
                provider="openai-compatible",
                transport=httpx.MockTransport(answer),
                max_concurrency=3,
            ) as engine,
            anyio.create_task_group() as tasks,
        ):

            async def other_process() -> None:
                await anyio.sleep(8)
                async with world.database.write() as connection:
                    assert await rescue(connection, 1, world.clock.now()) == 3
                engine.reread()

            tasks.start_soon(other_process)
            assert await engine.run(Run(RunOptions(rules=Rules(Pace.ASAP)))) is StopReason.DONE
        assert (await world.batch(batch)).counts.succeeded == 20
        assert await world.defects() == []

    simulate(tmp_path, story)

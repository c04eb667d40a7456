"""Compiled job files: what a user changes of a batch counts while it runs."""

from __future__ import annotations

from pathlib import Path

import anyio
import httpx
import pytest

from runner.core.demand import Rules
from runner.core.pacing import Pace
from runner.engine.handlers.base import JobRow
from runner.engine.handlers.chat import BROKE_OFF, ChatHandler
from runner.engine.run import Run, RunOptions
from runner.jobfile import parse
from runner.store import batch_updates
from runner.store.batches import NewBatch
from tests.support.world import JOB, MODEL, World, simulate


async def no_label(_request: httpx.Request) -> httpx.Response:
    await anyio.sleep(1)
    choice = {"finish_reason": "stop", "message": {"content": "none of the labels"}}
    return httpx.Response(200, json={"choices": [choice]})


def test_limits_that_are_changed_while_a_batch_runs_count_from_then_on(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        batch = await world.queue(20)
        async with (
            world.engine(
                provider="openai-compatible",
                transport=httpx.MockTransport(no_label),
                max_concurrency=1,
            ) as engine,
            anyio.create_task_group() as tasks,
        ):

            async def change() -> None:
                await anyio.sleep(50)  # each row is asked for the third time after 40 s
                job = parse(JOB.format(model=MODEL) + "max_asks = 1\n", "letters.toml")
                new = NewBatch("letters", "d", (MODEL,), job.to_json(), "in.csv", '["text"]', 20)
                async with world.database.write() as connection:
                    await batch_updates.set_job(connection, batch, new)
                engine.reread()

            tasks.start_soon(change)
            await engine.run(Run(RunOptions(rules=Rules(Pace.ASAP))))
        errors = [(row.error or "").partition(":")[0] for row in await world.rows(batch)]
        assert (errors[0], errors[-1]) == (
            "no valid answer in 3 replies",
            "no valid answer in 1 reply",
        )

    simulate(tmp_path, story)


@pytest.mark.parametrize("why", [BROKE_OFF, "the reply broke off at its limit of tokens"])
def test_a_truncated_reply_gets_more_room_whichever_release_stored_it(
    tmp_path: Path, why: str
) -> None:
    job = parse(JOB.format(model=MODEL) + "[parameters]\nmax_tokens = 10\n", "letters.toml")
    row = JobRow('{"text": "a"}', (("a", f'{why}: "a…"'),))
    question = anyio.run(ChatHandler(job, tmp_path).prepare, row)
    assert question.broke_off
    assert all("broke off" not in str(message) for message in question.messages)

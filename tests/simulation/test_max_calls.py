"""`max_calls` of a batch limits the calls that may have reached a provider."""

from __future__ import annotations

from pathlib import Path

import anyio
import httpx

from runner.core.demand import Rules
from runner.core.pacing import Pace
from runner.core.stop_reason import StopReason
from runner.engine.run import RunOptions
from runner.simulator import SimulatorTransport, build_app
from runner.store import batches, enqueue
from runner.store.batches import Batch, NewBatch
from tests.store.promises import broken_promises
from tests.support.world import World, simulate

OPTIONS = RunOptions(rules=Rules(Pace.ASAP))
NIGHT_S = 8 * 3_600


class Cable(httpx.AsyncBaseTransport):
    """A network that is away until somebody plugs it in."""

    def __init__(self, world: World) -> None:
        self.provider = SimulatorTransport(build_app(world.simulator))
        self.plugged_in = False
        self.attempts = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not self.plugged_in:
            self.attempts += request.method == "POST"
            raise httpx.ConnectError("name or service not known")
        return await self.provider.handle_async_request(request)


async def run_after_a_night(world: World) -> Cable:
    cable = Cable(world)

    async def plug_in() -> None:
        await anyio.sleep(NIGHT_S)
        cable.plugged_in = True

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(plug_in)
        assert await world.run(OPTIONS, transport=cable) is StopReason.DONE
    return cable


async def part_of(world: World, whole: Batch, *, rows: int) -> Batch:
    """A vote: a part of `whole` that asks its first rows once more."""
    new = NewBatch(
        "letters #2",
        f"{whole.digest}/2",
        whole.models,
        whole.job_json,
        whole.input,
        whole.columns_json,
        rows,
        max_calls=whole.max_calls,
        part_of=whole.id,
        part="vote 2",
        first_row=whole.first_row,
    )
    async with world.database.write() as connection:
        part = await batches.create_batch(connection, new, world.clock.now())
        return await enqueue.add_jobs(connection, part, 0, rows)


def test_calls_that_never_left_do_not_count_for_a_batch_and_its_parts(tmp_path: Path) -> None:
    """A night without a network has hundreds of them, and used up the limit of the batch."""

    async def story(world: World) -> None:
        batch = await world.queue(10, max_calls=20)
        part = await part_of(world, batch, rows=10)
        cable = await run_after_a_night(world)
        assert cable.attempts > 100
        whole, vote = await world.batch(batch), await world.batch(part)
        assert (whole.counts.succeeded, vote.counts.succeeded) == (10, 10)
        assert (whole.calls_made, vote.calls_made) == (20, 10)
        assert (whole.calls_left, vote.calls_left) == (0, 0)

    simulate(tmp_path, story)
    assert broken_promises(tmp_path / "queue.db") == []


def test_rows_of_which_nothing_can_be_asked_do_not_count(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        batch = await world.queue(10, max_calls=5)
        async with world.database.write() as connection:
            await connection.exec_driver_sql("UPDATE rows SET body = '{}' WHERE id <= 5")
        assert await world.run(OPTIONS, max_concurrency=1) is StopReason.DONE
        after = await world.batch(batch)
        assert (after.counts.succeeded, after.counts.failed) == (5, 5)
        assert after.calls_made == world.simulator.stats().calls == 5

    simulate(tmp_path, story)
    assert broken_promises(tmp_path / "queue.db") == []

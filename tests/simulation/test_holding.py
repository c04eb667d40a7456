"""A batch that a person pauses: its runner waits for it to be resumed, if it is to."""

from __future__ import annotations

from pathlib import Path

import anyio

from runner.core.states import BatchState
from runner.core.stop_reason import StopReason, WaitsFor
from runner.engine.run import RunOptions
from runner.store import batch_updates
from runner.store.batches import Batch
from tests.support.world import World, simulate


async def change(world: World, batch: Batch, state: BatchState, reason: str = "") -> None:
    async with world.database.write() as connection:
        await batch_updates.set_batch_state(connection, batch.id, state, reason)


def test_a_paused_batch_goes_on_in_the_same_run_when_it_is_resumed(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        batch = await world.queue(190)

        async def person() -> None:
            await anyio.sleep(4)
            await change(world, batch, BatchState.PAUSED)
            await anyio.sleep(7_200)
            calm = world.simulator.stats().calls
            assert calm < 190
            assert world.shown[-1].paused[0].id == batch.id
            await anyio.sleep(7_200)
            assert world.simulator.stats().calls == calm
            await change(world, batch, BatchState.ACTIVE)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(person)
            assert await world.run(RunOptions(waits_for=WaitsFor.PEOPLE)) is StopReason.DONE
        assert (await world.batch(batch)).done

    simulate(tmp_path, story)


def test_a_run_that_begins_with_paused_work_only_waits_for_it(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        batch = await world.queue(10)
        await change(world, batch, BatchState.PAUSED)
        held = (await world.batch(batch),)

        async def person() -> None:
            await anyio.sleep(3_600)
            await change(world, batch, BatchState.ACTIVE)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(person)
            assert (
                await world.run(RunOptions(waits_for=WaitsFor.PEOPLE, held=held)) is StopReason.DONE
            )
        assert (await world.batch(batch)).done

    simulate(tmp_path, story)


def test_a_batch_that_is_cancelled_while_it_is_paused_ends_the_run(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        batch = await world.queue(10)
        await change(world, batch, BatchState.PAUSED)
        held = (await world.batch(batch),)

        async def person() -> None:
            await anyio.sleep(3_600)
            await change(world, batch, BatchState.CANCELLED)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(person)
            assert (
                await world.run(RunOptions(waits_for=WaitsFor.PEOPLE, held=held)) is StopReason.DONE
            )
        assert world.simulator.stats().calls == 0

    simulate(tmp_path, story)


def test_a_run_that_does_not_hold_ends_and_so_does_one_whose_batch_has_a_reason(
    tmp_path: Path,
) -> None:
    async def story(world: World) -> None:
        batch = await world.queue(10)
        await change(world, batch, BatchState.PAUSED)
        assert await world.run(RunOptions()) is StopReason.DONE
        await change(world, batch, BatchState.PAUSED, "the model is gone")
        held = (await world.batch(batch),)
        assert await world.run(RunOptions(waits_for=WaitsFor.PEOPLE, held=held)) is StopReason.DONE

    simulate(tmp_path, story)

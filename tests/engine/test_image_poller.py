"""Polling of image tasks: what must not stop it, nor hold up the other work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import httpx

from runner.core.demand import Rules
from runner.core.pacing import Pace
from runner.core.stop_reason import StopReason
from runner.engine.image_poller import ImageTaskPoller
from runner.engine.progress import Progress
from runner.engine.provider_clock import ProviderClock
from runner.engine.run import Run, RunOptions
from runner.errors import StoreError
from runner.providers.account import Account
from runner.providers.endpoint import Endpoint
from runner.providers.presets import preset
from runner.providers.transport import open_transport
from runner.store import image_tasks
from runner.store.counts import Changes
from runner.store.image_tasks import ImageTask
from tests.support.world import World, pictures, simulate


async def stored_tasks(world: World) -> list[Any]:
    async with world.database.read() as connection:
        return list(await connection.exec_driver_sql("SELECT * FROM image_tasks"))


def test_an_image_that_another_runner_has_put_in_place_holds_up_nothing(tmp_path: Path) -> None:
    """Its file cannot be written here; the other has a folder of its own."""
    (tmp_path / "made" / "1-0001.png").mkdir(parents=True)

    async def story(world: World) -> None:
        batch = await world.queue(60, job=pictures(tmp_path / "made"))
        in_trouble = anyio.Event()

        def watch(progress: Progress) -> None:
            if progress.trouble:
                in_trouble.set()

        async with (
            world.engine(max_concurrency=1) as engine,
            anyio.create_task_group() as tasks,
        ):
            run = Run(RunOptions(rules=Rules(Pace.ASAP), watcher=watch))

            async def other_runner() -> None:
                await in_trouble.wait()
                [row] = [row for row in await stored_tasks(world) if row.job_id == batch.first_job]
                task = ImageTask(row.job_id, batch.id, row.call_id, "mine", "", row.started_at_ms)
                async with world.database.write() as connection:
                    changes = Changes()
                    await image_tasks.done(connection, task, "x.png", world.clock.now(), changes)
                    await changes.write(connection)
                engine.reread()

            tasks.start_soon(other_runner)
            with anyio.fail_after(3600):
                assert await engine.run(run) is StopReason.DONE
        assert (await world.batch(batch)).counts.succeeded == 60
        assert in_trouble.is_set()

    simulate(tmp_path, story)


def test_an_outcome_that_cannot_be_stored_ends_the_lease_and_not_the_poller(
    tmp_path: Path,
) -> None:
    failures: list[Exception | None] = [None, ZeroDivisionError(), ZeroDivisionError()]
    failures += [None, None, StoreError("damaged"), StoreError("damaged")]

    async def story(world: World) -> None:
        batch = await world.queue(1, job=pictures(tmp_path / "made"))
        task = ImageTask(batch.first_job, batch.id, 1, "mine", "t1", world.clock.now())
        async with world.database.write() as connection:
            await image_tasks.add(connection, [task])

        async def post(work: Any) -> Any:
            if failures and (failure := failures.pop(0)) is not None:
                raise failure
            changes = Changes()
            async with world.database.write() as connection:
                result = await work(connection, changes)
                await changes.write(connection)
            return result

        reply = httpx.MockTransport(lambda _request: httpx.Response(500))
        async with open_transport(reply) as transport, anyio.create_task_group() as tasks:
            account = Account("mine", preset("modelscope", {}), "http://test/v1", ())
            endpoints = {"mine": Endpoint(account, "mine", transport)}
            clock = ProviderClock(world.clock, [], lambda: None)
            poller = ImageTaskPoller(world.database, post, endpoints, clock, lambda: None)
            tasks.start_soon(poller.run, 1)
            await anyio.sleep(600)
            assert not failures
            [row] = await stored_tasks(world)
            assert row.due_at_ms > world.clock.now()
            assert row.runner_id is None
            tasks.cancel_scope.cancel()

    simulate(tmp_path, story, tick_s=5.0)


def test_a_folder_that_cannot_be_written_holds_back_its_own_batch_alone(tmp_path: Path) -> None:
    """No further image is paid for; other batches and their runs go on, and see no trouble."""
    blocked = tmp_path / "made" / "1-0001.png"
    blocked.mkdir(parents=True)

    async def story(world: World) -> None:
        images = await world.queue(20, name="images", job=pictures(tmp_path / "made"))
        shown: dict[str, list[str | None]] = {"images": [], "letters": []}

        def run_of(name: str, batch_id: int) -> Run:
            def watch(progress: Progress) -> None:
                shown[name].append(progress.trouble)

            options = RunOptions(only=frozenset({batch_id}), rules=Rules(Pace.ASAP), watcher=watch)
            return Run(options)

        async with (
            world.engine(max_concurrency=1) as engine,
            anyio.create_task_group() as tasks,
        ):
            run = run_of("images", images.id)
            tasks.start_soon(engine.run, run)
            await anyio.sleep(600)
            made = world.simulator.stats().images
            assert 0 < made < 20
            letters = await world.queue(20, name="letters")
            with anyio.fail_after(600):
                assert await engine.run(run_of("letters", letters.id)) is StopReason.DONE
            assert (await world.batch(letters)).counts.succeeded == 20
            assert world.simulator.stats().images == made
            assert not run.over.is_set()
            blocked.rmdir()
            await run.over.wait()
            assert run.stop_reason is StopReason.DONE
        assert (await world.batch(images)).counts.succeeded == 20
        assert "images cannot be written to" in str(shown["images"])
        assert set(shown["letters"]) == {None}

    simulate(tmp_path, story)

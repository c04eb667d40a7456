"""What changes a batch keeps to the same rules, whoever asks for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from support import reviewed
from support.files import settings

from runner.app.application import Application, open_application
from runner.core.states import BatchState
from runner.errors import OutputError
from runner.store import batch_updates
from runner.store.batches import Batch

Scene = Callable[[Application, Batch], Awaitable[None]]
P, N = "positive", "negative"


def play(folder: Path, answers: Any, scene: Scene) -> None:
    """Runs the scene on a batch that has ended so, and whose output is ``out.csv``."""

    async def main() -> None:
        async with open_application(settings(folder), environ={}) as midnight:
            async with midnight._database.write() as connection:
                batch = await reviewed.ended(connection, answers, more="votes = 2")
            batch, _ = await midnight.name_output(batch, folder / "out.csv")
            await scene(midnight, batch)

    anyio.run(main)


async def states(midnight: Application, batch: Batch) -> list[BatchState]:
    return [part.state for part in await midnight.parts_of(batch)]


def test_a_finished_batch_is_not_changed(tmp_path: Path) -> None:
    async def scene(midnight: Application, batch: Batch) -> None:
        for state in (BatchState.PAUSED, BatchState.CANCELLED):
            assert (await midnight.set_state(batch, state)).state is BatchState.ACTIVE
        assert await states(midnight, batch) == [BatchState.ACTIVE] * 2
        assert not (tmp_path / "out.csv").exists()

    play(tmp_path, {"": [P, N], "vote 2": [P, N]}, scene)


def test_a_batch_of_which_one_vote_is_unfinished_is_changed_and_its_output_written(
    tmp_path: Path,
) -> None:
    async def scene(midnight: Application, batch: Batch) -> None:
        changed = await midnight.set_state(batch, BatchState.CANCELLED)
        assert changed.state is BatchState.CANCELLED
        assert await states(midnight, batch) == [BatchState.CANCELLED] * 2
        assert "positive" in (tmp_path / "out.csv").read_text()

    play(tmp_path, {"": [P, N], "vote 2": [P]}, scene)


def test_a_batch_that_is_paused_for_a_reason_keeps_it(tmp_path: Path) -> None:
    async def scene(midnight: Application, batch: Batch) -> None:
        await midnight.set_state(batch, BatchState.PAUSED, "the model is gone")
        paused = await midnight.set_state(batch, BatchState.PAUSED)
        assert paused.pause_reason == "the model is gone"
        assert not (await midnight.set_state(batch, BatchState.ACTIVE)).pause_reason

    play(tmp_path, {"": [P, N], "vote 2": [P]}, scene)


def test_a_change_stays_though_the_output_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "out.csv").mkdir()

    async def scene(midnight: Application, batch: Batch) -> None:
        with pytest.raises(OutputError):
            await midnight.set_state(batch, BatchState.PAUSED)
        assert await states(midnight, batch) == [BatchState.PAUSED] * 2

    play(tmp_path, {"": [P, N], "vote 2": [P]}, scene)


@pytest.mark.parametrize("by_cause", [False, True])
def test_a_retry_resumes_the_paused_parts_with_failures_and_writes_the_output(
    tmp_path: Path, *, by_cause: bool
) -> None:
    async def scene(midnight: Application, batch: Batch) -> None:
        async with midnight._database.write() as connection:
            for part in await midnight.parts_of(batch):
                await batch_updates.set_batch_state(connection, part.id, BatchState.PAUSED)
        await midnight.write_output(batch)
        before = (tmp_path / "out.csv").read_text()
        (cause,) = await midnight.causes(batch)
        assert await midnight.retry(batch, cause if by_cause else None) == 1
        assert await states(midnight, batch) == [BatchState.PAUSED, BatchState.ACTIVE]
        assert (tmp_path / "out.csv").read_text() != before
        if by_cause:
            await midnight.set_state(batch, BatchState.PAUSED)
            assert await midnight.retry(batch, cause) == 0
            assert await states(midnight, batch) == [BatchState.PAUSED] * 2

    play(tmp_path, {"": [P, N], "vote 2": [None, N]}, scene)

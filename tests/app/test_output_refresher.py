"""The output of a reviewed batch is written in the end, whatever is in the way at first."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import pytest
from support import reviewed
from support.files import settings

from runner import virtual
from runner.app.application import Application, open_application
from runner.app.batches.output_refresher import QUIET_S, RETRY_S, OutputRefresher
from runner.store.batches import Batch

Scene = Callable[[Application, OutputRefresher, Batch], Awaitable[None]]


def play(folder: Path, output: Path, scene: Scene) -> None:
    """Runs the scene while the outputs of a batch with one answer are refreshed to `output`."""

    async def main() -> None:
        async with open_application(settings(folder), environ={}, virtual=True) as midnight:
            async with midnight._database.write() as connection:
                batch = await reviewed.ended(connection, {"": ["positive"]})
            batch, _ = await midnight.name_output(batch, output)
            refresher = OutputRefresher(midnight)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(refresher.work)
                await scene(midnight, refresher, batch)
                tasks.cancel_scope.cancel()

    virtual.run(main)


def test_an_output_that_cannot_be_written_is_written_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "away"

    async def scene(_midnight: Application, refresher: OutputRefresher, batch: Batch) -> None:
        refresher.changed(batch.id)
        with caplog.at_level(logging.WARNING):
            await anyio.sleep(2 * QUIET_S)
        assert "output cannot be written" in caplog.text
        folder.mkdir()
        await anyio.sleep(RETRY_S)
        assert "positive" in (folder / "out.csv").read_text()

    play(tmp_path, folder / "out.csv", scene)


def test_an_output_that_waits_for_another_try_holds_up_no_other(tmp_path: Path) -> None:
    async def scene(midnight: Application, refresher: OutputRefresher, batch: Batch) -> None:
        async with midnight._database.write() as connection:
            other = await reviewed.ended(connection, {"": ["negative"]}, digest="second")
        await midnight.name_output(other, tmp_path / "other.csv")
        refresher.changed(batch.id)
        await anyio.sleep(2 * QUIET_S)
        refresher.changed(other.id)
        await anyio.sleep(2 * QUIET_S)
        assert "negative" in (tmp_path / "other.csv").read_text()

    play(tmp_path, tmp_path / "away" / "out.csv", scene)


def test_a_deleted_batch_is_not_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(midnight: Application, refresher: OutputRefresher, batch: Batch) -> None:
        await midnight.delete([batch])
        refresher.changed(batch.id)
        with caplog.at_level(logging.WARNING):
            await anyio.sleep(2 * RETRY_S)

    play(tmp_path, tmp_path / "out.csv", scene)
    assert caplog.text == ""


def test_changes_are_written_when_the_work_ends(tmp_path: Path) -> None:
    async def scene(_midnight: Application, refresher: OutputRefresher, batch: Batch) -> None:
        refresher.changed(batch.id)
        await anyio.sleep(QUIET_S / 2)

    play(tmp_path, tmp_path / "out.csv", scene)
    assert "positive" in (tmp_path / "out.csv").read_text()

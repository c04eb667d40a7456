"""Exports beside a running engine: files are written in threads, and the event loop goes on."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest
from support import reviewed
from support.files import settings
from support.waiting import PATIENCE_S

from runner.app.application import Application, open_application
from runner.app.results import request_results
from runner.errors import OutputError
from runner.files import CellValue, openai_results, output
from runner.store.batches import Batch

ANSWERS = {"": ["positive", None, "neutral"]}
REQUESTS = [{"custom_id": str(number), "body": {}} for number in range(3)]


class SlowDisk:
    """Each access to it lasts until the event loop has done something else."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.thread = threading.get_ident()
        self.accesses = 0

    def access(self, *_: object) -> None:
        assert threading.get_ident() != self.thread, "the event loop waits for the disk"
        self.accesses += 1
        self.wait_for(lambda: None)

    def wait_for(self, does: Callable[[], object]) -> None:
        """Has the loop do something, and waits until it has done that and run its tasks."""
        done = threading.Event()
        self.loop.call_soon_threadsafe(does)
        self.loop.call_soon_threadsafe(self.loop.call_soon, self.loop.call_soon, done.set)
        assert done.wait(PATIENCE_S)


class SlowSink:
    """A format whose file is on a slow disk; `meets` is called in the middle of each write."""

    def __init__(self, disk: SlowDisk, meets: Callable[[], object] = lambda: None) -> None:
        self.done: list[str] = []
        self._disk = disk
        self._meets = meets

    def write(self, _row: str, _values: Sequence[CellValue]) -> None:
        self._disk.access()
        self._disk.wait_for(self._meets)
        self.done.append("write")

    def finish(self) -> None:
        self._disk.access()
        self.done.append("finish")

    def abandon(self) -> None:
        self._disk.access()
        self.done.append("abandon")


def play(folder: Path, scene: Callable[[Application, Batch, SlowDisk], Any], **more: Any) -> None:
    """Open the program on a batch whose rows have ended, and a slow disk."""

    async def main() -> None:
        async with open_application(settings(folder), environ={"TOKEN": "x"}) as midnight:
            async with midnight._database.write() as connection:
                batch = await reviewed.ended(connection, ANSWERS, **more)
            await scene(midnight, batch, SlowDisk())

    anyio.run(main)


def written_to(sink: SlowSink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "_sink", lambda _file, _layout: sink)


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl.gz", "out.parquet", "out.xlsx"])
def test_the_event_loop_goes_on_while_a_file_is_put_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    async def scene(midnight: Application, batch: Batch, disk: SlowDisk) -> None:
        monkeypatch.setattr(os, "fsync", disk.access)
        assert await midnight.export(batch, tmp_path / name) == 3
        assert disk.accesses

    play(tmp_path, scene)


def test_the_event_loop_goes_on_while_a_file_is_written_and_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(midnight: Application, batch: Batch, disk: SlowDisk) -> None:
        written_to(sink := SlowSink(disk), monkeypatch)
        await midnight.export(batch, tmp_path / "out.csv")
        assert sink.done == ["write", "write", "write", "finish", "abandon"]

    play(tmp_path, scene)


def test_the_event_loop_goes_on_while_results_of_requests_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(midnight: Application, batch: Batch, disk: SlowDisk) -> None:
        line_of = openai_results.result_line

        def slow_line(*args: Any, **more: Any) -> str:
            disk.access()
            return line_of(*args, **more)

        monkeypatch.setattr(openai_results, "result_line", slow_line)
        monkeypatch.setattr(os, "fsync", disk.access)
        path = tmp_path / "out.jsonl"
        assert await request_results.write_results(midnight.reading, [batch], path, None) == 3
        assert disk.accesses > 3

    play(tmp_path, scene, rows=REQUESTS)


@pytest.mark.parametrize("by", ["anyio", "asyncio"])
def test_an_interrupted_export_ends_its_write_and_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    path = tmp_path / "outputs" / "out.csv"
    path.parent.mkdir()
    path.write_text("old")

    async def scene(midnight: Application, batch: Batch, disk: SlowDisk) -> None:
        scope = anyio.CancelScope()

        async def export() -> None:
            with scope:
                await midnight.export(batch, path)

        task = asyncio.create_task(export())
        interrupt = scope.cancel if by == "anyio" else task.cancel
        written_to(sink := SlowSink(disk, interrupt), monkeypatch)
        await asyncio.wait([task])
        assert task.cancelled() or scope.cancelled_caught
        assert sink.done[-1] == "abandon"
        assert set(sink.done[:-1]) == {"write"}

    play(tmp_path, scene)
    assert [one.name for one in path.parent.iterdir()] == ["out.csv"]
    assert path.read_text() == "old"


@pytest.mark.parametrize("by", ["anyio", "asyncio"])
def test_an_export_that_is_interrupted_as_it_opens_its_file_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    folder = tmp_path / "outputs"
    folder.mkdir()

    async def scene(midnight: Application, batch: Batch, disk: SlowDisk) -> None:
        scope, sink = anyio.CancelScope(), SlowSink(disk)

        async def export() -> None:
            with scope:
                await midnight.export(batch, folder / "out.csv")

        task = asyncio.create_task(export())
        interrupt = scope.cancel if by == "anyio" else task.cancel

        def slow_sink(*_: object) -> SlowSink:
            disk.wait_for(interrupt)
            return sink

        monkeypatch.setattr(output, "_sink", slow_sink)
        await asyncio.wait([task])
        assert task.cancelled() or scope.cancelled_caught
        assert sink.done == ["abandon"]

    play(tmp_path, scene)
    assert list(folder.iterdir()) == []


def test_an_error_of_the_disk_is_the_export_s_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(midnight: Application, batch: Batch, disk: SlowDisk) -> None:
        def fail() -> None:
            raise OSError(28, "No space left on device")

        sink = SlowSink(disk)
        monkeypatch.setattr(sink, "finish", fail)
        written_to(sink, monkeypatch)
        with pytest.raises(OutputError, match="no room left"):
            await midnight.export(batch, tmp_path / "out.csv")
        assert sink.done[-1] == "abandon"

    play(tmp_path, scene)
    assert not list(tmp_path.glob("*out.csv*"))

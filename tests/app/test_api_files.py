"""The files of the OpenAI Batch API, where a server dies at a bad moment."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from runner.app.serving.api_files import ApiFiles
from runner.clock import SystemClock
from runner.errors import NotFoundError
from runner.store import api_files
from runner.store.opening import open_database

HOUR_MS = 3_600_000
pytestmark = pytest.mark.anyio


class LaterClock:
    """The system's clock, set forward."""

    tick_s = 1.0
    ahead = 0

    def now(self) -> int:
        return SystemClock().now() + self.ahead


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[tuple[ApiFiles, LaterClock]]:
    async with open_database(folder / "queue.db") as database:
        clock = LaterClock()
        yield ApiFiles(database, clock), clock


async def kept(files: ApiFiles, text: str = "{}", file_id: str | None = None) -> api_files.ApiFile:
    part = files.new_part()
    part.write_text(text)
    return await files.keep(part, "me", "batch", "in.jsonl", file_id=file_id, life_s=24 * 3_600)


async def entered(files: ApiFiles) -> list[str]:
    return [one.id for one in await files.page("me", api_files.Paging(100), None)]


async def test_contents_without_an_entry_are_removed_after_an_hour(tmp_path: Path) -> None:
    async with opened(tmp_path) as (files, clock):
        file = await kept(files)
        stray = files.path_of("file-" + "0" * 24)
        stray.write_text("a server died before it was entered")
        await files.sweep()
        assert stray.exists(), "it may be about to be entered"
        other = stray.with_name("notes.txt")
        other.write_text("somebody else's")
        clock.ahead = 2 * HOUR_MS
        await files.sweep()
        assert not stray.exists()
        assert other.exists()
        assert (await files.get("me", file.id)).bytes == 2


async def test_an_entry_without_content_is_removed_after_an_hour(tmp_path: Path) -> None:
    async with opened(tmp_path) as (files, clock):
        file, other = await kept(files), await kept(files)
        files.path_of(file.id).unlink()
        await files.sweep()
        assert await entered(files) == [other.id, file.id]
        clock.ahead = 2 * HOUR_MS
        await files.sweep()
        assert await entered(files) == [other.id]


async def test_a_folder_that_is_not_mounted_loses_no_entry(tmp_path: Path) -> None:
    async with opened(tmp_path) as (files, clock):
        file = await kept(files)
        folder = files.path_of(file.id).parent
        folder.rename(tmp_path / "away")
        clock.ahead = 2 * HOUR_MS
        await files.sweep()
        (tmp_path / "away").rename(folder)
        assert (await files.get("me", file.id)).id == file.id


async def test_a_partial_file_is_removed_after_a_day(tmp_path: Path) -> None:
    async with opened(tmp_path) as (files, clock):
        await kept(files)
        part = files.new_part(".jsonl")
        part.write_text("an upload broke off")
        clock.ahead = 2 * HOUR_MS
        await files.sweep()
        assert part.exists(), "an upload may take hours"
        clock.ahead = 25 * HOUR_MS
        await files.sweep()
        assert not part.exists()


async def test_an_expired_file_without_content_is_forgotten(tmp_path: Path) -> None:
    async with opened(tmp_path) as (files, clock):
        gone, there = await kept(files), await kept(files)
        files.path_of(gone.id).unlink()
        clock.ahead = 25 * HOUR_MS
        await files.delete_expired()
        assert await entered(files) == []
        assert not files.path_of(there.id).exists()


async def test_a_file_that_is_kept_again_has_its_new_size(tmp_path: Path) -> None:
    async with opened(tmp_path) as (files, _):
        file = await kept(files)
        again = await kept(files, '{"longer": 1}', file.id)
        assert await files.get("me", file.id) == again
        assert again.bytes == files.path_of(file.id).stat().st_size
        with pytest.raises(NotFoundError):
            await files.get("you", file.id)

"""An event is sent once per database, whichever runner finds it."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from runner.app.notified import REMEMBERED_S, Memory


def test_of_many_runners_one_sends_an_event_and_none_sends_it_again(tmp_path: Path) -> None:
    runners = [Memory(tmp_path / "told") for _ in range(16)]
    with ThreadPoolExecutor(16) as pool:
        claims = list(pool.map(lambda one: one.claim("spent mine 2026-11-24"), runners))
    assert claims.count(True) == 1
    assert not Memory(tmp_path / "told").claim("spent mine 2026-11-24")
    assert Memory(tmp_path / "told").claim("spent mine 2026-11-25")


def test_what_was_sent_is_forgotten_after_a_month(tmp_path: Path) -> None:
    Memory(tmp_path).claim("old")
    Memory(tmp_path).claim("new")
    (old,) = (path for path in tmp_path.iterdir() if path.read_text() == "old")
    then = old.stat().st_mtime - REMEMBERED_S - 60
    os.utime(old, (then, then))
    assert Memory(tmp_path).claim("old")
    assert not Memory(tmp_path).claim("new")


def test_where_nothing_can_be_kept_a_runner_still_sends_each_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    memory = Memory(tmp_path / "file" / "told")
    assert [memory.claim("done 1") for _ in range(2)] == [True, False]

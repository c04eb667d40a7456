"""An event is sent once per database, whichever runner finds it."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from runner.app.running.sent_events import REMEMBERED_S, SentEvents


def test_of_many_runners_one_sends_an_event_and_none_sends_it_again(tmp_path: Path) -> None:
    runners = [SentEvents(tmp_path / "sent") for _ in range(16)]
    with ThreadPoolExecutor(16) as pool:
        claims = list(pool.map(lambda one: one.claim("spent mine 2026-11-24"), runners))
    assert claims.count(True) == 1
    assert not SentEvents(tmp_path / "sent").claim("spent mine 2026-11-24")
    assert SentEvents(tmp_path / "sent").claim("spent mine 2026-11-25")


def test_what_was_sent_is_forgotten_after_a_month(tmp_path: Path) -> None:
    SentEvents(tmp_path).claim("old")
    SentEvents(tmp_path).claim("new")
    (old,) = (path for path in tmp_path.iterdir() if path.read_text() == "old")
    then = old.stat().st_mtime - REMEMBERED_S - 60
    os.utime(old, (then, then))
    assert SentEvents(tmp_path).claim("old")
    assert not SentEvents(tmp_path).claim("new")


def test_where_nothing_can_be_kept_a_runner_still_sends_each_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    sent = SentEvents(tmp_path / "file" / "sent")
    assert [sent.claim("done 1") for _ in range(2)] == [True, False]

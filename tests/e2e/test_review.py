"""A review on a real terminal: killed in the middle, ended from outside, and gone on with."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest
from support import reviewed
from support.waiting import PATIENCE_S

from runner.store.opening import open_database
from tests.store.promises import broken_promises
from tests.store.releases import rows

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a terminal of POSIX")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "queue.db"

    async def main() -> None:
        async with open_database(path) as opened, opened.write() as connection:
            await reviewed.ended(connection, {"": [None] * 6})

    anyio.run(main)
    return path


class Terminal:
    """A program and the terminal that it is on."""

    def __init__(self, process: subprocess.Popen[bytes], file: int) -> None:
        self.process = process
        self._file = file
        self.said = ""

    def press(self, keys: str, then: str) -> None:
        """Press keys, and wait until this is on the screen."""
        before = len(self.said)
        os.write(self._file, keys.encode())
        self.wait_for(then, before)

    def wait_for(self, text: str, start: int = 0) -> None:
        until = time.monotonic() + PATIENCE_S
        while text not in self.said[start:]:
            assert time.monotonic() < until, self.said
            self.read()

    def read(self) -> None:
        if select.select([self._file], [], [], 0.1)[0]:
            try:
                self.said += os.read(self._file, 65536).decode("utf-8", "replace")
            except OSError:  # it has ended
                return

    def end(self) -> int:
        until = time.monotonic() + PATIENCE_S
        while self.process.poll() is None:
            assert time.monotonic() < until, self.said
            self.read()
        self.read()
        return self.process.returncode


@contextmanager
def review(database: Path) -> Iterator[Terminal]:
    import pty
    import termios

    ours, theirs = pty.openpty()

    before = termios.tcgetattr(theirs)
    command = [sys.executable, "-m", "runner", "--db", str(database), "review", "1", "--as", "ann"]

    def own_terminal() -> None:
        import fcntl

        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    process = subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=database.parent,
        env={**os.environ, "TERM": "xterm", "NO_COLOR": "1", "COLUMNS": "80", "LINES": "24"},
        preexec_fn=own_terminal,  # noqa: PLW1509 - no other thread runs here
    )
    try:
        yield Terminal(process, ours)
        if process.returncode != -signal.SIGKILL:
            assert termios.tcgetattr(theirs) == before, "the terminal is as it was"
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)


def answers(database: Path) -> list[tuple[int, str]]:
    found = rows(
        database, "SELECT job_id, answer FROM reviews WHERE taken_back_at_ms IS NULL ORDER BY id"
    )
    return [(job_id, answer) for job_id, answer in found]


def test_what_was_answered_before_a_kill_is_there_and_the_next_row_is_shown(
    database: Path,
) -> None:
    with review(database) as terminal:
        terminal.wait_for("row 1")
        terminal.press("1", "row 2")
        terminal.press("2", "row 3")
        terminal.process.kill()
        terminal.end()
    assert answers(database) == [(1, "positive"), (2, "negative")]
    with review(database) as terminal:
        terminal.wait_for("row 3")
        terminal.wait_for("2 of 6 reviewed")
        terminal.press("3", "row 4")
        terminal.press("q", "1 answer by ann; 3 rows left to review")
        assert terminal.end() == 0
    assert broken_promises(database) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_like_q_and_leaves_the_terminal_as_it_was(
    database: Path, number: signal.Signals
) -> None:
    with review(database) as terminal:
        terminal.wait_for("row 1")
        terminal.press("1", "row 2")
        terminal.press("e", "Esc: leave it")
        terminal.process.send_signal(number)
        terminal.wait_for("go on with")
        assert terminal.end() == 0
    assert answers(database) == [(1, "positive")]


def test_a_batch_that_is_deleted_meanwhile_is_one_clear_error(database: Path) -> None:
    with review(database) as terminal:
        terminal.wait_for("row 1")
        delete = [sys.executable, "-m", "runner", "--db", str(database), "delete", "1"]
        subprocess.run(delete, check=True, capture_output=True)
        terminal.press("1", "batch 1 was deleted meanwhile")
        assert terminal.end() == 2
    assert "Traceback" not in terminal.said

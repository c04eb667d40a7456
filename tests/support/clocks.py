"""The hour of other processes, which a test sets forward.

Python loads `sitecustomize` as it starts; ours adds to the hour what a file says. What waits goes
by another clock, which it leaves alone.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from runner.clock import SystemClock

_PATCH = """
import os, time
file = os.open({path!r}, os.O_RDONLY)
now_ns = time.time_ns
time.time_ns = lambda: now_ns() + int(os.pread(file, 32, 0))
time.time = lambda: time.time_ns() / 1e9
"""


class OthersClock:
    """The hour of every Python process that is started with `environ`."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "ahead"
        self._ahead = timedelta()
        self._write()
        (folder / "sitecustomize.py").write_text(_PATCH.format(path=str(self._path)))
        self.environ = {
            "PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
        }

    def now(self) -> int:
        """It, in ms since the epoch."""
        return SystemClock().now() + self._ahead // timedelta(milliseconds=1)

    def jump(self, **by: float) -> None:
        """Set it forward."""
        self._ahead += timedelta(**by)
        self._write()

    def _write(self) -> None:
        """Over what is there, as other processes may read it at any moment."""
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o644)
        os.pwrite(file, f"{round(self._ahead.total_seconds() * 1e9):032d}".encode(), 0)
        os.close(file)

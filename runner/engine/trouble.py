"""What keeps results from being written; while anything does, no new call starts."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

from runner.engine.event_log import EventLog
from runner.errors import EngineError, RunnerError
from runner.language import _

log = logging.getLogger(__name__)

# Below this much free disk nothing new is started: results in flight must find room.
DISK_FLOOR = 32 * 1024 * 1024
# How long to wait before a transaction that could not be stored is tried again.
RETRY_WRITE_S = 2.0


class Trouble:
    """The disk, the database and the folders of images, as far as they cannot be written.

    Args:
        folder: Where the database is.
        of_images: Why images cannot be stored, if they cannot.
        events: Is told of each change.
    """

    def __init__(self, folder: Path, of_images: Callable[[], str | None], events: EventLog) -> None:
        self._folder = folder
        self._of_images = of_images
        self._events = events
        self._write_error: str | None = None
        self._low_disk: str | None = None

    @property
    def what(self) -> str | None:
        """What it is, as a clause; None: everything can be written."""
        return self._write_error or self._low_disk or self._of_images()

    def write_failed(self, error: RunnerError) -> None:
        """A transaction could not be stored."""
        self._write_error = error.what
        self._events.trouble(self.what)

    def retry(self) -> None:
        """The next transaction is to show whether the database takes it; nothing is announced."""
        self._write_error = None

    def written(self) -> None:
        """A transaction is stored."""
        self._write_error = None
        self._events.trouble(self.what)

    def check_disk(self) -> None:
        """Find out whether the disk has room."""
        try:
            free = shutil.disk_usage(self._folder).free
        except OSError:  # the folder has gone, or its disk fails: the next transaction tells
            return
        self._low_disk = None
        if free < DISK_FLOOR:
            low = _("only {free} MB left on the disk; waiting for room")
            self._low_disk = low.format(free=free // 1024**2)
            self._events.trouble(self.what)


def defect(error: Exception) -> EngineError:
    """The error that runs end with after one that nobody has foreseen, which is logged."""
    log.error("the engine has failed", exc_info=error)
    remedy = _("report it, with a log (--log-file)")
    failure = EngineError(_("internal error: {error!r}").format(error=error), remedy=remedy)
    failure.__cause__ = error
    return failure

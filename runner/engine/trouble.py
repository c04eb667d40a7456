"""Reasons why results cannot be written; while there is one, no new call starts."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from runner.engine.event_log import EventLog
from runner.errors import EngineError, RunnerError
from runner.language import _

log = logging.getLogger(__name__)

# The least free disk space for new calls: the results of calls in flight must find room.
DISK_FLOOR = 32 * 1024 * 1024
# How long to wait before a transaction that could not be stored is tried again.
RETRY_WRITE_S = 2.0


class Trouble:
    """Failures of the disk and the database.

    Args:
        folder: The folder of the database.
        events: The log of changes.
    """

    def __init__(self, folder: Path, events: EventLog) -> None:
        self._folder = folder
        self._events = events
        self._write_error: str | None = None
        self._low_disk: str | None = None

    @property
    def what(self) -> str | None:
        """The reason, as a clause; None if everything can be written."""
        return self._write_error or self._low_disk

    def write_failed(self, error: RunnerError) -> None:
        """Notes a failed transaction."""
        self._write_error = error.what
        self._events.trouble(self.what)

    def retry(self) -> None:
        """Clears the failure of the database, without a log entry, so that the next turn writes."""
        self._write_error = None

    def written(self) -> None:
        """Notes a successful transaction."""
        self._write_error = None
        self._events.trouble(self.what)

    def check_disk(self) -> None:
        """Checks whether the disk has enough free space."""
        try:
            free = shutil.disk_usage(self._folder).free
        except OSError:  # the folder is missing, or its disk fails: the next transaction will, too
            return
        self._low_disk = None
        if free < DISK_FLOOR:
            low = _("only {free} MB left on the disk; waiting for room")
            self._low_disk = low.format(free=free // 1024**2)
            self._events.trouble(self.what)


def defect(error: Exception) -> EngineError:
    """Logs an unexpected error, and returns the error with which runs end."""
    log.error("the engine has failed", exc_info=error)
    remedy = _("report it, with a log (--log-file)")
    failure = EngineError(_("internal error: {error!r}").format(error=error), remedy=remedy)
    failure.__cause__ = error
    return failure

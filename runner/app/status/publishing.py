"""Publishes the progress of a run to other processes in a small file beside the database.

The file is written periodically while the run is watched, and removed at its end. It is not in the
database because every write there makes all other runners reread their queues. It holds ids of
batches and keys of windows; readers load these from the database.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from runner.app.status.rates import Rates
from runner.core.demand import WaitCause, WaitReason
from runner.core.forecast import Forecast
from runner.core.gate import ParkReason
from runner.core.window import Key, Window
from runner.engine.progress import Progress, Watcher
from runner.store.batches import Batch

EVERY_MS = 1_000
STALE_MS = 120_000
"""A runner whose file is older than this is suspended or hangs."""


@dataclass(frozen=True, slots=True)
class Published:
    """The last published progress of a runner.

    Attributes:
        pid: Its process id.
        since: When the run started (ms since the epoch).
        at: When the file was written (ms since the epoch).
        batches: The ids of the batches that it works on.
        paused: The ids of the paused ones among them.
        in_flight: The number of calls in flight.
        stopping: Whether it is stopping.
        trouble: The error that keeps it from writing to the database, if any.
        until: When its wait ends (ms since the epoch).
        waiting: The wait reasons, each with the key of the binding window, if there is one.
        forecast: The forecast of its end.
        rows_a_minute: The recent rate of finished rows per minute.
        rows_a_call: The recent average of rows per call.
    """

    pid: int
    since: int
    at: int
    batches: tuple[int, ...] = ()
    paused: tuple[int, ...] = ()
    in_flight: int = 0
    stopping: bool = False
    trouble: str | None = None
    until: int | None = None
    waiting: tuple[tuple[WaitReason, Key | None], ...] = ()
    forecast: Forecast | None = None
    rows_a_minute: float | None = None
    rows_a_call: float | None = None

    def waits(self, windows: Mapping[Key, Window]) -> tuple[WaitReason, ...]:
        """Returns the wait reasons with the windows as they are in the database."""
        return tuple(
            WaitReason(
                waiting.key,
                waiting.cause,
                waiting.why,
                waiting.until,
                windows.get(key) if key else None,
            )
            for waiting, key in self.waiting
        )

    def progress(self, batches: Mapping[int, Batch], windows: Mapping[Key, Window]) -> Progress:
        """Returns the progress as the run's own process shows it."""
        return Progress(
            at=self.at,
            batches=tuple(batches[number] for number in self.batches if number in batches),
            waiting=self.waits(windows),
            until=self.until,
            windows=tuple(window for window in windows.values() if window.is_known),
            in_flight=self.in_flight,
            forecast=self.forecast,
            trouble=self.trouble,
            stopping=self.stopping,
            paused=tuple(batches[number] for number in self.paused if number in batches),
        )


def folder(database: Path) -> Path:
    """Returns the folder with the runners' locks and published files."""
    return Path(f"{database}-runners")


def place(database: Path, pid: int) -> Path:
    """Returns the path of a runner's published file."""
    return folder(database) / f"{pid}.json"


@dataclass(slots=True)
class Publisher:
    """A watcher that publishes the progress and passes it on.

    Attributes:
        path: The file to write.
        since: When the run started (ms since the epoch).
        watcher: The next watcher, which is called with the same progress.
    """

    path: Path
    since: int
    watcher: Watcher | None = None
    rates: Rates = field(default_factory=Rates)
    written_at: int = -1
    rested: bool = False

    def __call__(self, progress: Progress) -> None:
        """Publishes the progress, unless that was done in the last second."""
        self.rates.add(progress.at, (*progress.batches, *progress.paused))
        # A run without calls in flight may report nothing for hours; its first report is written.
        rests = not progress.in_flight
        due = abs(progress.at - self.written_at) >= EVERY_MS
        if due or progress.stopping or (rests and not self.rested):
            self.written_at, self.rested = progress.at, rests
            self._write(progress)
        if self.watcher is not None:
            self.watcher(progress)

    def close(self) -> None:
        """Removes the file at the end of the run."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)

    def _write(self, progress: Progress) -> None:
        value = {
            "pid": os.getpid(),
            "since": self.since,
            "at": progress.at,
            "batches": [batch.id for batch in progress.batches],
            "paused": [batch.id for batch in progress.paused],
            "in_flight": progress.in_flight,
            "stopping": progress.stopping,
            "trouble": progress.trouble,
            "until": progress.until,
            "waiting": [_waiting(reason) for reason in progress.waiting],
            "forecast": None if progress.forecast is None else asdict(progress.forecast),
            "rows_a_minute": self.rates.rows_a_minute,
            "rows_a_call": self.rates.rows_a_call,
        }
        part = self.path.with_suffix(".part")
        with suppress(OSError):  # a full disk must not end the run; the old file stays
            part.write_bytes(orjson.dumps(value))
            part.replace(self.path)


def _waiting(waiting: WaitReason) -> dict[str, Any]:
    window = waiting.window
    return {
        "key": waiting.key,
        "cause": waiting.cause.value,
        "why": waiting.why,
        "until": waiting.until,
        "window": None if window is None else [window.account, window.model, window.quota],
    }


def read(path: Path) -> Published | None:
    """Returns what a runner has published last; None if there is no readable file."""
    try:
        value = orjson.loads(path.read_bytes())
        waiting = tuple(_read_waiting(reason) for reason in value.pop("waiting"))
        forecast = value.pop("forecast")
        batches, paused = (tuple(value.pop(name)) for name in ("batches", "paused"))
        return Published(
            **value,
            batches=batches,
            paused=paused,
            waiting=waiting,
            forecast=None if forecast is None else Forecast(**forecast),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _read_waiting(value: dict[str, Any]) -> tuple[WaitReason, Key | None]:
    cause_name, window = value["cause"], value["window"]
    cause = WaitCause(cause_name) if cause_name in [*WaitCause] else ParkReason(cause_name)
    key = None if window is None else (window[0], window[1], window[2])
    return WaitReason(value["key"], cause, value["why"], value["until"]), key

"""What a runner says of itself to other processes: a small file beside the database.

The file is written on a timer while somebody looks at the run, and removed at its end. It is not in
the database, because each write there makes every other runner read its queue anew. It names
batches and windows; what these are like, the reader finds in the database.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from runner.app.rates import Rates
from runner.core.demand import WaitCause, Waiting
from runner.core.forecast import Forecast
from runner.core.gate import ParkReason
from runner.core.window import Key, Window
from runner.engine.progress import Progress, Watcher
from runner.store.batches import Batch

EVERY_MS = 1_000
STALE_MS = 120_000
"""A runner that has said nothing for so long is stopped by its system, or hangs."""


@dataclass(frozen=True, slots=True)
class Published:
    """What a runner has said last.

    Attributes:
        pid: Its process.
        since: When it began (ms since the epoch).
        at: When it said so.
        batches: The batches that it works on.
        paused: Those of them that are paused.
        in_flight: Its calls under way.
        stopping: Whether it is winding up.
        trouble: What keeps it from writing, if anything.
        until: The first moment at which something happens by itself.
        waiting: What it waits for, each with the key of the window that binds, if one does.
        forecast: When it will be done.
        rows_a_minute: Rows done in a minute, lately.
        rows_a_call: Rows a call, lately.
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
    waiting: tuple[tuple[Waiting, Key | None], ...] = ()
    forecast: Forecast | None = None
    rows_a_minute: float | None = None
    rows_a_call: float | None = None

    def waits(self, windows: Mapping[Key, Window]) -> tuple[Waiting, ...]:
        """What it waits for, with the windows as they are in the database."""
        return tuple(
            Waiting(one.key, one.cause, one.why, one.until, windows.get(key) if key else None)
            for one, key in self.waiting
        )

    def progress(self, batches: Mapping[int, Batch], windows: Mapping[Key, Window]) -> Progress:
        """The run as it is shown where it runs."""
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
    """Where runners have their locks, and what they say."""
    return Path(f"{database}-runners")


def place(database: Path, pid: int) -> Path:
    """The file of a runner."""
    return folder(database) / f"{pid}.json"


@dataclass(slots=True)
class Publisher:
    """A watcher that publishes what it is shown, and shows it to another one.

    Attributes:
        path: The file.
        since: When the run began (ms since the epoch).
        watcher: Who else watches.
    """

    path: Path
    since: int
    watcher: Watcher | None = None
    rates: Rates = field(default_factory=Rates)
    written_at: int = -1
    rested: bool = False

    def __call__(self, progress: Progress) -> None:
        """Publish the progress, unless that was done a moment ago."""
        self.rates.add(progress.at, (*progress.batches, *progress.paused))
        # It may say nothing more for long once it rests: that is not to be missed.
        rests = not progress.in_flight
        due = abs(progress.at - self.written_at) >= EVERY_MS
        if due or progress.stopping or (rests and not self.rested):
            self.written_at, self.rested = progress.at, rests
            self._write(progress)
        if self.watcher is not None:
            self.watcher(progress)

    def close(self) -> None:
        """The run is over: there is nothing to say any more."""
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
            "waiting": [_waiting(one) for one in progress.waiting],
            "forecast": None if progress.forecast is None else asdict(progress.forecast),
            "rows_a_minute": self.rates.rows_a_minute,
            "rows_a_call": self.rates.rows_a_call,
        }
        part = self.path.with_suffix(".part")
        with suppress(OSError):  # a full disk ends no run: others then see what was said before
            part.write_bytes(orjson.dumps(value))
            part.replace(self.path)


def _waiting(found: Waiting) -> dict[str, Any]:
    window = found.window
    return {
        "key": found.key,
        "cause": found.cause.value,
        "why": found.why,
        "until": found.until,
        "window": None if window is None else [window.account, window.model, window.quota],
    }


def read(path: Path) -> Published | None:
    """What a runner has said last; None if it says nothing, or nothing that can be read."""
    try:
        found = orjson.loads(path.read_bytes())
        waiting = tuple(_read_waiting(one) for one in found.pop("waiting"))
        forecast = found.pop("forecast")
        batches, paused = (tuple(found.pop(name)) for name in ("batches", "paused"))
        return Published(
            **found,
            batches=batches,
            paused=paused,
            waiting=waiting,
            forecast=None if forecast is None else Forecast(**forecast),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _read_waiting(found: dict[str, Any]) -> tuple[Waiting, Key | None]:
    word, window = found["cause"], found["window"]
    cause = WaitCause(word) if word in [*WaitCause] else ParkReason(word)
    key = None if window is None else (window[0], window[1], window[2])
    return Waiting(found["key"], cause, found["why"], found["until"]), key

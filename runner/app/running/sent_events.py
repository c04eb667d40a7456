"""The events that were sent, stored beside the database, so that only one runner sends each."""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

REMEMBERED_S = 30 * 86_400


@dataclass(slots=True)
class SentEvents:
    """A folder with one file for each event that was sent.

    The runner that creates the file of an event sends it; the system lets only one create the file.
    The file is created first, so an event is not repeated after a crash; it is removed if no
    channel takes the event.
    """

    folder: Path
    _known: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Forgets the events that were sent more than `REMEMBERED_S` ago."""
        with suppress(OSError):
            for path in self.folder.iterdir():
                if time.time() - path.stat().st_mtime > REMEMBERED_S:
                    path.unlink(missing_ok=True)

    def claim(self, key: str) -> bool:
        """Returns whether the caller must send the event with this key: no runner has sent it."""
        if key in self._known:
            return False
        self._known.add(key)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._file(key).open("x", encoding="utf-8") as file:
                file.write(key)
        except FileExistsError:
            return False
        except OSError:  # a full disk: the event may be sent twice
            return True
        return True

    def release(self, key: str) -> None:
        """Gives up the claim of an event that could not be sent, so that a runner may claim it."""
        self._known.discard(key)
        with suppress(OSError):
            self._file(key).unlink(missing_ok=True)

    def _file(self, key: str) -> Path:
        return self.folder / hashlib.sha256(key.encode()).hexdigest()[:32]

"""Detects files that were moved, deleted or replaced while they are in use."""

from __future__ import annotations

import os
from collections.abc import Iterable

_Identity = tuple[int, int]  # device and inode


class FileWatch:
    """The identities of files, by path, when they were first seen."""

    def __init__(self) -> None:
        self._known: dict[str, _Identity] = {}
        self._sizes: dict[str, int] = {}

    def learn(self, path: str, *, only_grows: bool = False) -> None:
        """Watches the file at `path` from now on, if there is one and it is not watched yet.

        `only_grows` if no regular use makes it smaller, so that a smaller file is another one.
        """
        if path in self._known:
            return
        try:
            status = os.stat(path)  # noqa: PTH116 - a Path takes twice the time
        except OSError:
            return
        self._known[path] = (status.st_dev, status.st_ino)
        if only_grows:
            self._sizes[path] = status.st_size

    def forget(self, paths: Iterable[str]) -> None:
        """Stops watching these files, which may have been recreated."""
        for path in paths:
            self._known.pop(path, None)

    def changed(self) -> str | None:
        """Returns the first file that has changed; None if none has. One system call for each."""
        for path, identity in self._known.items():
            try:
                status = os.stat(path)  # noqa: PTH116 - as above
            except FileNotFoundError:
                return path
            except OSError:  # the next use of the file will raise it
                continue
            if (status.st_dev, status.st_ino) != identity:
                return path
            if path in self._sizes:
                if status.st_size < self._sizes[path]:
                    return path
                self._sizes[path] = status.st_size
        return None

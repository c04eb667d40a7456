"""Tells whether files that must stay where they are were moved, deleted or replaced."""

from __future__ import annotations

import os
from collections.abc import Iterable

_Identity = tuple[int, int]  # device and inode


class FileWatch:
    """Files by their paths, each with what it was when it was first seen."""

    def __init__(self) -> None:
        self._known: dict[str, _Identity] = {}
        self._sizes: dict[str, int] = {}

    def learn(self, path: str, *, only_grows: bool = False) -> None:
        """Watch the file at `path` from now on, if there is one and it is not watched yet.

        `only_grows`: whether nobody who uses it as we do makes it smaller.
        """
        if path in self._known:
            return
        try:
            found = os.stat(path)  # noqa: PTH116 - a Path takes as long again
        except OSError:
            return
        self._known[path] = (found.st_dev, found.st_ino)
        if only_grows:
            self._sizes[path] = found.st_size

    def forget(self, paths: Iterable[str]) -> None:
        """Watch these no more: whoever made them may have made them anew."""
        for path in paths:
            self._known.pop(path, None)

    def changed(self) -> str | None:
        """The first that is not what it was; it costs a system call for each file."""
        for path, known in self._known.items():
            try:
                found = os.stat(path)  # noqa: PTH116 - as above
            except FileNotFoundError:
                return path
            except OSError:  # whoever uses the file meets the error
                continue
            if (found.st_dev, found.st_ino) != known:
                return path
            if path in self._sizes:
                if found.st_size < self._sizes[path]:
                    return path
                self._sizes[path] = found.st_size
        return None

"""A file written beside its place, and put there whole or not at all.

It knows nothing of what is written.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from runner.files.target import real_target, translated

_BUFFER = 1 << 20
_LONGEST_STEM = 50  # in characters of up to 4 bytes, so that the name stays under 255 bytes


@contextmanager
def placed(path: Path) -> Iterator[BinaryIO]:
    """Open a file for the block to write; it appears at `path` only when the block succeeds.

    One that is there is replaced, and its permissions stay.

    Raises:
        OutputError: the file cannot be written; what was at `path` is untouched.
    """
    target = real_target(path)
    part = target.with_name(f".{target.name[:_LONGEST_STEM]}.{secrets.token_hex(4)}.part")
    with translated(path):
        file = part.open("x+b", buffering=_BUFFER)
    try:
        yield file
        with translated(path):
            _put_in_place(file, part, target)
    finally:
        with suppress(OSError):  # closing writes what is left, which may fail once more
            file.close()
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _put_in_place(file: BinaryIO, part: Path, target: Path) -> None:
    file.flush()
    os.fsync(file.fileno())
    file.close()
    with suppress(FileNotFoundError):
        part.chmod(stat.S_IMODE(target.stat().st_mode))
    part.replace(target)
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Make the new name durable, where the system lets a folder be synced."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

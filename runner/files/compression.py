"""Bytes in and out of gzip and zstd.

It knows nothing of what the bytes say.
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from runner.errors import InputError, OutputError
from runner.files.extras import needed
from runner.files.formats import Packing

_BLOCK = 1 << 13  # a block of zstd may unfold to a thousand times its size: keep it small
_LEVEL = 6  # of gzip; its default, 9, takes three times as long for a hundredth less


class Bytes(Protocol):
    """What is read from; a read may hand over more than was asked for."""

    def read(self, size: int = ..., /) -> bytes: ...  # noqa: D102 - as of any file


def unpacked(file: BinaryIO, packing: Packing | None, path: Path) -> Bytes:
    """Return what `file` unfolds to.

    Raises:
        InputError: the library for it is not installed.
    """
    match packing:
        case None:
            return file
        case "gz":
            return _Whole(gzip.GzipFile(fileobj=file, mode="rb"), path, (zlib.error,))
        case "zst":
            with needed("zstd", path, InputError):
                import zstandard  # noqa: PLC0415 - an extra
            return _Whole(_Frames(file), path, (zstandard.ZstdError,))


def packed(file: BinaryIO, packing: Packing | None, path: Path) -> BinaryIO:
    """Return a file that folds what is written to it into `file`, which stays open behind it.

    Raises:
        OutputError: the library for it is not installed.
    """
    match packing:
        case None:
            return file
        case "gz":  # without a name and a time the same rows are the same bytes
            folded = gzip.GzipFile("", "wb", compresslevel=_LEVEL, fileobj=file, mtime=0)
            return cast("BinaryIO", folded)
        case "zst":
            with needed("zstd", path, OutputError):
                import zstandard  # noqa: PLC0415 - an extra
            return zstandard.ZstdCompressor().stream_writer(file, closefd=False)


class _Whole:
    """Tells the user when packed bytes are damaged, or end too soon."""

    def __init__(self, file: Bytes, path: Path, refusals: tuple[type[BaseException], ...]) -> None:
        self._file = file
        self._path = path
        self._refusals: tuple[type[BaseException], ...] = (EOFError, gzip.BadGzipFile, *refusals)

    def read(self, size: int = -1, /) -> bytes:
        """Read some bytes."""
        try:
            return self._file.read(size)
        except self._refusals as error:
            what = f"the file is damaged or cut short, and cannot be unpacked ({error})"
            raise InputError(
                what, where=str(self._path), remedy="fetch or pack it again"
            ) from error


class _Frames:
    """Zstd frames, one behind the other; unlike the library's reader, it notices a cut."""

    def __init__(self, file: BinaryIO) -> None:
        import zstandard  # noqa: PLC0415 - an extra

        self._new = zstandard.ZstdDecompressor().decompressobj
        self._file = file
        self._frame = self._new()
        self._rest = b""
        self._inside = False

    def read(self, _size: int = -1, /) -> bytes:
        """Read what the next block unfolds to."""
        while block := self._rest or self._file.read(_BLOCK):
            found = self._frame.decompress(block)
            self._inside, self._rest = True, b""
            if self._frame.eof:
                self._rest, self._inside = self._frame.unused_data, False
                self._frame = self._new()
            if found:
                return found
        if self._inside:
            raise EOFError("the last frame has no end")
        return b""

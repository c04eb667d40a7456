"""Reads and writes the bytes of compressed files."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from runner.errors import InputError, OutputError
from runner.files.formats import Compression, require_extra
from runner.language import _

_BLOCK = 1 << 13  # a block of zstd may expand to a thousand times its size: keep it small
_WINDOW = 1 << 31  # of zstd --long=31; a frame takes the memory only if it asks for it
_LEVEL = 6  # of gzip; its default, 9, takes three times as long for a hundredth less


class ByteSource(Protocol):
    """A source of bytes; a read may return more than was asked for."""

    def read(self, size: int = ..., /) -> bytes: ...  # noqa: D102 - as of any file


def decompressed(file: BinaryIO, compression: Compression | None, path: Path) -> ByteSource:
    """Return a source of the decompressed bytes of `file`.

    Raises:
        InputError: The library for the compression is not installed.
    """
    match compression:
        case None:
            return file
        case "gz":
            return _Strict(gzip.GzipFile(fileobj=file, mode="rb"), path, (zlib.error,))
        case "bz2":
            return _Strict(bz2.BZ2File(file), path, (OSError, ValueError))
        case "xz":
            return _Strict(lzma.LZMAFile(file), path, (lzma.LZMAError,))
        case "zip":
            return _Strict(_only_member(file, path), path, (zipfile.BadZipFile, zlib.error))
        case "zst":
            with require_extra("zstd", path, InputError):
                import zstandard  # noqa: PLC0415 - an extra
            return _Strict(_ZstdFrames(file), path, (zstandard.ZstdError,))


def compressed(file: BinaryIO, compression: Compression | None, path: Path) -> BinaryIO:
    """Return a file that compresses what is written to it into `file`.

    Closing it leaves `file` open.

    Raises:
        OutputError: The library for the compression is not installed.
    """
    match compression:
        case None:
            return file
        case "gz":  # without a name and a time the same rows give the same bytes
            gzipped = gzip.GzipFile("", "wb", compresslevel=_LEVEL, fileobj=file, mtime=0)
            return cast("BinaryIO", gzipped)
        case "bz2":
            return cast("BinaryIO", bz2.BZ2File(file, "wb"))
        case "xz":
            return cast("BinaryIO", lzma.LZMAFile(file, "wb"))
        case "zip":
            raise OutputError(
                _("no results are written as .zip"), where=str(path), remedy=_("use .gz")
            )
        case "zst":
            with require_extra("zstd", path, OutputError):
                import zstandard  # noqa: PLC0415 - an extra
            return zstandard.ZstdCompressor().stream_writer(file, closefd=False)


def zip_members(file: BinaryIO) -> list[str]:
    """Return the names of the files in a zip archive, without those that macOS adds.

    Raises:
        BadZipFile: It is not a zip archive.
    """
    with zipfile.ZipFile(file) as archive:
        names = [member.filename for member in archive.infolist() if not member.is_dir()]
    return [name for name in names if not name.startswith("__MACOSX/")]


def _only_member(file: BinaryIO, path: Path) -> ByteSource:
    try:
        names = zip_members(file)
        if len(names) == 1:
            return cast("ByteSource", zipfile.ZipFile(file).open(names[0]))
        what = _("the archive holds {names} files").format(names=len(names))
    except zipfile.BadZipFile:
        what = _("this is not a zip archive, or it is damaged")
    except (RuntimeError, NotImplementedError) as error:  # a password, or a rare compression
        what = _("the archive cannot be unpacked ({error})").format(error=error)
    raise InputError(what, where=str(path), remedy=_("unpack it, and name the file you mean"))


class _Strict:
    """Raises an `InputError` when compressed bytes are damaged or end too soon."""

    def __init__(
        self, file: ByteSource, path: Path, errors: tuple[type[BaseException], ...]
    ) -> None:
        self._file = file
        self._path = path
        self._errors: tuple[type[BaseException], ...] = (EOFError, gzip.BadGzipFile, *errors)

    def read(self, size: int = -1, /) -> bytes:
        """Read some bytes."""
        try:
            return self._file.read(size)
        except self._errors as error:
            what = _(
                "the file is damaged or truncated, and cannot be decompressed ({error})"
            ).format(error=error)
            remedy = _("download or compress it again")
            raise InputError(what, where=str(self._path), remedy=remedy) from error


class _ZstdFrames:
    """Consecutive zstd frames; unlike the library's reader, it notices a truncated file."""

    def __init__(self, file: BinaryIO) -> None:
        import zstandard  # noqa: PLC0415 - an extra

        self._new_frame = zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj
        self._file = file
        self._frame = self._new_frame()
        self._rest = b""
        self._inside = False

    def read(self, _size: int = -1, /) -> bytes:
        """Return the decompressed bytes of the next block."""
        while block := self._rest or self._file.read(_BLOCK):
            found = self._frame.decompress(block)
            self._inside, self._rest = True, b""
            if self._frame.eof:
                self._rest, self._inside = self._frame.unused_data, False
                self._frame = self._new_frame()
            if found:
                return found
        if self._inside:
            raise EOFError(_("the last frame has no end"))
        return b""

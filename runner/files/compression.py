"""Compresses and decompresses files."""

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

_BLOCK = 1 << 13  # bytes; small, because zstd may expand a block a thousandfold
_WINDOW = 1 << 31  # bytes, for zstd --long=31; only frames that need it allocate it
_LEVEL = 6  # for gzip; its default, 9, takes three times as long and saves one per cent


_ADDED = {"Thumbs.db", "desktop.ini"}


class ByteSource(Protocol):
    """A source of bytes; a read may return more than `size` bytes."""

    def read(self, size: int = ..., /) -> bytes: ...  # noqa: D102 - as in any file


def decompressed(file: BinaryIO, compression: Compression | None, path: Path) -> ByteSource:
    """Returns a source of the decompressed bytes of `file`.

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
                import zstandard  # an extra
            return _Strict(_ZstdFrames(file), path, (zstandard.ZstdError,))


def compressed(file: BinaryIO, compression: Compression | None, path: Path) -> BinaryIO:
    """Returns a file that writes compressed bytes to `file`.

    Closing it leaves `file` open.

    Raises:
        OutputError: The library for the compression is not installed.
    """
    match compression:
        case None:
            return file
        case "gz":  # without name and time in the header, equal rows give equal bytes
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
                import zstandard  # an extra
            return zstandard.ZstdCompressor().stream_writer(file, closefd=False)


def zip_members(file: BinaryIO) -> list[str]:
    """Returns the names of the files in a zip archive, without those that file managers add.

    Raises:
        BadZipFile: The file is not a zip archive.
    """
    with zipfile.ZipFile(file) as archive:
        names = [member.filename for member in archive.infolist() if not member.is_dir()]
    return [name for name in names if not _is_added(name)]


def _is_added(name: str) -> bool:
    base = name.rpartition("/")[2]
    return name.startswith("__MACOSX/") or base.startswith(".") or base in _ADDED


def _only_member(file: BinaryIO, path: Path) -> ByteSource:
    try:
        names = zip_members(file)
        if len(names) == 1:
            return cast("ByteSource", zipfile.ZipFile(file).open(names[0]))
        what = _("the archive holds {names} files").format(names=len(names))
    except zipfile.BadZipFile:
        what = _("this is not a zip archive, or it is damaged")
    except (RuntimeError, NotImplementedError) as error:  # encrypted, or an unknown compression
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
        """Reads some bytes.

        Raises:
            InputError: The compressed bytes are damaged or truncated.
        """
        try:
            return self._file.read(size)
        except self._errors as error:
            what = _(
                "the file is damaged or truncated, and cannot be decompressed ({error})"
            ).format(error=error)
            remedy = _("download or compress it again")
            raise InputError(what, where=str(self._path), remedy=remedy) from error


class _ZstdFrames:
    """Reads consecutive zstd frames; unlike the library's reader, it detects a truncated file."""

    def __init__(self, file: BinaryIO) -> None:
        import zstandard  # an extra

        self._new_frame = zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj
        self._file = file
        self._frame = self._new_frame()
        self._rest = b""
        self._inside = False

    def read(self, _size: int = -1, /) -> bytes:
        """Returns the decompressed bytes of the next block; empty at the end."""
        while block := self._rest or self._file.read(_BLOCK):
            data = self._frame.decompress(block)
            self._inside, self._rest = True, b""
            if self._frame.eof:
                self._rest, self._inside = self._frame.unused_data, False
                self._frame = self._new_frame()
            if data:
                return data
        if self._inside:
            raise EOFError(_("the last frame has no end"))
        return b""

"""Reads the lines of a text file in blocks, split at line feeds and decoded strictly as UTF-8.

A line keeps its line end. A carriage return is an ordinary character, unless it is the line end.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from io import BytesIO
from itertools import chain
from pathlib import Path

from runner.errors import InputError
from runner.files.compression import ByteSource
from runner.language import _

_BLOCK = 1 << 18
_BOM = b"\xef\xbb\xbf"
_RETURN_LINE = re.compile(rb"[^\r]*\r|[^\r]+")

MAX_LINE = 1 << 26
"""The longest line, in bytes, so that a file without line ends does not fill the memory."""

ReportError = Callable[[int, str], None]
"""Called with the line number at which a row begins, and the error in the row."""


class NotUtf8Error(InputError):
    """A text file contains bytes that are not UTF-8."""


class Lines:
    """One pass over a file's lines.

    Args:
        file: The source of the bytes.
        path: The file, for errors.
        verify: Whether to hash the bytes, and to raise `InputError` for bytes that are not UTF-8
            text. Otherwise they raise `UnicodeDecodeError`.
        inner_marks: Whether to skip a byte order mark at the start of later lines as well, as in
            concatenated files.
        end: The byte that ends a line.
    """

    def __init__(
        self,
        file: ByteSource,
        path: Path,
        *,
        verify: bool,
        inner_marks: bool = False,
        end: bytes = b"\n",
    ) -> None:
        self._file = file
        self._path = path
        self._verify = verify
        self._inner_marks = inner_marks
        self._end = end
        self._hash = hashlib.sha256()
        self._done_lines = 0
        self._done_bytes = 0

    def __iter__(self) -> Iterator[str]:
        split = _split if self._end == b"\n" else _split_at_returns
        return chain.from_iterable(map(split, self._blocks()))

    @property
    def digest(self) -> str:
        """The SHA-256, in hex, of the bytes read so far; meaningless without `verify`."""
        return self._hash.hexdigest()

    def _blocks(self) -> Iterator[bytes]:
        """Yields the file in blocks of whole lines; the last line may lack its line end."""
        for position, piece in enumerate(self._whole_lines()):
            if self._verify:
                self._check(piece)
            whole = piece.removeprefix(_BOM) if position == 0 or self._inner_marks else piece
            yield whole.replace(self._end + _BOM, self._end) if self._inner_marks else whole

    def _whole_lines(self) -> Iterator[bytes]:
        rest: list[bytes] = []
        pending = 0
        while chunk := self._read():
            cut = chunk.rfind(self._end) + 1
            if cut:
                yield b"".join((*rest, chunk[:cut]))
                rest, pending = [], 0
            rest.append(chunk[cut:])
            pending += len(chunk) - cut
            if pending > MAX_LINE:
                raise self._too_long()
        if pending:
            yield b"".join(rest)

    def _read(self) -> bytes:
        chunk = self._file.read(_BLOCK)
        if self._verify:
            self._hash.update(chunk)
        return chunk

    def _check(self, piece: bytes) -> None:
        zero = piece.find(b"\0")
        if zero >= 0:
            raise self._not_text(piece, zero, _("a NUL byte"), _("name a text file"))
        try:
            piece.decode()
        except UnicodeDecodeError as error:
            byte = _("the byte 0x{piece:02x}, which is not UTF-8").format(piece=piece[error.start])
            remedy = _("save the file as UTF-8, or name its encoding with --encoding, as in cp1252")
            fault = self._not_text(piece, error.start, byte, remedy)
            raise NotUtf8Error(fault.what, where=fault.where, remedy=fault.remedy) from error
        self._done_lines += piece.count(self._end)
        self._done_bytes += len(piece)

    def _not_text(self, piece: bytes, at: int, found: str, remedy: str) -> InputError:
        line = self._done_lines + piece.count(self._end, 0, at) + 1
        what = _("the file holds {found} (at offset {offset})").format(
            found=found, offset=self._done_bytes + at
        )
        return InputError(what, where=f"{self._path}:{line}", remedy=remedy)

    def _too_long(self) -> InputError:
        what = _("a line is longer than {most} MB").format(most=MAX_LINE >> 20)
        remedy = _("check that the file is a dataset with one row a line")
        return InputError(what, where=str(self._path), remedy=remedy)


def _split(piece: bytes) -> Iterator[str]:
    # Measured against StringIO and str.split, this is 10 % faster and takes the least memory.
    return map(bytes.decode, BytesIO(piece))


def _split_at_returns(piece: bytes) -> Iterator[str]:
    return map(bytes.decode, _RETURN_LINE.findall(piece))

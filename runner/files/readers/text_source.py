"""Converts a text file for its reader: decompressed, in UTF-8, and JSON lists as JSON Lines."""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import BinaryIO

from runner.errors import InputError
from runner.files.compression import ByteSource, decompressed
from runner.files.formats import FileType
from runner.language import _

_BOM = b"\xef\xbb\xbf"
# A whole string in quotes, or a character with a meaning outside of strings.
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|["{}\[\],\n]', re.DOTALL)
_REST_OF_STRING = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)


def text_source(file: BinaryIO, path: Path, file_type: FileType) -> ByteSource:
    """Returns a source of the text of an open file, in UTF-8; a JSON list is split into lines.

    Raises:
        InputError: The library for the compression is not installed.
    """
    source = decompressed(file, file_type.compression, path)
    if file_type.encoding:
        source = _Transcoded(source, path, file_type.encoding)
    return _json_lines(source, path) if file_type.format == "jsonl" else source


class _Transcoded:
    """Converts text in another encoding to UTF-8."""

    def __init__(self, source: ByteSource, path: Path, encoding: str) -> None:
        self._source, self._path, self._encoding = source, path, encoding
        self._decoder = codecs.getincrementaldecoder(encoding)()

    def read(self, size: int = -1, /) -> bytes:
        """Returns the next characters in UTF-8; empty at the end."""
        while True:
            block = self._source.read(size)
            try:
                text = self._decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                byte = f"0x{error.object[error.start]:02x}"
                what = _("the file holds the byte {byte}, which is not {encoding}").format(
                    byte=byte, encoding=self._encoding
                )
                remedy = _("name its encoding with --encoding, or save it as UTF-8")
                raise InputError(what, where=str(self._path), remedy=remedy) from error
            if text or not block:
                return text.encode()


def _json_lines(source: ByteSource, path: Path) -> ByteSource:
    """Returns the source, or its items as lines if it is a JSON list."""
    head = source.read(1 << 16)
    is_list = head.removeprefix(_BOM).lstrip().startswith(b"[")
    return _ListLines(_Resumed(head, source), path) if is_list else _Resumed(head, source)


class _Resumed:
    """A source whose head was already read; it returns that first."""

    def __init__(self, head: bytes, source: ByteSource) -> None:
        self._head = head
        self._source = source

    def read(self, size: int = -1, /) -> bytes:
        """Returns the head, then the rest of the source."""
        head, self._head = self._head, b""
        return head or self._source.read(size)


class _ListLines:
    """Converts a JSON list to lines, one for each item."""

    def __init__(self, source: ByteSource, path: Path) -> None:
        self._source = source
        self._path = path
        self._depth = 0
        self._in_string = False
        self._pending = b""

    def read(self, size: int = -1, /) -> bytes:
        """Returns the next bytes of the lines.

        Raises:
            InputError: The file ends before the list does.
        """
        while block := self._source.read(size):
            if lines := self._lines(self._pending + block):
                return lines
        if self._depth or self._in_string:
            what = _("the list of rows has no end")
            raise InputError(what, where=str(self._path), remedy=_("download or export it again"))
        return b""

    def _lines(self, block: bytes) -> bytes:
        if (len(block) - len(block.rstrip(b"\\"))) % 2:  # the block ends within an escape
            block, self._pending = block[:-1], b"\\"
        else:
            self._pending = b""
        at = self._end_of_string(block)
        pieces, start = [], 0
        while not self._in_string and (token := _TOKEN.search(block, at)):
            at = token.end()
            sign = token[0]
            self._in_string = sign == b'"'
            if (replacement := self._replacement(sign)) is not None:
                pieces += [block[start : token.start()], replacement]
                start = at
        return b"".join([*pieces, block[start:]])

    def _end_of_string(self, block: bytes) -> int:
        """Returns the end of a string that began in an earlier block; 0 when there is none."""
        if not self._in_string or not (rest := _REST_OF_STRING.match(block)):
            return 0
        self._in_string = False
        return rest.end()

    def _replacement(self, sign: bytes) -> bytes | None:
        """Returns the replacement of a character; None to keep it."""
        if sign in b"[{":
            self._depth += 1
            return b"" if self._depth == 1 else None
        if sign in b"]}":
            self._depth -= 1
            return b"\n" if self._depth == 0 else None
        if sign == b"\n":
            return b" "
        return b"\n" if sign == b"," and self._depth == 1 else None

"""The bytes of a text file as its reader wants them: unpacked, in UTF-8, one JSON object a line."""

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
# A whole text in quotes, or a sign with a meaning outside of texts.
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|["{}\[\],\n]', re.DOTALL)
_REST_OF_TEXT = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)


def text_source(file: BinaryIO, path: Path, file_type: FileType) -> ByteSource:
    """Return a source of the text in an open file, in UTF-8.

    Raises:
        InputError: The library for the compression is not installed.
    """
    source = decompressed(file, file_type.compression, path)
    if file_type.encoding:
        source = _Transcoded(source, path, file_type.encoding)
    return _json_lines(source, path) if file_type.format == "jsonl" else source


class _Transcoded:
    """Text of another encoding as UTF-8."""

    def __init__(self, source: ByteSource, path: Path, encoding: str) -> None:
        self._source, self._path, self._encoding = source, path, encoding
        self._decoder = codecs.getincrementaldecoder(encoding)()

    def read(self, size: int = -1, /) -> bytes:
        """Return the next characters; nothing at the end."""
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
    """Return the source itself, or the lines of the list of objects that it holds."""
    head = source.read(1 << 16)
    is_list = head.removeprefix(_BOM).lstrip().startswith(b"[")
    return _ListLines(_Resumed(head, source), path) if is_list else _Resumed(head, source)


class _Resumed:
    """A source of which the head was read before."""

    def __init__(self, head: bytes, source: ByteSource) -> None:
        self._head = head
        self._source = source

    def read(self, size: int = -1, /) -> bytes:
        """Return the head first."""
        head, self._head = self._head, b""
        return head or self._source.read(size)


class _ListLines:
    """The items of one JSON list, each on a line."""

    def __init__(self, source: ByteSource, path: Path) -> None:
        self._source = source
        self._path = path
        self._depth = 0
        self._in_text = False
        self._held = b""

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes of the lines.

        Raises:
            InputError: The file ends before the list does.
        """
        while block := self._source.read(size):
            if lines := self._lines(self._held + block):
                return lines
        if self._depth or self._in_text:
            what = _("the list of rows has no end")
            raise InputError(what, where=str(self._path), remedy=_("download or export it again"))
        return b""

    def _lines(self, block: bytes) -> bytes:
        if (len(block) - len(block.rstrip(b"\\"))) % 2:  # an escape whose end is not here yet
            block, self._held = block[:-1], b"\\"
        else:
            self._held = b""
        at = self._end_of_text(block)
        pieces, start = [], 0
        while not self._in_text and (token := _TOKEN.search(block, at)):
            at = token.end()
            sign = token[0]
            self._in_text = sign == b'"'
            if (put := self._put(sign)) is not None:
                pieces += [block[start : token.start()], put]
                start = at
        return b"".join([*pieces, block[start:]])

    def _end_of_text(self, block: bytes) -> int:
        """Return where a text ends that began in a block before; 0 when there is none."""
        if not self._in_text or not (rest := _REST_OF_TEXT.match(block)):
            return 0
        self._in_text = False
        return rest.end()

    def _put(self, sign: bytes) -> bytes | None:
        """Return what stands in the place of a sign; None: the sign itself."""
        if sign in b"[{":
            self._depth += 1
            return b"" if self._depth == 1 else None
        if sign in b"]}":
            self._depth -= 1
            return b"\n" if self._depth == 0 else None
        if sign == b"\n":
            return b" "
        return b"\n" if sign == b"," and self._depth == 1 else None

"""Converts a text file for its reader: decompressed, in UTF-8, and other JSON as JSON Lines."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from runner.errors import InputError
from runner.files.compression import ByteSource, decompressed
from runner.files.formats import FileType
from runner.files.readers.json_layout import json_lines
from runner.language import _


def text_source(
    file: BinaryIO, path: Path, file_type: FileType, note: Callable[[str], object] = id
) -> ByteSource:
    """Returns a source of the text of an open file, in UTF-8; JSON of any layout is JSON Lines.

    Args:
        file: The file.
        path: Its path, for errors.
        file_type: Its type.
        note: Called with an assumption made about the file, for the user.

    Raises:
        InputError: The library for the compression is not installed.
    """
    source = decoded_source(file, path, file_type)
    return json_lines(source, path, note) if file_type.format == "jsonl" else source


def decoded_source(file: BinaryIO, path: Path, file_type: FileType) -> ByteSource:
    """Returns a source of the text of an open file in its own layout, decompressed and in UTF-8.

    Raises:
        InputError: The library for the compression is not installed.
    """
    source = decompressed(file, file_type.compression, path)
    return _Transcoded(source, path, file_type.encoding) if file_type.encoding else source


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
            except UnicodeError as error:
                remedy = _("name its encoding with --encoding, or save it as UTF-8")
                raise InputError(
                    self._fault(error), where=str(self._path), remedy=remedy
                ) from error
            if text or not block:
                return text.encode()

    def _fault(self, error: UnicodeError) -> str:
        if isinstance(error, UnicodeDecodeError):
            what = _("the file holds the byte {byte}, which is not {encoding}")
            byte = f"0x{error.object[error.start]:02x}"
            return what.format(byte=byte, encoding=self._encoding)
        return _("the file is not {encoding}").format(encoding=self._encoding)  # it has no mark

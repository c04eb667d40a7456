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
    source = decompressed(file, file_type.compression, path)
    if file_type.encoding:
        source = _Transcoded(source, path, file_type.encoding)
    return json_lines(source, path, note) if file_type.format == "jsonl" else source


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

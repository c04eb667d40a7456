"""Uploads: the one file of a form, written to the disk as it comes, and the form's other fields."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.types import Message, Receive, Scope

from runner.files.target import as_output_errors
from runner.server.replies import header, invalid

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

# As OpenAI's batches have it.
MOST_FILE_BYTES = 200_000_000
# So long may each piece of an upload take to come.
LONGEST_PIECE_S = 120.0
_MOST_FIELD_BYTES = 64 << 10
_MOST_FIELDS = 32
_MOST_NAME = 255


@dataclass(slots=True)
class Form:
    """What was sent.

    Attributes:
        filename: Of the file; None: there was no file.
        fields: The others, by name.
    """

    filename: str | None = None
    fields: dict[str, str] = field(default_factory=dict)


async def read_form(scope: Scope, receive: Receive, target: Path) -> Form | None:
    """Read a form whose file goes to `target`; None: the client has left before its end.

    Raises:
        Problem: It is no form, is too large, or does not go on.
        OutputError: The file cannot be written.
    """
    kind, options = parse_options_header(header(scope, b"content-type") or "")
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise invalid("a file is sent as multipart/form-data, with a boundary")
    told = header(scope, b"content-length") or ""
    if told.isdecimal() and int(told[:18]) > MOST_FILE_BYTES + _MOST_FIELDS * _MOST_FIELD_BYTES:
        raise invalid(f"the file is larger than {MOST_FILE_BYTES:,} bytes", status=413)
    with as_output_errors(target), target.open("xb") as file:
        reader = _Reader(file)
        parser = MultipartParser(options[b"boundary"], reader.callbacks())
        try:
            while True:
                message = await _next_piece(receive)
                if message["type"] == "http.disconnect":
                    return None
                parser.write(message.get("body", b""))
                if not message.get("more_body", False):
                    break
            parser.finalize()
        except MultipartParseError as error:
            raise invalid(f"this is no form: {error}") from None
    if not reader.is_complete:
        raise invalid("the form is cut off")
    return reader.form


async def _next_piece(receive: Receive) -> Message:
    try:
        async with asyncio.timeout(LONGEST_PIECE_S):
            return await receive()
    except TimeoutError:
        raise invalid("the upload did not go on in time", status=408) from None


class _Reader:
    """Takes the parts of a form as the parser finds them."""

    def __init__(self, file: BinaryIO) -> None:
        self.form = Form()
        self.is_complete = False
        self._file = file
        self._size = 0
        self._header_name = b""
        self._header_value = b""
        self._disposition: Mapping[bytes, bytes] = {}
        self._value = bytearray()

    def callbacks(self) -> MultipartCallbacks:
        """What the parser calls."""
        return {
            "on_part_begin": self._begin,
            "on_part_data": self._data,
            "on_part_end": self._end_part,
            "on_header_field": self._name,
            "on_header_value": self._text,
            "on_header_end": self._end_header,
            "on_end": self._end,
        }

    @property
    def _is_file(self) -> bool:
        return b"filename" in self._disposition

    def _begin(self) -> None:
        self._disposition, self._value = {}, bytearray()

    def _name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _text(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _end_header(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            _, self._disposition = parse_options_header(self._header_value)
            if self._is_file:
                if self.form.filename is not None:
                    raise invalid("a form holds one file", param="file")
                name = self._disposition[b"filename"].decode("utf-8", "replace")
                self.form.filename = "".join(c for c in name if c.isprintable())[-_MOST_NAME:]
        self._header_name = self._header_value = b""

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self._size += end - start
            if self._size > MOST_FILE_BYTES:
                raise invalid(f"the file is larger than {MOST_FILE_BYTES:,} bytes", status=413)
            self._file.write(data[start:end])
            return
        self._value += data[start:end]
        if len(self._value) > _MOST_FIELD_BYTES:
            raise invalid("a field of the form is too large", status=413)

    def _end_part(self) -> None:
        if not self._is_file and len(self.form.fields) < _MOST_FIELDS:
            name = self._disposition.get(b"name", b"").decode("utf-8", "replace")
            self.form.fields[name] = bytes(self._value).decode("utf-8", "replace")

    def _end(self) -> None:
        self.is_complete = True

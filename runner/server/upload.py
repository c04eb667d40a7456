"""Reads multipart uploads: files go to disk as they arrive, other fields are kept in memory.

Files are written in a thread, so a slow disk does not block other requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.types import Message, Receive, Scope

from runner.files.target import as_output_errors
from runner.server.replies import Problem, header, invalid
from runner.threads import in_thread

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

# The longest time between two chunks of an upload.
LONGEST_PIECE_S = 120.0
_MOST_FIELDS = 32
_MOST_NAME = 255


@dataclass(frozen=True, slots=True)
class SentFile:
    """An uploaded file: the name of its form field, its file name, and its path on disk."""

    field: str
    filename: str
    path: Path


@dataclass(slots=True)
class Form:
    """An uploaded form: its fields by name, and its files in order of arrival."""

    fields: dict[str, str] = field(default_factory=dict)
    files: list[SentFile] = field(default_factory=list)


# Returns the path for the next file of a form, given the form so far, the name of the field and the
# file name; None: the file is discarded. It may refuse the form by raising `Problem`.
Place = Callable[[Form, str, str], Path | None]


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """The limits of a form in bytes: of all files together, and of each other field."""

    files: int
    field: int = 64 << 10


async def read_form(
    scope: Scope, receive: Receive, place: Place, limits: UploadLimits
) -> Form | None:
    """Reads a form; returns None if the client disconnects before its end.

    Args:
        scope: The request.
        receive: Receives the body.
        place: Returns the path for each file.
        limits: The size limits.

    Raises:
        Problem: It is not a valid form, is too large, or does not arrive in time.
        OutputError: A file cannot be written.
    """
    kind, options = parse_options_header(header(scope, b"content-type") or "")
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise invalid("a file is sent as multipart/form-data, with a boundary")
    length = header(scope, b"content-length") or ""
    if length.isdecimal() and int(length[:18]) > limits.files + _MOST_FIELDS * limits.field:
        raise _too_large(limits)
    with ExitStack() as open_files:
        reader = _Reader(place, limits, open_files)
        try:
            parser = MultipartParser(options[b"boundary"], reader.callbacks())
            while True:
                message = await _next_chunk(receive)
                if message["type"] == "http.disconnect":
                    return None
                await in_thread(parser.write, message.get("body", b""))
                if not message.get("more_body", False):
                    break
            parser.finalize()
        except FormParserError as error:
            raise invalid(f"the request is not a valid form: {error}") from None
        if not reader.is_complete:
            raise invalid("the form is cut off")
        return reader.form


async def _next_chunk(receive: Receive) -> Message:
    try:
        async with asyncio.timeout(LONGEST_PIECE_S):
            return await receive()
    except TimeoutError:
        raise invalid("the upload did not go on in time", status=408) from None


def _too_large(limits: UploadLimits) -> Problem:
    return invalid(f"the file is larger than {limits.files:,} bytes", status=413)


def _close_unfinished(file: BinaryIO) -> None:
    """Closes a file that may be open; write errors were reported already."""
    with suppress(OSError):
        file.close()


class _Reader:
    """Handles the parser's events; its files are closed with `opened`."""

    def __init__(self, place: Place, limits: UploadLimits, opened: ExitStack) -> None:
        self.form = Form()
        self.is_complete = False
        self._place = place
        self._limits = limits
        self._opened = opened
        self._file: BinaryIO | None = None
        self._path = Path()
        self._size = 0
        self._header_name = b""
        self._header_value = b""
        self._disposition: Mapping[bytes, bytes] = {}
        self._value = bytearray()

    def callbacks(self) -> MultipartCallbacks:
        """Returns the parser's callbacks."""
        return {
            "on_part_begin": self._begin,
            "on_part_data": self._data,
            "on_part_end": self._end_part,
            "on_header_field": self._name,
            "on_header_value": self._text,
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_end": self._end,
        }

    @property
    def _is_file(self) -> bool:
        return b"filename" in self._disposition

    def _begin(self) -> None:
        self._disposition, self._value, self._file = {}, bytearray(), None

    def _name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _text(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _end_header(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            _, self._disposition = parse_options_header(self._header_value)
        self._header_name = self._header_value = b""

    def _end_headers(self) -> None:
        if not self._is_file:
            return
        sent = self._disposition[b"filename"].decode("utf-8", "replace")
        filename = "".join(c for c in sent if c.isprintable())[-_MOST_NAME:]
        path = self._place(self.form, self._field, filename)
        if path is not None:
            self._path = path
            with as_output_errors(path):
                self._file = path.open("xb")
            self._opened.callback(_close_unfinished, self._file)
            self.form.files.append(SentFile(self._field, filename, path))

    @property
    def _field(self) -> str:
        return self._disposition.get(b"name", b"").decode("utf-8", "replace")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if not self._is_file:
            self._value += data[start:end]
            if len(self._value) > self._limits.field:
                raise invalid("a field of the form is too large", status=413)
            return
        self._size += end - start
        if self._size > self._limits.files:
            raise _too_large(self._limits)
        if self._file is not None:
            with as_output_errors(self._path):
                self._file.write(data[start:end])

    def _end_part(self) -> None:
        if self._file is not None:
            with as_output_errors(self._path):
                self._file.close()
        if not self._is_file and len(self.form.fields) < _MOST_FIELDS:
            self.form.fields[self._field] = bytes(self._value).decode("utf-8", "replace")

    def _end(self) -> None:
        self.is_complete = True

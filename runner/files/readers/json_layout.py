"""Converts JSON of any layout to JSON Lines: a list, indented objects, and a table of pandas."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import orjson

from runner import exact_json
from runner.errors import InputError
from runner.files.compression import ByteSource
from runner.files.readers.frames import (
    Row,
    frame_rows,
    is_grid,
    may_be_columns,
    may_be_frame,
    orient_of,
)
from runner.language import _

_BOM = b"\xef\xbb\xbf"
_HEAD = 1 << 16
_MOST_FRAME = 1 << 24  # bytes of a table of pandas, which is parsed as a whole
_ROWS = 1_000
_RECORDS = 'to_json("rows.jsonl", orient="records", lines=True)'
# A whole string in quotes, or a character with a meaning outside of strings.
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|["{}\[\],\n]', re.DOTALL)
_REST_OF_STRING = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_INDENTED = re.compile(rb"\{[ \t\r]*\n")
_SECOND_LINE = re.compile(rb"\n\s*\S")


def json_lines(source: ByteSource, path: Path, note: Callable[[str], object]) -> ByteSource:
    """Returns a source of JSON Lines.

    Args:
        source: The text of a file, which may be JSON of any layout.
        path: The file, for errors.
        note: Called with an assumption made about the file, for the user.

    Raises:
        InputError: The file seems to be a table of pandas that cannot be read.
    """
    head = source.read(_HEAD)
    text = head.removeprefix(_BOM).lstrip()
    lines: ByteSource = _Resumed(head, source)
    if text.startswith(b"["):
        return ValueLines(lines, path, outer=1)
    if _INDENTED.match(text):
        lines = ValueLines(lines, path, outer=0)
    looks = may_be_frame(text) or (_is_json(path) and may_be_columns(text))
    return _of_frame(lines, path, note) if looks else lines


def _of_frame(source: ByteSource, path: Path, note: Callable[[str], object]) -> ByteSource:
    """Returns the rows of a table of pandas; the source itself if it is something else."""
    text, is_one_line = _first_line(source, path)
    if not is_one_line:
        return _Resumed(text, source)
    try:
        value = exact_json.loads(text.removeprefix(_BOM).decode())
    except (orjson.JSONDecodeError, UnicodeDecodeError):
        return _Resumed(text, source)
    if orient := orient_of(value):
        remark = _('{name}: read as the table that pandas writes with orient="{orient}"')
        note(remark.format(name=path.name, orient=orient))
        return _Chunks(_lines_of(frame_rows(value, orient)))
    if _is_json(path) and is_grid(value):
        what = _("the file is one object: a row of objects, or a table that pandas wrote")
        raise InputError(what, where=str(path), remedy=_write_records())
    return _Resumed(text, source)


def _is_json(path: Path) -> bool:
    return ".json" in map(str.lower, path.suffixes)


def _first_line(source: ByteSource, path: Path) -> tuple[bytes, bool]:
    """Reads a line and perhaps some of the next one; returns it, and whether it is the only one."""
    pieces: list[bytes] = []
    size, has_end = 0, False
    while chunk := source.read(_HEAD):
        pieces.append(chunk)
        size += len(chunk)
        if _SECOND_LINE.search(chunk) or (has_end and chunk.strip()):
            return b"".join(pieces), False
        has_end = has_end or b"\n" in chunk
        if size > _MOST_FRAME:
            what = _("the file is one object, and longer than {most} MB")
            shown = what.format(most=_MOST_FRAME >> 20)
            raise InputError(shown, where=str(path), remedy=_write_records())
    return b"".join(pieces), True


def _write_records() -> str:
    return _(
        "write a table with {call}; if the file is a single row, give its name the suffix .jsonl"
    ).format(call=_RECORDS)


def _lines_of(rows: Iterator[Row]) -> Iterator[bytes]:
    while some := list(islice(rows, _ROWS)):
        yield b"".join(exact_json.dumps(row) + b"\n" for row in some)


class _Chunks:
    """A source of given pieces."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def read(self, _size: int = -1, /) -> bytes:
        """Returns the next piece; empty at the end."""
        return next(self._pieces, b"")


class _Resumed:
    """A source whose head was already read; it returns that first."""

    def __init__(self, head: bytes, source: ByteSource) -> None:
        self._head = head
        self._source = source

    def read(self, size: int = -1, /) -> bytes:
        """Returns the head, then the rest of the source."""
        head, self._head = self._head, b""
        return head or self._source.read(size)


class ValueLines:
    """Converts JSON values to lines, one for each.

    Args:
        source: The source of the text.
        path: The file, for errors.
        outer: The nesting depth at which the values are: 1 for the items of a list, 0 for values
            that follow each other.
    """

    def __init__(self, source: ByteSource, path: Path, outer: int) -> None:
        self._source = source
        self._path = path
        self._outer = outer
        self._depth = 0
        self._in_string = False
        self._pending = b""

    def read(self, size: int = -1, /) -> bytes:
        """Returns the next bytes of the lines.

        Raises:
            InputError: The file ends within a value or the list.
        """
        while block := self._source.read(size):
            if lines := self._lines(self._pending + block):
                return lines
        if self._depth or self._in_string:
            what = _("the list of rows has no end") if self._outer else _("the last row has no end")
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
            return b"" if self._depth == self._outer else None
        if sign in b"]}":
            self._depth -= 1
            if self._depth:
                return None
            return b"\n" if self._outer else sign + b"\n"
        if sign == b"\n":
            return b" "
        return b"\n" if sign == b"," and self._depth == self._outer else None

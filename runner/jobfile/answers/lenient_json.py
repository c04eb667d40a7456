"""Parses JSON as models write it: with trailing commas, single quotes, Python's literals and so on.

Nothing is repaired by guessing: a truncated, malformed or contradictory text is not JSON.
"""

# ruff: noqa: RUF001 - colons and quotes of many scripts are the point

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

from runner.exact_json import Number

MAX_DEPTH = 60
MAX_LENGTH = 300_000
"""The longest text, in characters, that is parsed leniently; a longer one must be strict JSON."""

_SPACE = re.compile(r"[\s\ufeff\u200b]*")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])", re.ASCII)
_WORD = re.compile(r"(?:true|false|null|True|False|None)(?!\w)")
_WORDS = {"true": True, "false": False, "null": None, "True": True, "False": False, "None": None}
_QUOTES = {'"': '"', "'": "'", "“": "”", "”": "”", "‘": "’", "’": "’"}
_CHUNKS = {end: re.compile(rf"[^{end}\\]*") for end in set(_QUOTES.values())}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_SELF_ESCAPES = "\"\\/'“”‘’"  # characters that a backslash leaves unchanged
_HEX = re.compile(r"[0-9a-fA-F]{4}")
_CLOSERS = {"{": "}｝", "[": "]］", "｛": "}｝", "［": "]］"}
_COMMAS, _COLONS = ",，、", ":："
_KEY_OF_CODE = re.compile(r"\s*[A-Za-z_]\w*\s*:")
OPENERS = re.compile(r"[{\[｛［]")


class UnreadableError(ValueError):
    """The text is not JSON from a position on.

    Attributes:
        at: The position, in characters from the start.
        cut: Whether the text ends there.
    """

    def __init__(self, what: str, at: int, *, cut: bool = False) -> None:
        super().__init__(what)
        self.at = at
        self.cut = cut


NOTHING: Any = object()
"""The sentinel returned for text that is not JSON."""


def parse_strict(text: str) -> Any:
    """Returns the one JSON value that the text consists of, parsed strictly, or `NOTHING`."""
    try:
        return _decode(text)
    except (ValueError, RecursionError):
        return NOTHING


def parse_whole(text: str) -> Any:
    """Returns the one JSON value that the text consists of, parsed leniently, or `NOTHING`."""
    strict = parse_strict(text)
    if strict is not NOTHING:
        return strict
    if len(text) > MAX_LENGTH:
        return NOTHING
    try:
        parser = Parser(text)
        value, end = parser.value(parser.skip(0), 0)
    except UnreadableError:
        return NOTHING
    return value if parser.skip(end) == len(text) else NOTHING


def parse_within(text: str) -> Iterator[Any]:
    """Yields the JSON objects and arrays in a text of prose, in order.

    Raises:
        UnreadableError: One of them is truncated or malformed, or the text is too long.
    """
    if len(text) > MAX_LENGTH:
        raise UnreadableError("it is not JSON, and too long to look for it inside", 0)
    parser, at = Parser(text), 0
    while opened := OPENERS.search(text, at):
        if parser.begins_prose(opened.start()):
            at = opened.end()
            continue
        value, at = parser.value(opened.start(), 0)
        yield value


def dumps(value: Any) -> str:
    """Returns compact JSON text with the keys in their order and numbers in the model's spelling.

    Raises:
        ValueError: The value contains a number that is not finite.
        RecursionError: The value is nested too deeply.
    """
    text = _encode(value)
    return _spelled(value) if _has_spelling(value) else text


def _has_spelling(value: Any) -> bool:
    """Whether a value contains a number with a preserved spelling."""
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return isinstance(value, Number)
    return any(map(_has_spelling, value))


def _spelled(value: Any) -> str:
    match value:
        case Number():
            return value.text
        case dict():
            members = [f"{_encode(str(key))}:{_spelled(item)}" for key, item in value.items()]
            return f"{{{','.join(members)}}}"
        case list():
            return f"[{','.join(map(_spelled, value))}]"
        case _:
            return _encode(value)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Returns an object with the given members.

    Raises:
        ValueError: A key appears twice with different values.
    """
    members = dict(pairs)
    if len(members) < len(pairs):
        for key, value in pairs:
            if not _same(members[key], value):
                raise ValueError(f'the key "{key[:40]}" appears twice')
    return members


def _same(left: Any, right: Any) -> bool:
    """Whether two JSON values are equal; unlike in Python, 1 does not equal true."""
    return dumps(left) == dumps(right) if type(left) is type(right) else False


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _int(text: str) -> int | Number:
    """Returns a whole number; ``-0`` keeps its spelling, because an int has no signed zero."""
    return Number(text) if text == "-0" else int(text)


def _float(text: str) -> float:
    """Returns a float, with its spelling if that differs from Python's.

    Raises:
        ValueError: The number is too large for a float.
    """
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number is too large")
    return value if repr(value) == text else Number(text)


_decode = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=_int,
    parse_float=_float,
    parse_constant=_refuse_constant,
).decode
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


@dataclass(slots=True)
class Members:
    """The members of an object or array, as far as they could be parsed.

    Attributes:
        pairs: The key and value of each member; in an array, the key is None.
        end: The position after the container; for a malformed one, the position of the error.
        error: Why the container is malformed, or None.
    """

    pairs: list[tuple[str | None, Any]] = field(default_factory=list)
    end: int = 0
    error: UnreadableError | None = None


class Parser:
    """Parses values at given positions in one text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def skip(self, at: int) -> int:
        """Returns the position after the white space at `at`."""
        space = _SPACE.match(self._text, at)
        return space.end() if space else at

    def begins_prose(self, at: int) -> bool:
        """Whether the bracket at `at` is part of prose, because no JSON member follows it."""
        opener, after = self._text[at], self.skip(at + 1)
        mark = self._text[after : after + 1]
        if not mark or mark in _CLOSERS[opener] or mark in _QUOTES:
            return False
        if opener in "{｛":
            return _KEY_OF_CODE.match(self._text, after) is None  # {key: 1} is malformed, not prose
        literal = _NUMBER.match(self._text, after) or _WORD.match(self._text, after)
        return literal is None and mark not in _CLOSERS

    def value(self, at: int, depth: int) -> tuple[Any, int]:
        """Returns the value at `at`, and the position after it.

        Raises:
            UnreadableError: There is no value, or it is truncated or malformed.
        """
        mark = self._text[at : at + 1]
        if mark in _CLOSERS and mark:
            members = self.members(at, depth)
            if members.error:
                raise members.error
            return self._container(mark, members, at), members.end
        if mark in _QUOTES and mark:
            return self._string(at)
        if word := _WORD.match(self._text, at):
            return _WORDS[word[0]], word.end()
        if number := _NUMBER.match(self._text, at):
            return self._number(number[0], at), number.end()
        raise self._error("a value is missing", at)

    def members(self, at: int, depth: int = 0) -> Members:
        """Returns the members of the container at `at`, up to its end or to an error.

        After a malformed member the one before it is left out, because it may be incomplete.
        """
        members = Members()
        try:
            self._read_members(at, depth, members)
        except UnreadableError as error:
            members.error, members.end = error, error.at
            if members.pairs and not error.cut:
                members.pairs.pop()
        return members

    def _read_members(self, at: int, depth: int, members: Members) -> None:
        if depth >= MAX_DEPTH:
            raise UnreadableError("it is nested too deeply", at)
        opener = self._text[at]
        at = self.skip(at + 1)
        while not self._is(at, _CLOSERS[opener]):
            key = None
            if opener in "{｛":
                key, at = self._key(at)
            value, at = self.value(at, depth + 1)
            at = self.skip(at)
            closed = self._is(at, _CLOSERS[opener])
            if closed or self._is(at, _COMMAS) or not isinstance(value, int | float):
                members.pairs.append((key, value))  # otherwise it may be a truncated number
            if not closed:
                at = self.skip(self._expect(at, _COMMAS, "a comma is missing"))
        members.end = at + 1

    def _key(self, at: int) -> tuple[str, int]:
        if self._text[at : at + 1] not in _QUOTES or at >= len(self._text):
            raise self._error("a key in quotes is missing", at)
        key, at = self._string(at)
        return key, self.skip(self._expect(self.skip(at), _COLONS, "a colon is missing"))

    def _string(self, at: int) -> tuple[str, int]:
        end = _QUOTES[self._text[at]]
        parts: list[str] = []
        at += 1
        while True:
            chunk = _CHUNKS[end].match(self._text, at)
            at = chunk.end() if chunk else at
            parts.append(chunk[0] if chunk else "")
            if at >= len(self._text):
                raise self._error("a text in quotes has no end", at)
            if self._text[at] == end:
                return _paired("".join(parts)), at + 1
            escaped, at = self._escape(at)
            parts.append(escaped)

    def _escape(self, at: int) -> tuple[str, int]:
        mark = self._text[at + 1 : at + 2]
        if mark == "u" and (code := _HEX.match(self._text, at + 2)):
            return chr(int(code[0], 16)), code.end()
        if mark and mark in _SELF_ESCAPES:
            return mark, at + 2
        if mark in _ESCAPES:
            return _ESCAPES[mark], at + 2
        raise self._error("a backslash stands before a wrong character", at + 1)

    def _number(self, text: str, at: int) -> int | float:
        try:
            value: int | float = json.loads(text, parse_int=_int, parse_float=_float)
        except ValueError:  # more digits than Python parses
            raise UnreadableError("a number is too long", at) from None
        return value

    def _container(self, opener: str, members: Members, at: int) -> Any:
        if opener in "[［":
            return [value for _, value in members.pairs]
        try:
            return _object([(key or "", value) for key, value in members.pairs])
        except ValueError as error:
            raise UnreadableError(str(error), at) from error

    def _is(self, at: int, marks: str) -> bool:
        return at < len(self._text) and self._text[at] in marks

    def _expect(self, at: int, marks: str, what: str) -> int:
        if not self._is(at, marks):
            raise self._error(what, at)
        return at + 1

    def _error(self, what: str, at: int) -> UnreadableError:
        cut = at >= len(self._text)
        message = "it is cut off" if cut else f"{what} at character {at + 1}"
        return UnreadableError(message, at, cut=cut)


def _paired(text: str) -> str:
    """Joins surrogate pairs, which stand for one character that was escaped as two."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")

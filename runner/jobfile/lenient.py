"""JSON as models write it: with trailing commas, single quotes, Python's words, full-width marks.

It guesses nothing: what is cut off, broken or said twice in two ways is no JSON.
"""

# ruff: noqa: RUF001 - colons and quotes of many scripts are the point

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

DEEPEST = 60
LONGEST = 300_000
"""Characters that are read leniently; longer text must be JSON to the letter."""

_SPACE = re.compile(r"[\s\ufeff\u200b]*")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])", re.ASCII)
_WORD = re.compile(r"(?:true|false|null|True|False|None)(?!\w)")
_WORDS = {"true": True, "false": False, "null": None, "True": True, "False": False, "None": None}
_QUOTES = {'"': '"', "'": "'", "“": "”", "”": "”", "‘": "’", "’": "’"}
_CHUNKS = {end: re.compile(rf"[^{end}\\]*") for end in set(_QUOTES.values())}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_SAME = "\"\\/'“”‘’"
_HEX = re.compile(r"[0-9a-fA-F]{4}")
_CLOSERS = {"{": "}｝", "[": "]］", "｛": "}｝", "［": "]］"}
_COMMAS, _COLONS = ",，、", ":："
_KEY_OF_CODE = re.compile(r"\s*[A-Za-z_]\w*\s*:")
OPENERS = re.compile(r"[{\[｛［]")


class UnreadableError(ValueError):
    """The text is not JSON from here on.

    Attributes:
        at: Where, in characters from the start.
        cut: Whether the text simply ended there.
    """

    def __init__(self, what: str, at: int, *, cut: bool = False) -> None:
        super().__init__(what)
        self.at = at
        self.cut = cut


NOTHING: Any = object()
"""What `parse_whole` finds in text that is not JSON; no JSON value is the same."""


def parse_whole(text: str) -> Any:
    """Return the one JSON value that the text consists of, or `NOTHING`."""
    try:
        return _strict(text)
    except (ValueError, RecursionError):
        pass
    if len(text) > LONGEST:
        return NOTHING
    try:
        parser = Parser(text)
        value, end = parser.value(parser.skip(0), 0)
    except UnreadableError:
        return NOTHING
    return value if parser.skip(end) == len(text) else NOTHING


def parse_within(text: str) -> Iterator[Any]:
    """Yield the JSON objects and arrays that stand in prose, in order, each but once.

    Raises:
        UnreadableError: one of them is cut off or broken, or there are too many of them.
    """
    if len(text) > LONGEST:
        raise UnreadableError("it is not JSON, and too long to look for it inside", 0)
    parser, at = Parser(text), 0
    while opened := OPENERS.search(text, at):
        if parser.begins_prose(opened.start()):
            at = opened.end()
            continue
        value, at = parser.value(opened.start(), 0)
        yield value


def dumps(value: Any) -> str:
    """Return compact JSON text, keys in their order.

    Raises:
        ValueError: it holds a number that JSON cannot carry.
    """
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def joined(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of its members.

    Raises:
        ValueError: a key stands twice with different values.
    """
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found and not same(found[key], value):
            raise ValueError(f'the key "{key[:40]}" stands twice')
        found[key] = value
    return found


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same; to Python, 1 is True, which is not."""
    return dumps(one) == dumps(other) if type(one) is type(other) else False


def _strict(text: str) -> Any:
    return json.loads(text, object_pairs_hook=joined, parse_constant=_no_constant)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


@dataclass(slots=True)
class Members:
    """What a container holds, as far as it could be read.

    Attributes:
        pairs: Key and value of each member; of an array, the key is None.
        end: Behind the container; of a broken one, where it broke.
        fault: What broke it.
    """

    pairs: list[tuple[str | None, Any]] = field(default_factory=list)
    end: int = 0
    fault: UnreadableError | None = None


class Parser:
    """Reads values from places in one text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def skip(self, at: int) -> int:
        """Return the place of what comes after the white space at `at`."""
        space = _SPACE.match(self._text, at)
        return space.end() if space else at

    def begins_prose(self, at: int) -> bool:
        """Whether the bracket at `at` is one of prose: what follows could be no member of JSON."""
        opener, after = self._text[at], self.skip(at + 1)
        mark = self._text[after : after + 1]
        if not mark or mark in _CLOSERS[opener] or mark in _QUOTES:
            return False
        if opener in "{｛":
            return _KEY_OF_CODE.match(self._text, after) is None  # {key: 1} is broken, not prose
        found = _NUMBER.match(self._text, after) or _WORD.match(self._text, after)
        return found is None and mark not in _CLOSERS

    def value(self, at: int, depth: int) -> tuple[Any, int]:
        """Return the value at `at`, and the place behind it.

        Raises:
            UnreadableError: there is none, or it is cut off.
        """
        mark = self._text[at : at + 1]
        if mark in _CLOSERS and mark:
            members = self.members(at, depth)
            if members.fault:
                raise members.fault
            return self._container(mark, members, at), members.end
        if mark in _QUOTES and mark:
            return self._string(at)
        if word := _WORD.match(self._text, at):
            return _WORDS[word[0]], word.end()
        if number := _NUMBER.match(self._text, at):
            return self._number(number[0], at), number.end()
        raise self._broken("a value is missing", at)

    def members(self, at: int, depth: int = 0) -> Members:
        """Return what the container at `at` holds, up to its end or to where it breaks.

        A last member that a broken container may not have ended with is left out.
        """
        found = Members()
        try:
            self._read_members(at, depth, found)
        except UnreadableError as fault:
            found.fault, found.end = fault, fault.at
            if found.pairs and not fault.cut:
                found.pairs.pop()
        return found

    def _read_members(self, at: int, depth: int, found: Members) -> None:
        if depth >= DEEPEST:
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
                found.pairs.append((key, value))  # else it may be a number that is cut off
            if not closed:
                at = self.skip(self._expect(at, _COMMAS, "a comma is missing"))
        found.end = at + 1

    def _key(self, at: int) -> tuple[str, int]:
        if self._text[at : at + 1] not in _QUOTES or at >= len(self._text):
            raise self._broken("a key in quotes is missing", at)
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
                raise self._broken("a text in quotes has no end", at)
            if self._text[at] == end:
                return _paired("".join(parts)), at + 1
            escaped, at = self._escape(at)
            parts.append(escaped)

    def _escape(self, at: int) -> tuple[str, int]:
        mark = self._text[at + 1 : at + 2]
        if mark == "u" and (code := _HEX.match(self._text, at + 2)):
            return chr(int(code[0], 16)), code.end()
        if mark and mark in _SAME:
            return mark, at + 2
        if mark in _ESCAPES:
            return _ESCAPES[mark], at + 2
        raise self._broken("a backslash stands before a wrong character", at + 1)

    def _number(self, text: str, at: int) -> int | float:
        try:
            value: int | float = json.loads(text)
        except ValueError:  # of more digits than Python reads
            raise UnreadableError("a number is too long", at) from None
        return value

    def _container(self, opener: str, members: Members, at: int) -> Any:
        if opener in "[［":
            return [value for _, value in members.pairs]
        try:
            return joined([(key or "", value) for key, value in members.pairs])
        except ValueError as error:
            raise UnreadableError(str(error), at) from error

    def _is(self, at: int, marks: str) -> bool:
        return at < len(self._text) and self._text[at] in marks

    def _expect(self, at: int, marks: str, what: str) -> int:
        if not self._is(at, marks):
            raise self._broken(what, at)
        return at + 1

    def _broken(self, what: str, at: int) -> UnreadableError:
        cut = at >= len(self._text)
        told = "it is cut off" if cut else f"{what} at character {at + 1}"
        return UnreadableError(told, at, cut=cut)


def _paired(text: str) -> str:
    """Join the halves of characters that were escaped as two."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")

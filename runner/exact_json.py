"""JSON whose numbers keep every digit: read without rounding, and written as they were spelled.

orjson reads an integer beyond 64 bits as a float, and forgets how a number was spelled (``0.1000``,
``-0``, ``1e400``). It stays the fast way for all other values.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import Any, Self

import orjson

_BITS_64 = range(-(1 << 63), 1 << 64)
# A backslash begins an escape, and in JSON stands in texts only. Whole pairs come before halves.
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_NEGATIVE_ZERO = re.compile(r"(?:^|[\s:\[,])-0(?:$|[\s,\]}])")

Leaf = Callable[[Any], str]
"""Spells a value that is neither a mapping, a list, a text nor a finite number."""


class Number(float):
    """A float that is spelled as in its file; one that no float can hold is infinite.

    Attributes:
        text: The spelling.
    """

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Self:
        """Read the number that `text` spells in JSON."""
        self = super().__new__(cls, text)
        self.text = text
        return self

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    @property
    def is_rounded(self) -> bool:
        """Whether the float has fewer digits than the spelling."""
        try:
            return not math.isfinite(self) or Decimal(self.text) != Decimal(float.__repr__(self))
        except InvalidOperation:  # an exponent of twenty digits
            return True


def loads(text: str) -> Any:
    """Return the value that a JSON text spells; half a surrogate pair becomes U+FFFD.

    Raises:
        orjson.JSONDecodeError: It is not JSON.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        try:
            return _DECODER.decode(with_whole_characters(text))
        except (ValueError, RecursionError):
            raise error from None
    # orjson reads a long integer as a float, too, and -0 as 0.
    if _has_float(value) or ("-0" in text and _NEGATIVE_ZERO.search(text)):
        return _DECODER.decode(text)
    return value


def indented(value: Any) -> str:
    """Return a value as JSON with a line for each member; on one line where numbers are long.

    Raises:
        TypeError: A value has no form in JSON.
    """
    option = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS
    try:
        return orjson.dumps(value, default=as_fragment, option=option).decode()
    except orjson.JSONEncodeError:  # an integer beyond 64 bits, half a surrogate pair
        return spell(value, ascii_only=True)


def with_whole_characters(text: str) -> str:
    """Replace the escapes of half surrogate pairs in a JSON text by that of U+FFFD."""
    return _ESCAPE.sub(lambda found: r"\ufffd" if found["half"] else found[0], text)


def dumps(value: Any, *, sort_keys: bool = False) -> bytes:
    """Return a value as compact JSON.

    Raises:
        TypeError: A value has no form in JSON.
    """
    option = orjson.OPT_SORT_KEYS if sort_keys else None
    try:
        return orjson.dumps(value, default=as_fragment, option=option)
    except orjson.JSONEncodeError:  # an integer beyond 64 bits, half a surrogate pair
        return spell(value, ascii_only=True, sort_keys=sort_keys).encode()


def spell(
    value: Any, *, ascii_only: bool = False, sort_keys: bool = False, leaf: Leaf | None = None
) -> str:
    """Return a value as JSON with a space behind each comma and colon.

    Raises:
        TypeError: A value has no form in JSON.
    """
    text = encode_basestring_ascii if ascii_only else encode_basestring

    def of(value: Any) -> str:
        match value:
            case str():
                return text(value)
            case Number():
                return value.text
            case True | False | None:
                return orjson.dumps(value).decode()
            case int():
                return _int_text(value)
            case float() if math.isfinite(value):
                return orjson.dumps(value).decode()
            case Mapping():
                pairs = sorted(value.items()) if sort_keys else value.items()
                members = [f"{text(_key(key))}: {of(item)}" for key, item in pairs]
                return f"{{{', '.join(members)}}}"
            case Sequence() if not isinstance(value, bytes | bytearray | memoryview):
                return f"[{', '.join([of(item) for item in value])}]"
            case _ if leaf is not None:
                return leaf(value)
        raise TypeError(f"{value!r} has no JSON")

    return of(value)


def _int_text(value: int) -> str:
    # Python refuses to spell more than 4,300 digits at once; Decimal does not.
    return str(value) if value in _BITS_64 else format(Decimal(value), "f")


def _key(key: Any) -> str:
    return key if isinstance(key, str) else spell(key)


def as_fragment(value: Any) -> Any:
    """Return a value in a form that orjson writes; for its argument `default`.

    Raises:
        TypeError: There is none.
    """
    if isinstance(value, Number):
        return orjson.Fragment(value.text)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no JSON")


def _has_float(value: Any) -> bool:
    """Whether there is a float in a value, however deep."""
    if value.__class__ is dict:
        value = value.values()
    elif value.__class__ is not list:
        return value.__class__ is float
    for item in value:
        kind = item.__class__
        if kind is float or ((kind is dict or kind is list) and _has_float(item)):
            return True
    return False


def _parse_int(text: str) -> int | Number:
    try:
        return Number(text) if text == "-0" else int(text)
    except ValueError:  # more digits than Python reads at once
        return Number(text)


def _parse_float(text: str) -> float:
    found = float(text)
    return found if repr(found) == text else Number(text)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(parse_int=_parse_int, parse_float=_parse_float, parse_constant=_refuse)

"""Parses and writes JSON with exact numbers: they are not rounded, and keep their text.

orjson parses an integer beyond 64 bits as a float, and does not keep the text of a number
(``0.1000``, ``-0``, ``1e400``). It is used for all other values, because it is fast.
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
# A backslash, which JSON has only in strings, begins an escape. Surrogate pairs are matched before
# unpaired surrogates.
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_NEGATIVE_ZERO = re.compile(r"(?:^|[\s:\[,])-0(?:$|[\s,\]}])")

Leaf = Callable[[Any], str]
"""Returns the JSON text of a value that is no mapping, sequence, text or finite number."""


class Number(float):
    """A float that keeps its text; it is infinite if it is too large for a float.

    Attributes:
        text: The number's text in JSON.
    """

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Self:
        """Parses the text of a JSON number."""
        self = super().__new__(cls, text)
        self.text = text
        return self

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    @property
    def is_rounded(self) -> bool:
        """Whether the float is not exactly the number in the text."""
        try:
            return not math.isfinite(self) or Decimal(self.text) != Decimal(float.__repr__(self))
        except InvalidOperation:  # the exponent is too large
            return True


def loads(text: str) -> Any:
    """Parses a JSON text; an unpaired surrogate becomes U+FFFD.

    Raises:
        orjson.JSONDecodeError: The text is not JSON.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        try:
            return _DECODER.decode(replace_lone_surrogates(text))
        except (ValueError, RecursionError):
            raise error from None
    # orjson parses an integer beyond 64 bits as a float, and -0 as 0.
    if _has_float(value) or ("-0" in text and _NEGATIVE_ZERO.search(text)):
        return _DECODER.decode(text)
    return value


def indented(value: Any) -> str:
    """Returns indented JSON text; all on one line if orjson cannot write the value.

    Raises:
        TypeError: A value cannot be written as JSON.
    """
    option = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS
    try:
        return orjson.dumps(value, default=as_fragment, option=option).decode()
    except orjson.JSONEncodeError:  # an integer beyond 64 bits, or an unpaired surrogate
        return encode(value, ascii_only=True)


def replace_lone_surrogates(text: str) -> str:
    """Replaces the escapes of unpaired surrogates in a JSON text by that of U+FFFD."""
    return _ESCAPE.sub(lambda match: r"\ufffd" if match["half"] else match[0], text)


def dumps(value: Any, *, sort_keys: bool = False) -> bytes:
    """Returns compact JSON text; with spaces if orjson cannot write the value.

    Raises:
        TypeError: A value cannot be written as JSON.
    """
    option = orjson.OPT_SORT_KEYS if sort_keys else None
    try:
        return orjson.dumps(value, default=as_fragment, option=option)
    except orjson.JSONEncodeError:  # an integer beyond 64 bits, or an unpaired surrogate
        return encode(value, ascii_only=True, sort_keys=sort_keys).encode()


def encode(
    value: Any, *, ascii_only: bool = False, sort_keys: bool = False, leaf: Leaf | None = None
) -> str:
    """Returns JSON text with a space after each comma and colon.

    Args:
        value: The value; a mapping or sequence of any type is accepted.
        ascii_only: Whether to escape all other characters.
        sort_keys: Whether to sort the keys of objects.
        leaf: Returns the JSON text of values of other types.

    Raises:
        TypeError: A value cannot be written as JSON.
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
    # str() refuses integers of more than 4,300 digits; Decimal does not.
    return str(value) if value in _BITS_64 else format(Decimal(value), "f")


def _key(key: Any) -> str:
    return key if isinstance(key, str) else encode(key)


def as_fragment(value: Any) -> Any:
    """Converts a value to a form that orjson can write; for its argument `default`.

    Raises:
        TypeError: The value cannot be written as JSON.
    """
    if isinstance(value, Number):
        return orjson.Fragment(value.text)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no JSON")


def _has_float(value: Any) -> bool:
    """Whether a value contains a float at any depth."""
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
    except ValueError:  # more digits than int() accepts
        return Number(text)


def _parse_float(text: str) -> float:
    number = float(text)
    return number if repr(number) == text else Number(text)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(parse_int=_parse_int, parse_float=_parse_float, parse_constant=_refuse)

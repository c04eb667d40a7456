"""Replies to embedding calls in the OpenAI format: each vector as the text of a JSON array."""

from __future__ import annotations

import base64
import binascii
import math
import struct
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import orjson

from runner.core.verdict import Reply
from runner.providers import openai
from runner.providers.transport import MOST_REPLY_BYTES

# Nine significant digits identify every 32-bit float (IEEE 754: 1 + ceil(24 log10 2)), and
# embedding models give no more. The 17 digits of a 64-bit float would double the database.
_DIGITS = ".9g"
_FLOAT_BYTES = 4
# Ten thousand numbers of twenty-odd digits.
_MOST_VECTOR_BYTES = 256 << 10


def most_bytes(count: int) -> int:
    """How large a reply with `count` vectors may be."""
    return MOST_REPLY_BYTES + count * _MOST_VECTOR_BYTES


def inputs_in(body: Mapping[str, Any]) -> int:
    """How many inputs a request has that somebody else has written.

    A list of numbers is one input, spelled as tokens.
    """
    inputs = body.get("input")
    several = isinstance(inputs, list) and all(isinstance(text, str | list) for text in inputs)
    return len(inputs) if several and inputs else 1


def read_reply(count: int, status: int, headers: Mapping[str, str], body: bytes) -> Reply:
    """The reply to a call with `count` inputs, whatever its shape; never raises.

    A reply without any item holds no answer. Otherwise it has an entry for every input, which is
    None if the vector is missing, given twice, or no list of finite numbers. Items beyond the
    inputs are ignored. Vectors of different lengths cannot be of one model: then all are None.
    """
    return openai.read_any(status, headers, body, partial(_answer, count))


def _answer(count: int, status: int, headers: Mapping[str, str], data: dict[str, Any]) -> Reply:
    prompt_tokens, completion_tokens = openai.read_usage(data)
    return Reply(
        status,
        headers,
        vectors=_vectors(count, data.get("data")),
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
    )


def _vectors(count: int, items: Any) -> tuple[str | None, ...]:
    if not isinstance(items, list) or not items:
        return ()
    found = _by_index(items)
    placed = [found.get(index) for index in range(count)]
    if len({len(vector) for vector in placed if vector}) > 1:
        return (None,) * count
    return tuple(orjson.dumps(vector).decode() if vector else None for vector in placed)


def _by_index(items: Iterable[Any]) -> dict[int, list[float] | None]:
    """The vectors by the index that they name, or by their position if they name none."""
    found: dict[int, list[float] | None] = {}
    for place, item in enumerate(items):
        if not isinstance(item, dict):
            continue
        index = item.get("index", place)
        if isinstance(index, int) and not isinstance(index, bool):
            found[index] = None if index in found else _vector(item.get("embedding"))
    return found


def _vector(value: Any) -> list[float] | None:
    """The numbers of one vector, spelled out or as base64 of little-endian 32-bit floats."""
    numbers = _unpacked(value) if isinstance(value, str) else value
    if not isinstance(numbers, list) or not numbers or not all(map(_is_number, numbers)):
        return None
    return [float(format(number, _DIGITS)) for number in numbers]


def _unpacked(text: str) -> list[float] | None:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    whole, rest = divmod(len(raw), _FLOAT_BYTES)
    return None if rest else list(struct.unpack(f"<{whole}f", raw))


def _is_number(value: Any) -> bool:
    fits = isinstance(value, int | float) and not isinstance(value, bool)
    return fits and math.isfinite(value)

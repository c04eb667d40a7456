"""Parses replies to embedding calls in OpenAI's format; each vector becomes a JSON array."""

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

# Nine significant digits identify every 32-bit float (IEEE 754: 1 + ceil(24 log10 2)), which is the
# precision of embedding models. The 17 digits of a 64-bit float would double the database.
_DIGITS = ".9g"
_FLOAT_BYTES = 4
# Enough for ten thousand numbers of more than twenty digits.
_MOST_VECTOR_BYTES = 256 << 10


def max_reply_bytes(count: int) -> int:
    """Returns the size limit of a reply with `count` vectors."""
    return MOST_REPLY_BYTES + count * _MOST_VECTOR_BYTES


def count_inputs(body: Mapping[str, Any]) -> int:
    """Returns the number of inputs in a client's request; a list of token ids is one input."""
    inputs = body.get("input")
    several = isinstance(inputs, list) and all(isinstance(text, str | list) for text in inputs)
    return len(inputs) if several and inputs else 1


def read_reply(count: int, status: int, headers: Mapping[str, str], body: bytes) -> Reply:
    """Parses the reply to a call with `count` inputs; never raises.

    A reply without items has no vectors. Otherwise it has an entry for every input, which is None
    if the vector is missing, given twice, or not a list of finite numbers. Items beyond the inputs
    are ignored. Vectors of different lengths cannot be of one model, so they all become None.
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
    by_index = _by_index(items)
    vectors = [by_index.get(index) for index in range(count)]
    if len({len(vector) for vector in vectors if vector}) > 1:
        return (None,) * count
    return tuple(orjson.dumps(vector).decode() if vector else None for vector in vectors)


def _by_index(items: Iterable[Any]) -> dict[int, list[float] | None]:
    """Returns the vectors by their index, which defaults to their position."""
    vectors: dict[int, list[float] | None] = {}
    for position, item in enumerate(items):
        if not isinstance(item, dict):
            continue
        index = item.get("index", position)
        if isinstance(index, int) and not isinstance(index, bool):
            vectors[index] = None if index in vectors else _vector(item.get("embedding"))
    return vectors


def _vector(value: Any) -> list[float] | None:
    """Returns the numbers of a vector, given as a list or as base64 of little-endian floats."""
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

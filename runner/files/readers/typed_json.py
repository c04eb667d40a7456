"""Converts rows with typed values (dates, decimals, bytes, NumPy and pandas types) to JSON."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import orjson

from runner import exact_json, magic

_ANY_KEY = orjson.OPT_NON_STR_KEYS


def to_json_text(row: Mapping[str, Any]) -> str:
    """Returns the JSON text of a row.

    Times and dates become ISO 8601, decimals become texts with all their digits, an image becomes
    a `data:` URL, other bytes become base64, NaN becomes null, and an infinity
    the text ``Infinity``.

    Raises:
        ValueError: A value cannot be written as JSON.
    """
    try:
        text = orjson.dumps(row, default=_plain, option=_ANY_KEY).decode()
        # orjson writes infinities as null.
        return _spelled(row) if "null" in text and _has_infinity(row) else text
    except orjson.JSONEncodeError:  # an integer beyond 64 bits, or an unsupported value
        return _spelled(row)


def _spelled(row: Mapping[str, Any]) -> str:
    try:
        text = exact_json.encode(row, leaf=_leaf)
        return text if text.isascii() else text.encode().decode()  # refuses unpaired surrogates
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(str(error)) from error


def _has_infinity(value: Any) -> bool:
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return isinstance(value, float) and math.isinf(value)
    return any(map(_has_infinity, value))


def _leaf(value: Any) -> str:
    if isinstance(value, float) and math.isinf(value):
        return '"Infinity"' if value > 0 else '"-Infinity"'
    return orjson.dumps(value, default=_plain, option=_ANY_KEY).decode()


def to_key_text(value: Any) -> str:
    """Returns a value as an object key: a string's text, or the JSON text of another value."""
    text = _leaf(value)
    return str(orjson.loads(text)) if text.startswith('"') else text


def _plain(value: Any) -> Any:
    match value:
        case bytes() | bytearray() | memoryview():
            return _bytes_text(bytes(value))
        case _ if callable(getattr(value, "tolist", None)):  # NumPy's numbers and arrays
            return value.tolist()
        case date():  # pandas' types; orjson converts Python's own
            return None if _is_absent(value) else value.isoformat()
        case Decimal():
            return format(value, "f")
        case timedelta():
            return f"PT{value.total_seconds():f}".rstrip("0").rstrip(".") + "S"
        case _:
            return None if _is_absent(value) else str(value)


def _is_absent(value: Any) -> bool:
    """Whether a value is missing in pandas: NaT or NA."""
    return type(value).__name__ in {"NaTType", "NAType"}


def _bytes_text(value: bytes) -> str:
    if media_type := magic.image_type(value):
        return magic.to_data_url(value, media_type)
    return base64.b64encode(value).decode()

"""How values that have types of their own become JSON: dates, decimals, bytes.

It knows nothing of the formats that hold them.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import orjson

from runner import magic


def object_text(row: Mapping[str, Any]) -> str:
    """Return a row as the text of a JSON object.

    Moments and dates become ISO 8601, decimals texts with all their digits, an image a `data:`
    URL, other bytes base64; what JSON cannot say (NaN) becomes null.

    Raises:
        ValueError: a value cannot be said in JSON.
    """
    try:
        return orjson.dumps(row, default=_plain, option=orjson.OPT_NON_STR_KEYS).decode()
    except orjson.JSONEncodeError as error:
        raise ValueError(str(error)) from error


def _plain(value: Any) -> Any:
    match value:
        case bytes() | bytearray() | memoryview():
            return _bytes_text(bytes(value))
        case _ if callable(getattr(value, "tolist", None)):  # NumPy's numbers and arrays
            return value.tolist()
        case date():  # of pandas; orjson spells Python's own
            return None if _is_absent(value) else value.isoformat()
        case Decimal():
            return format(value, "f")
        case timedelta():
            return f"PT{value.total_seconds():f}".rstrip("0").rstrip(".") + "S"
        case _:
            return None if _is_absent(value) else str(value)


def _is_absent(value: Any) -> bool:
    """Whether it is what pandas has in an empty cell: NaT is a date, and NA equals nothing."""
    return type(value).__name__ in {"NaTType", "NAType"}


def _bytes_text(value: bytes) -> str:
    if media_type := magic.image_type(value):
        return magic.to_data_url(value, media_type)
    return base64.b64encode(value).decode()

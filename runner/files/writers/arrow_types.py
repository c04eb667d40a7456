"""Restores the Arrow types that the values of rows had in a Parquet input file."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
from pyarrow import parquet

_ERRORS = (pa.ArrowException, OSError, ValueError, TypeError, ArithmeticError, AttributeError)


def types_of(path: Path) -> dict[str, Any]:
    """Returns the column types of a Parquet file by name; empty when it cannot be read."""
    try:
        schema = parquet.read_schema(path)
    except _ERRORS:
        return {}
    return {field.name: field.type for field in schema}


def restored(values: Sequence[Any], kind: Any) -> Any:
    """Returns an Arrow array of type `kind`, or None when a value does not fit the type."""
    read = _reader(kind)
    try:
        return pa.array([None if value is None else read(value) for value in values], kind)
    except _ERRORS:
        return None


def _reader(kind: Any) -> Callable[[Any], Any]:
    """Returns the function that converts a JSON value back to a value of type `kind`."""
    for is_kind, read in _SCALARS:
        if is_kind(kind):
            return read
    if isinstance(kind, pa.UuidType):
        return lambda text: UUID(text).bytes
    if pa.types.is_struct(kind):
        return _struct(kind)
    if pa.types.is_map(kind):
        return _map(kind)
    is_list = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return _list(kind) if any(is_kind(kind) for is_kind in is_list) else _same


def _same(value: Any) -> Any:
    return value


def _duration(text: str) -> timedelta:
    return timedelta(microseconds=int(Decimal(text.removeprefix("PT").removesuffix("S")) * 10**6))


def _float(value: Any) -> Any:
    return float(value) if value in ("Infinity", "-Infinity") else value


def _bytes(text: str) -> bytes:
    """Decodes base64; for an image it follows the head of a ``data:`` URL."""
    return base64.b64decode(text.rpartition(",")[2], validate=True)


def _struct(kind: Any) -> Callable[[Any], Any]:
    readers = {field.name: _optional(_reader(field.type)) for field in kind}
    return lambda value: {name: readers[name](item) for name, item in value.items()}


def _map(kind: Any) -> Callable[[Any], Any]:
    key, item = _reader(kind.key_type), _optional(_reader(kind.item_type))

    def read(value: Any) -> list[tuple[Any, Any]]:
        pairs = value.items() if isinstance(value, dict) else value
        return [(key(name), item(each)) for name, each in pairs]

    return read


def _list(kind: Any) -> Callable[[Any], Any]:
    read = _optional(_reader(kind.value_type))
    return lambda value: [read(item) for item in value]


def _optional(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else read(value)


_SCALARS: tuple[tuple[Callable[[Any], bool], Callable[[Any], Any]], ...] = (
    (pa.types.is_timestamp, datetime.fromisoformat),
    (pa.types.is_date, date.fromisoformat),
    (pa.types.is_time, time.fromisoformat),
    (pa.types.is_duration, _duration),
    (pa.types.is_decimal, Decimal),
    (pa.types.is_floating, _float),
    (pa.types.is_binary, _bytes),
    (pa.types.is_large_binary, _bytes),
    (pa.types.is_fixed_size_binary, _bytes),
)

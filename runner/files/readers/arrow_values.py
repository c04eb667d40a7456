"""Converts Arrow columns of any type to values that can be written as JSON.

Python's types cannot represent years outside 1 to 9999, nanoseconds, unknown time zones, or maps
whose keys are lists. Such values are converted here, most of them to text.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from datetime import MAXYEAR, UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from itertools import pairwise
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pyarrow as pa

from runner.files.readers.typed_json import to_key_text

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_DAY = 86_400  # seconds
_CYCLE = 146_097  # days in 400 years, after which the Gregorian calendar repeats
_YEARS = 400
_OFFSET = 3  # length of the sign and hours of an offset, as in +05


def to_values(column: Any) -> list[Any]:
    """Returns the values of a column.

    Raises:
        ArrowException, ValueError, TypeError, OverflowError: The type or a value is not supported.
    """
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        stored = to_values(column.storage)
        return _uuids(stored) if isinstance(kind, pa.UuidType) else stored
    if pa.types.is_dictionary(kind):
        return _decoded(column)
    if reader := _reader(kind):
        return reader(column)
    values: list[Any] = column.to_pylist()
    return values


def _uuids(values: Sequence[bytes | None]) -> list[str | None]:
    return [None if value is None else str(UUID(bytes=value)) for value in values]


def _decoded(column: Any) -> list[Any]:
    """Returns the values of a column with a dictionary."""
    try:
        return to_values(column.dictionary_decode())
    except pa.ArrowNotImplementedError:  # such as a dictionary of `string_view`, from Polars
        values = column.dictionary
        return [None if at is None else values[at].as_py() for at in column.indices.to_pylist()]


def _intervals(column: Any) -> list[str | None]:
    """Returns calendar intervals as ISO 8601 texts, such as ``P1M2DT3.5S``."""
    return [None if value is None else _interval_text(*value) for value in column.to_pylist()]


def _interval_text(months: int, days: int, nanoseconds: int) -> str:
    seconds = f"{Decimal(nanoseconds).scaleb(-9):.9f}".rstrip("0").rstrip(".")
    return f"P{months}M{days}DT{seconds}S"


def _reader(kind: Any) -> Callable[[Any], list[Any]] | None:
    """Returns the function for a type that ``to_pylist`` cannot always convert; None for others."""
    types = pa.types
    if types.is_timestamp(kind) or types.is_date(kind):
        return _moments
    if types.is_time(kind) or types.is_duration(kind):
        return _times
    if types.is_interval(kind):
        return _intervals
    if types.is_struct(kind):
        return _objects
    if types.is_map(kind):
        return _maps
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return _lists
    return None


def _objects(column: Any) -> list[Any]:
    names = [field.name for field in column.type]
    fields = [to_values(each) for each in column.flatten()]
    rows = zip(*fields, strict=True) if fields else ((),) * len(column)
    return [
        dict(zip(names, row, strict=True)) if valid else None
        for row, valid in zip(rows, column.is_valid().to_pylist(), strict=True)
    ]


def _lists(column: Any) -> list[Any]:
    items = to_values(column.flatten())  # the items of null lists are left out
    lists: list[Any] = []
    start = 0
    for length in column.value_lengths().to_pylist():
        lists.append(None if length is None else items[start : start + length])
        start += length or 0
    return lists


def _maps(column: Any) -> list[Any]:
    """Returns each map as an object, or as a list of pairs if its keys cannot be object keys."""
    valid = column.is_valid().to_pylist()
    offsets = column.offsets.to_pylist()
    keys, items = to_values(column.keys), to_values(column.items)
    return [
        _map(keys[start:end], items[start:end]) if is_valid else None
        for (start, end), is_valid in zip(pairwise(offsets), valid, strict=True)
    ]


def _map(keys: Sequence[Any], items: Sequence[Any]) -> dict[str, Any] | list[list[Any]]:
    texts = [to_key_text(key) if isinstance(key, Hashable) else None for key in keys]
    if None in texts or len(set(texts)) < len(texts):
        return [list(pair) for pair in zip(keys, items, strict=True)]
    return {str(text): item for text, item in zip(texts, items, strict=True)}


def _moments(column: Any) -> list[Any]:
    """Returns timestamps and dates as Python's types, or all as text if one is out of range."""
    kind = column.type
    try:
        if pa.types.is_timestamp(kind) and kind.unit == "ns":
            return list(column.cast(pa.timestamp("us", kind.tz), safe=False).to_pylist())
        return list(column.to_pylist())
    except (pa.ArrowException, ValueError, OverflowError):
        return _moment_texts(column)


def _moment_texts(column: Any) -> list[str | None]:
    kind = column.type
    if pa.types.is_date(kind):
        days = column.cast(pa.date32()).view(pa.int32()).to_pylist()
        return [None if day is None else _date_text(day) for day in days]
    zone = _zone(kind.tz) if kind.tz else None
    counts = column.view(pa.int64()).to_pylist()
    return [None if n is None else _moment_text(n, _PER_SECOND[kind.unit], zone) for n in counts]


def _moment_text(count: int, per_second: int, zone: tzinfo | None) -> str:
    """Formats a timestamp as ISO 8601, to the microsecond; in UTC if Python lacks the year.

    Args:
        count: The units since 1970.
        per_second: The number of units in a second.
        zone: The time zone; None for a timestamp without one.
    """
    micros = count * 10**6 // per_second
    try:
        moment = _EPOCH + timedelta(microseconds=micros)
        if zone is None:
            return moment.replace(tzinfo=None).isoformat()
        return moment.astimezone(zone).isoformat()
    except OverflowError:
        seconds, micro = divmod(micros, 10**6)
        days, second = divmod(seconds, _DAY)
        clock = (_EPOCH + timedelta(seconds=second, microseconds=micro)).time()
        return f"{_date_text(days)}T{clock.isoformat()}{'+00:00' if zone else ''}"


def _date_text(days: int) -> str:
    """Formats a date, given as days since 1970, as ISO 8601; years beyond 9999 have a sign."""
    cycles, rest = divmod(days, _CYCLE)
    date = (_EPOCH + timedelta(days=rest)).date()
    year = date.year + cycles * _YEARS
    shown = f"{year:04}" if 0 <= year <= MAXYEAR else f"{year:+05}"
    return f"{shown}-{date.month:02}-{date.day:02}"


def _zone(name: str) -> tzinfo:
    """Returns a time zone by its name or offset; UTC for an unknown name."""
    if name[:1] in {"+", "-"}:
        hours, minutes = int(name[:_OFFSET]), int(name[_OFFSET:].strip(":") or 0)
        return timezone(timedelta(hours=hours, minutes=minutes if hours >= 0 else -minutes))
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        return UTC


def _times(column: Any) -> list[Any]:
    """Returns times of day and durations, truncated to microseconds."""
    kind = column.type
    if kind.unit != "ns":
        return list(column.to_pylist())
    coarse = pa.time64("us") if pa.types.is_time(kind) else pa.duration("us")
    return list(column.cast(coarse, safe=False).to_pylist())

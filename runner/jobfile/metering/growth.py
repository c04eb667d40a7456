"""Estimates the size of the output of filters, methods and operators before they run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from runner.jobfile.metering.fuel import LONGEST_TEXT, MOST_BITS, Fuel, TooMuchWorkError, weight

_MOST = 10**12
_NUMBER = re.compile(r"\d+")
_CONVERSION = re.compile(r"%(?:\([^)]*\))?[-+ #0]*(\d+|\*)?(?:\.(\d+|\*))?")
_CHEAP = frozenset({int, float, bool, type(None)})


def check_bits(operator: str, left: int, right: int) -> None:
    """Refuses arithmetic whose operands, or whose power, exceed `MOST_BITS` bits."""
    bits = max(left.bit_length(), right.bit_length())
    if operator == "**":
        bits = max(bits, left.bit_length() * max(right, 0))
    if bits > MOST_BITS:
        raise TooMuchWorkError


def prepaid(
    fuel: Fuel, name: str, subject: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Sequence[Any]:
    """Charges for reading the arguments of a call and for its estimated output.

    Args:
        fuel: The fuel of the render.
        name: The name of the method, filter or test.
        subject: The object of the method; None for a filter or test, whose subject is the first
            argument.
        args: The positional arguments.
        kwargs: The keyword arguments.

    Returns:
        The positional arguments; iterators may have become lists.
    """
    for argument in chain((subject,), args, kwargs.values()):
        if argument.__class__ not in _CHEAP:
            fuel.read(argument)
    growth = _GROWTH.get(name)
    if growth is not None:
        if name == "join":  # the length of an iterator is known only once it is a list
            args = [list(each) if isinstance(each, Iterator) else each for each in args]
        parts = [*(() if subject is None else (subject,)), *args, *kwargs.values()]
        fuel.spend(growth(parts))
    return args


def _texts(parts: Sequence[Any]) -> int:
    return sum(len(part) for part in parts if isinstance(part, str | bytes))


def _lines(part: Any) -> int:
    return 1 + (part.count("\n") if isinstance(part, str) else 0)


def _of_width(parts: Sequence[Any]) -> int:
    numbers: list[int] = [part for part in parts if isinstance(part, int)]
    return sum(min(max(number, 0), _MOST) for number in numbers)


def _of_power(parts: Sequence[Any]) -> int:
    """Estimates ``round``, which computes a power of ten."""
    return 100 * _of_width([abs(part) for part in parts[1:] if isinstance(part, int)])


def _of_lines(parts: Sequence[Any]) -> int:
    return _lines(parts[0]) * (_of_width(parts) + _texts(parts[1:]))


def _of_tabs(parts: Sequence[Any]) -> int:
    return (1 + _plain(parts[0]).count("\t")) * (8 + _of_width(parts))


def _of_join(parts: Sequence[Any]) -> int:
    sized = [part for part in parts if hasattr(part, "__len__")]
    most = max((len(part) for part in sized), default=0)
    shortest = min((len(part) for part in sized), default=0)
    return sum(weight(part, LONGEST_TEXT) for part in sized) + most * shortest


def _of_replace(parts: Sequence[Any]) -> int:
    subject, old, new = [*map(_plain, parts), "", ""][:3]
    return subject.count(old) * len(new)


def _of_wrap(parts: Sequence[Any]) -> int:
    width = max([1, *(part for part in parts[1:] if isinstance(part, int))][-1], 1)
    texts = [len(part) for part in parts[1:] if isinstance(part, str)]
    length = len(_plain(parts[0]))
    return 4 * length + (2 * length // width + _lines(parts[0])) * sum(texts)


def _of_fill(parts: Sequence[Any]) -> int:
    """Estimates ``batch`` and ``slice``, which pad up to a number of items or lists."""
    return _of_width(parts) * (4 + sum(weight(part, LONGEST_TEXT) for part in parts[2:]))


def _of_links(parts: Sequence[Any]) -> int:
    return (2 + len(_plain(parts[0])) // 4) * (40 + _texts(parts[1:]))


def _of_table(parts: Sequence[Any]) -> int:
    tables = [part for part in parts[1:] if isinstance(part, dict)]
    longest = max((len(_plain(text)) for table in tables for text in table.values()), default=1)
    return len(_plain(parts[0])) * longest


def _of_indented(parts: Sequence[Any]) -> int:
    return (1 + _of_width(parts[1:])) * weight(parts[0], LONGEST_TEXT)


def _of_sum(parts: Sequence[Any]) -> int:
    """Estimates ``sum``; for lists it is quadratic, because each addition copies the list."""
    lists = any(isinstance(part, list | tuple) for part in parts[1:])
    return weight(parts[0], LONGEST_TEXT) ** 2 // 64 if lists else 0


def _of_format(parts: Sequence[Any]) -> int:
    return length_of_formatted(_plain(parts[0]), tuple(parts[1:]))


def _of_spec(parts: Sequence[Any]) -> int:
    return sum(widths(part) for part in parts if isinstance(part, str))


def _plain(part: Any) -> str:
    """Returns the text of a value, as filters that replace or wrap convert it."""
    if isinstance(part, str):
        return part
    return part.decode("latin-1") if isinstance(part, bytes) else str(part)


def widths(spec: str) -> int:
    """Returns the sum of the widths in a format specification."""
    return sum(int(digits[:9]) for digits in _NUMBER.findall(spec))


def length_of_formatted(pattern: str | bytes, values: Any) -> int:
    """Estimates the length of ``pattern % values`` from its widths and repeated values."""
    conversions = _CONVERSION.findall(_plain(pattern))
    parts = [*values.values()] if isinstance(values, dict) else values
    parts = parts if isinstance(parts, tuple | list) else [parts]
    longest = max((weight(part, LONGEST_TEXT) for part in parts), default=0)
    given = _of_width(parts)
    widths = (given if part == "*" else int(part[:9] or 0) for pair in conversions for part in pair)
    repeated = len(conversions) * longest if isinstance(values, dict) else 0
    return len(pattern) + sum(widths) + repeated


_GROWTH: dict[str, Callable[[Sequence[Any]], int]] = {
    "center": _of_width,
    "ljust": _of_width,
    "rjust": _of_width,
    "zfill": _of_width,
    "to_bytes": _of_width,
    "round": _of_power,
    "indent": _of_lines,
    "expandtabs": _of_tabs,
    "join": _of_join,
    "replace": _of_replace,
    "wordwrap": _of_wrap,
    "batch": _of_fill,
    "slice": _of_fill,
    "urlize": _of_links,
    "translate": _of_table,
    "tojson": _of_indented,
    "pprint": lambda parts: 20 * weight(parts[0], LONGEST_TEXT),
    "sum": _of_sum,
    "format": _of_format,
    "strftime": _of_spec,
}

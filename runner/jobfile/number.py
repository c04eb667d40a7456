"""Which number a reply is.

It knows how people and models write numbers; where one can be read in two ways, bounds may decide.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from runner.jobfile.accept import Answer

_LONGEST = 60
_GREATEST_EXPONENT = 40
_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?")
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:[, '\u2009\u202f]\d{3})+(?:\.\d+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_OUT_OF = re.compile(r"(?P<number>[^/]+?)\s*(?:/|out of|von)\s*(?P<most>[\d.]+)")
_OPENERS = "[({"  # what follows may be a list: no comma in it begins a fraction
_UNIT = re.compile(r"\s*(?:分|星|点|points?|stars?)$", re.IGNORECASE)
_MINUS = str.maketrans("\u2212\u2013\u2010\u2011\uff0d", "-----")


def find_number(spec: Answer, readings: list[str]) -> str | None:
    """Return the number that a reading consists of, in its canonical form.

    ``3.0`` is "3", ``.750`` is "0.75"; ``8/10`` is "8" where 10 is the greatest number. Where a
    comma may divide thousands or begin a fraction, the one that is in bounds counts, if one is.
    """
    is_list = any(reading[:1] in _OPENERS and "," in reading for reading in readings if reading)
    for reading in readings:
        if len(reading) <= _LONGEST and not is_list:
            found = {canonical(value) for value in _values(spec, reading) if in_bounds(spec, value)}
            if found:
                return found.pop() if len(found) == 1 else None
    return None


def in_bounds(spec: Answer, value: Decimal) -> bool:
    """Whether the spec takes a number."""
    return (
        value.is_finite()
        and abs(value.adjusted()) <= _GREATEST_EXPONENT
        and (spec.min is None or value >= Decimal(str(spec.min)))
        and (spec.max is None or value <= Decimal(str(spec.max)))
        and not (spec.integer and value != value.to_integral_value())
    )


def canonical(value: Decimal) -> str:
    """Return a number without exponent, plus sign, or zeros that say nothing."""
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def _values(spec: Answer, reading: str) -> Iterator[Decimal]:
    if any(mark.isdigit() and not mark.isdecimal() for mark in reading):  # 10² is not 102
        return
    text = unicodedata.normalize("NFKC", reading).translate(_MINUS).strip()
    text = _UNIT.sub("", text)
    ratio = _OUT_OF.fullmatch(text)
    if ratio and spec.max is not None and _decimal(ratio["most"]) == Decimal(str(spec.max)):
        text = ratio["number"]
    if _PLAIN.fullmatch(text):
        yield from _some(_decimal(text))
    if _GROUPED.fullmatch(text):
        yield from _some(_decimal(re.sub(r"[^\d.+-]", "", text)))
    if _DECIMAL_COMMA.fullmatch(text):
        yield from _some(_decimal(text.replace(",", ".")))


def _decimal(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _some(value: Decimal | None) -> Iterator[Decimal]:
    if value is not None:
        yield value

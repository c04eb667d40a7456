"""Finds the number that a reply consists of.

An ambiguous number, such as ``1,000``, is valid only if one of its readings is in bounds.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from runner.jobfile.answer_spec import AnswerSpec

_MAX_LENGTH = 60
_MAX_EXPONENT = 40
_MAX_PLAIN_DIGITS = 15  # a float holds all of them exactly, so bounds of any type compare exactly
_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?")
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:[, '\u2009\u202f]\d{3})+(?:\.\d+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_OUT_OF = re.compile(r"(?P<number>[^/]+?)\s*(?:/|out of|von)\s*(?P<most>[\d.]+)")
_LIST_OPENERS = "[({"  # the text may be a list, in which a comma is not a decimal comma
_DETACHED_MINUS = re.compile(r"[-\u2010-\u2015\u2212\uff0d]\s")
_COMPARED = re.compile(r"[<>\u2264\u2265]\s*[-+.\d]")  # "> 5" is no number
_UNIT = re.compile(r"\s*(?:分|星|点|points?|stars?)$", re.IGNORECASE)
_MINUS = str.maketrans(dict.fromkeys("\u2212\u2010\u2011\u2012\u2013\uff0d", "-"))


def plain_number(spec: AnswerSpec, text: str) -> str | None:
    """Returns the number when `text` consists of digits, and the number is in bounds.

    The result is the same as that of `find_number`, in much less time.
    """
    if len(text) > _MAX_PLAIN_DIGITS or not (text.isascii() and text.isdigit()):
        return None
    number = int(text)
    low, high = spec.min, spec.max
    in_range = (low is None or number >= low) and (high is None or number <= high)
    return str(number) if in_range else None


def find_number(spec: AnswerSpec, candidates: list[str]) -> str | None:
    """Returns the number that a whole candidate spells, in canonical form.

    ``3.0`` is "3", ``.750`` is "0.75", and ``8/10`` is "8" when `max` is 10. A comma may separate
    thousands or decimals, and a leading dash may be a minus sign or a bullet; in these cases the
    only reading that is in bounds is returned, or None.
    """
    if any(text[:1] in _LIST_OPENERS and "," in text for text in candidates if text):
        return None
    detached = False
    for text in candidates:
        if len(text) <= _MAX_LENGTH:
            if _COMPARED.match(text):
                return None
            detached = detached or bool(_DETACHED_MINUS.match(text))
            values = set(_values(spec, text))
            if detached:
                values |= {-value for value in values if value > 0}
            readings = {_canonical(value) for value in values if _in_bounds(spec, value)}
            if readings:
                return readings.pop() if len(readings) == 1 else None
    return None


def _in_bounds(spec: AnswerSpec, value: Decimal) -> bool:
    return (
        value.is_finite()
        and abs(value.adjusted()) <= _MAX_EXPONENT
        and (spec.min is None or value >= Decimal(str(spec.min)))
        and (spec.max is None or value <= Decimal(str(spec.max)))
        and not (spec.integer and value != value.to_integral_value())
    )


def _canonical(value: Decimal) -> str:
    """Returns a number without exponent, plus sign or superfluous zeros."""
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def _values(spec: AnswerSpec, candidate: str) -> Iterator[Decimal]:
    """Yields every possible reading of the text as a number."""
    if any(mark.isdigit() and not mark.isdecimal() for mark in candidate):  # 10² is not 102
        return
    text = unicodedata.normalize("NFKC", candidate).translate(_MINUS).strip()
    text = _UNIT.sub("", text)
    ratio = _OUT_OF.fullmatch(text)
    if ratio and spec.max is not None and _decimal(ratio["most"]) == Decimal(str(spec.max)):
        text = ratio["number"]
    spellings = []
    if _PLAIN.fullmatch(text):
        spellings.append(text)
    if _GROUPED.fullmatch(text):
        spellings.append(re.sub(r"[^\d.+-]", "", text))
    if _DECIMAL_COMMA.fullmatch(text):
        spellings.append(text.replace(",", "."))
    for spelling in spellings:
        if (value := _decimal(spelling)) is not None:
            yield value


def _decimal(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None

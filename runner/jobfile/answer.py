"""Whether a reply is an answer, and which.

It refuses to know what happens next: whether to ask again is for others to decide.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from runner.jobfile import pattern, schema
from runner.jobfile.accept import Answer
from runner.jobfile.labels import find_label, find_labels
from runner.jobfile.lenient import NOTHING, UnreadableError, dumps, parse_whole, parse_within
from runner.jobfile.number import find_number
from runner.jobfile.readings import read_short
from runner.jobfile.unwrap import core_of, prose_of, unfence

_SHOWN = 80
_MOST_CANDIDATES = 8


@dataclass(frozen=True, slots=True)
class Valid:
    """The reply is an answer; `value` is to be recorded."""

    value: str


@dataclass(frozen=True, slots=True)
class Invalid:
    """The reply is not an answer; `reason` is a clause for people."""

    reason: str


def read_answer(spec: Answer, text: str) -> Valid | Invalid:
    """Read a reply as `spec` says; never raises, whatever the text.

    A text answer is the reply, stripped, without the thinking before it. Of the other kinds,
    case, spaces, quotes, markdown, a full stop, a code block, an ``Answer:`` before it and a
    ``<think>`` block do not matter. A label is recorded as the job file spells it; several as a
    JSON array in the job file's order; a number without exponent or needless zeros; JSON as
    compact text. Two answers are none, and so is one that is cut off.
    """
    core = prose_of(text) if spec.kind == "text" else core_of(text)
    if core is None:
        return Invalid("the reply ended before its thinking did")
    if not core:
        return Invalid("the reply is empty")
    return _storable(_read(spec, core))


def read_value(spec: Answer, value: Any) -> Valid | Invalid:
    """Read a JSON value that stands for the answer to one row among several; never raises."""
    if value is None:
        return Invalid("the answer is null")
    if spec.kind == "json":
        found = _storable(_fitting(spec, value))
        is_text = isinstance(value, str) and isinstance(found, Invalid)
        return read_answer(spec, value) if is_text else found
    if isinstance(value, str):
        return read_answer(spec, value)
    if spec.kind in {"text", "regex"} and isinstance(value, dict | list | bool):
        return Invalid("the answer is not text")
    try:
        return read_answer(spec, dumps(value))
    except (ValueError, RecursionError):
        return Invalid("the answer cannot be written as JSON")


def _read(spec: Answer, core: str) -> Valid | Invalid:
    match spec.kind:
        case "text":
            return Valid(core)
        case "label":
            found = read_short(core, lambda readings: find_label(spec.spellings, readings))
            return Valid(found) if found else _is_no(core, "one of the labels")
        case "labels":
            return _read_labels(spec, core)
        case "number":
            number = read_short(core, lambda readings: find_number(spec, readings))
            return Valid(number) if number else _is_no(core, number_wanted(spec))
        case "regex":
            return _read_pattern(spec.pattern or "", core)
        case "json":
            return _read_json(spec, core)


def _read_labels(spec: Answer, core: str) -> Valid | Invalid:
    found = read_short(core, lambda readings: find_labels(spec.spellings, readings))
    if found is None:
        found = _labels_within(spec, core)
    if found is None:
        return _is_no(core, "a list of the labels")
    if not spec.fewest <= len(found) <= spec.most:
        return Invalid(f"the reply has {len(found)} of the labels, not {how_many(spec)}")
    return Valid(dumps([label for label in spec.labels if label in found]))


def _labels_within(spec: Answer, core: str) -> frozenset[str] | None:
    """Return the labels of the one list of them that stands in prose as JSON."""
    try:
        lists = [dumps(value) for value in _distinct(parse_within(core)) if isinstance(value, list)]
    except UnreadableError:
        return None
    found = {
        labels for text in lists if (labels := find_labels(spec.spellings, [text])) is not None
    }
    return found.pop() if len(found) == 1 else None


def how_many(spec: Answer) -> str:
    """Return how many labels an answer has, in words."""
    if spec.fewest == spec.most:
        return f"exactly {spec.most}"
    return f"{spec.fewest} to {spec.most}"


def number_wanted(spec: Answer) -> str:
    """Return which numbers are answers, in words."""
    least = "" if spec.min is None else f" of at least {spec.min}"
    most = "" if spec.max is None else f"{' and' if least else ' of'} at most {spec.max}"
    return f"a {'whole ' if spec.integer else ''}number{least}{most}"


def _read_pattern(wanted: str, core: str) -> Valid | Invalid:
    def first(readings: list[str]) -> str | None:
        return next((text for text in readings if pattern.matches(wanted, text)), None)

    found = read_short(core, first)
    return _is_no(core, "text that matches the pattern") if found is None else Valid(found)


def _read_json(spec: Answer, core: str) -> Valid | Invalid:
    for reading in (core, unfence(core)):
        value = parse_whole(reading)
        if value is not NOTHING:
            return _fitting(spec, value)
    try:
        candidates = _distinct(parse_within(core))
    except UnreadableError as error:
        return Invalid(f"the reply's JSON cannot be read: {error}")
    if not candidates:
        return Invalid(f"the reply holds no JSON: {_shown(core)}")
    judged = [_fitting(spec, value) for value in candidates]
    fitting = [verdict for verdict in judged if isinstance(verdict, Valid)]
    if len(fitting) > 1:
        return Invalid("the reply holds two different answers")
    return fitting[0] if fitting else judged[-1]


def _distinct(values: Iterator[Any]) -> list[Any]:
    found: dict[str, Any] = {}
    for value in values:
        try:
            found.setdefault(dumps(value), value)
        except ValueError:
            raise UnreadableError("a number is too large", 0) from None
        if len(found) > _MOST_CANDIDATES:
            raise UnreadableError("there are too many values to choose from", 0)
    return list(found.values())


def _fitting(spec: Answer, value: Any) -> Valid | Invalid:
    if spec.schema_ is None and not isinstance(value, dict | list):
        return Invalid("the reply is neither a JSON object nor an array")
    try:
        fault = schema.fault(spec.schema_, value) if spec.schema_ else None
        text = dumps(value)
    except (ValueError, RecursionError, OverflowError) as error:
        return Invalid(f"the reply's JSON cannot be checked: {error}")
    return Valid(text) if fault is None else Invalid(f"the JSON does not fit the schema: {fault}")


def _storable(found: Valid | Invalid) -> Valid | Invalid:
    """Refuse what no database takes: half of a character that needs two."""
    text = found.value if isinstance(found, Valid) else found.reason
    try:
        text.encode()
    except UnicodeEncodeError:
        return Invalid("the reply holds half a character")
    return found


def _is_no(core: str, wanted: str) -> Invalid:
    return Invalid(f"the reply is not {wanted}: {_shown(core)}")


def _shown(core: str) -> str:
    line = " ".join(core[: 4 * _SHOWN].split())
    return f'"{line}"' if len(line) <= _SHOWN else f'"{line[:_SHOWN]}…"'

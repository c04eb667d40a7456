"""Reads the answer in a reply to one row, or returns why the reply is invalid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from runner.jobfile.answer_spec import AnswerSpec
from runner.jobfile.answers.candidates import find_unique
from runner.jobfile.answers.labels import exact_label, exact_labels, find_label, find_labels
from runner.jobfile.answers.lenient_json import (
    NOTHING,
    UnreadableError,
    dumps,
    parse_strict,
    parse_whole,
    parse_within,
)
from runner.jobfile.answers.numbers import find_number, plain_number
from runner.jobfile.answers.unwrap import core_of, prose_of, unfence
from runner.jobfile.pattern import matches
from runner.jobfile.schema import schema_error

# Kinds of answers that a response_format wraps as the only member of an object.
_WRAPPED = frozenset({"label", "labels", "number"})
_SHOWN = 80  # characters of an invalid reply in a message
_MAX_VALUES = 8  # different JSON values in one reply


@dataclass(frozen=True, slots=True)
class Valid:
    """A valid answer; `value` is recorded."""

    value: str


@dataclass(frozen=True, slots=True)
class Invalid:
    """A reply that is not a valid answer; `reason` is a clause for people."""

    reason: str


def read_answer(spec: AnswerSpec, text: str) -> Valid | Invalid:
    """Reads the answer in a reply; never raises.

    A text answer is the reply, stripped, without the thinking before it. For the other kinds,
    case, spaces, quotes, markdown, a full stop, a code block, a leading ``Answer:`` and a
    ``<think>`` block are ignored. A label is recorded as the job file spells it; several labels as
    a JSON array in the job file's order; a number without exponent or superfluous zeros; JSON as
    compact text. A reply with two different answers, or a truncated one, is invalid.
    """
    core = prose_of(text) if spec.kind == "text" else core_of(text)
    if core is None:
        return Invalid("the reply ended before its thinking did")
    if not core:
        return Invalid("the reply is empty")
    return _storable(_read(spec, core))


def read_value(spec: AnswerSpec, value: Any) -> Valid | Invalid:
    """Reads the answer in a JSON value, as in a packed reply or an example; never raises."""
    if value is None:
        return Invalid("the answer is null")
    if spec.kind == "json":
        answer = _storable(_validated(spec, value))
        is_text = isinstance(value, str) and isinstance(answer, Invalid)
        return read_answer(spec, value) if is_text else answer
    if isinstance(value, str):
        return read_answer(spec, value)
    if spec.kind in {"text", "regex"} and isinstance(value, dict | list | bool):
        return Invalid("the answer is not text")
    try:
        return read_answer(spec, dumps(value))
    except (ValueError, RecursionError):
        return Invalid("the answer cannot be written as JSON")


def _read(spec: AnswerSpec, core: str) -> Valid | Invalid:
    if core[0] == "{" and spec.kind in _WRAPPED:
        members = parse_strict(core)
        if isinstance(members, dict) and len(members) == 1:
            (value,) = members.values()
            answer = read_value(spec, value)
            if isinstance(answer, Valid):
                return answer
    match spec.kind:
        case "text":
            return Valid(core)
        case "label":
            label = exact_label(spec, core) or find_unique(
                core, lambda layers: find_label(spec, layers)
            )
            return Valid(label) if label else _unlike(core, "one of the labels")
        case "labels":
            return _read_labels(spec, core)
        case "number":
            number = plain_number(spec, core) or find_unique(
                core, lambda layers: find_number(spec, layers)
            )
            return Valid(number) if number else _unlike(core, spec.number_phrase)
        case "regex":
            return _read_pattern(spec.pattern or "", core)
        case "json":
            return _read_json(spec, core)


def _read_labels(spec: AnswerSpec, core: str) -> Valid | Invalid:
    labels = exact_labels(spec, core)
    if labels is None:
        labels = find_unique(core, lambda layers: find_labels(spec, layers))
    if labels is None:
        labels = _labels_within(spec, core)
    if labels is None:
        return _unlike(core, "a list of the labels")
    if not spec.min_labels <= len(labels) <= spec.max_labels:
        return Invalid(f"the reply has {len(labels)} of the labels, not {spec.label_count_phrase}")
    return Valid(dumps([label for label in spec.labels if label in labels]))


def _labels_within(spec: AnswerSpec, core: str) -> frozenset[str] | None:
    """Returns the labels when the prose contains one JSON array of labels."""
    try:
        lists = [dumps(value) for value in _distinct(parse_within(core)) if isinstance(value, list)]
    except UnreadableError:
        return None
    sets = {labels for text in lists if (labels := find_labels(spec, [text])) is not None}
    return sets.pop() if len(sets) == 1 else None


def _read_pattern(pattern: str, core: str) -> Valid | Invalid:
    def first(layers: list[str]) -> str | None:
        return next((text for text in layers if matches(pattern, text)), None)

    text = find_unique(core, first)
    return _unlike(core, "text that matches the pattern") if text is None else Valid(text)


def _read_json(spec: AnswerSpec, core: str) -> Valid | Invalid:
    for text in (core, unfence(core)):
        value = parse_whole(text)
        if value is not NOTHING:
            return _validated(spec, value)
    try:
        values = _distinct(parse_within(core))
    except UnreadableError as error:
        return Invalid(f"the reply's JSON cannot be read: {error}")
    if not values:
        return Invalid(f"the reply contains no JSON: {_shown(core)}")
    answers = [_validated(spec, value) for value in values]
    valid = [answer for answer in answers if isinstance(answer, Valid)]
    if len(valid) > 1:
        return Invalid("the reply contains two different answers")
    return valid[0] if valid else answers[-1]


def _distinct(values: Iterator[Any]) -> list[Any]:
    """Returns the values without duplicates.

    Raises:
        UnreadableError: There are too many, or one contains a number that is too large.
    """
    by_text: dict[str, Any] = {}
    for value in values:
        try:
            by_text.setdefault(dumps(value), value)
        except ValueError:
            raise UnreadableError("a number is too large", 0) from None
        if len(by_text) > _MAX_VALUES:
            raise UnreadableError("there are too many values to choose from", 0)
    return list(by_text.values())


def _validated(spec: AnswerSpec, value: Any) -> Valid | Invalid:
    if spec.schema_ is None and not isinstance(value, dict | list):
        return Invalid("the reply is neither a JSON object nor an array")
    try:
        error = schema_error(spec.schema_, value) if spec.schema_ else None
        text = dumps(value)
    except (ArithmeticError, ValueError, TypeError, RecursionError) as failure:
        return Invalid(f"the reply's JSON cannot be validated: {failure}")
    return Valid(text) if error is None else Invalid(f"the JSON does not fit the schema: {error}")


def _storable(answer: Valid | Invalid) -> Valid | Invalid:
    """Refuses a text with an unpaired surrogate, which no database accepts."""
    text = answer.value if isinstance(answer, Valid) else answer.reason
    if text.isascii():
        return answer
    try:
        text.encode()
    except UnicodeEncodeError:
        return Invalid("the reply contains an unpaired surrogate")
    return answer


def _unlike(core: str, expected: str) -> Invalid:
    return Invalid(f"the reply is not {expected}: {_shown(core)}")


def _shown(core: str) -> str:
    line = " ".join(core[: 4 * _SHOWN].split())
    return f'"{line}"' if len(line) <= _SHOWN else f'"{line[:_SHOWN]}…"'

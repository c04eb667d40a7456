"""Reads the answers in a packed reply, which is a reply to several rows.

No answer is guessed, and each answer belongs to the row whose number it has.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from runner.jobfile.answer_spec import AnswerSpec
from runner.jobfile.answers.lenient_json import (
    MAX_LENGTH,
    OPENERS,
    Members,
    Parser,
    UnreadableError,
    parse_strict,
)
from runner.jobfile.answers.reply import Invalid, Valid, read_value
from runner.jobfile.answers.unwrap import core_of, unfence

_NUMBERED = re.compile(r"\s*(?:item|no\.?|#|第)?\s*(\d{1,9})\s*[.:)]?\s*", re.IGNORECASE)
_WRAPPER = re.compile(r"[{｛]\s*[\"“]([^\"“”\\]{1,40})[\"”]\s*[:：]\s*(?=[{\[｛［])")  # noqa: RUF001
_NUMBER_KEYS = ("n", "number")  # an "item" or "id" may be part of the row
_SPARE_CONTAINERS = 8  # objects and arrays that are read besides one for each answer
_MAX_KEY = 40  # characters

Entry = tuple[int, Any]


@dataclass(slots=True)
class _Contents:
    """The contents of a reply: answers by number, or else lists without numbers.

    Attributes:
        answers: The values for each number.
        bare: The values of each array without numbers.
        error: Why the last container is malformed, or None.
    """

    answers: dict[int, list[Any]] = field(default_factory=lambda: defaultdict(list))
    bare: list[list[Any]] = field(default_factory=list)
    error: UnreadableError | None = None


def read_pack(spec: AnswerSpec, text: str, count: int) -> tuple[Valid | Invalid, ...]:
    """Reads the reply to `count` items, numbered from 1; never raises.

    The reply is a JSON object keyed by the numbers, or an array of ``{"n": 1, "answer": …}`` or of
    ``{"1": …}``, or an array of exactly `count` answers. The complete answers of a truncated reply
    are valid. An item with two different answers has no valid answer.

    Returns:
        Each item's answer, or the reason for which it has none, in the order of the items.
    """
    core = core_of(text)
    if core is None:
        return _none(count, "the reply ended before its thinking did")
    if len(core) > MAX_LENGTH:
        return _none(count, "the reply is too long")
    if (values := _complete(core, count)) is not None:
        return tuple(read_value(spec, value) for value in values)
    contents = _read(spec, core, count)
    if 0 in contents.answers:
        return _none(count, "the reply numbers the items from 0")
    if any(number > count for number in contents.answers):  # two of them may be of one item
        return _none(count, "the reply has more answers than there are items")
    if contents.answers:
        return tuple(_answer(spec, contents, number) for number in range(1, count + 1))
    if len(contents.bare) == 1 and len(contents.bare[0]) == count and contents.error is None:
        return tuple(read_value(spec, value) for value in contents.bare[0])
    why = f": {contents.error}" if contents.error else ""
    return _none(count, f"the reply contains no numbered answers{why}")


def _none(count: int, reason: str) -> tuple[Invalid, ...]:
    return (Invalid(reason),) * count


def _complete(core: str, count: int) -> list[Any] | None:
    """Returns the values when the reply is exactly the JSON object that was asked for.

    The result is the same as with `_read`, in much less time.
    """
    reply = parse_strict(unfence(core))
    if not isinstance(reply, dict) or len(reply) != count:
        return None
    values = [reply.get(str(number), reply) for number in range(1, count + 1)]
    return None if any(value is reply for value in values) else values


def _answer(spec: AnswerSpec, contents: _Contents, number: int) -> Valid | Invalid:
    values = contents.answers.get(number)
    if not values:
        why = f", whose JSON cannot be read: {contents.error}" if contents.error else ""
        return Invalid(f"item {number} is missing in the reply{why}")
    answers = {read_value(spec, value) for value in values}
    if len(answers) > 1:
        return Invalid(f"item {number} is answered twice, with different answers")
    return answers.pop()


def _read(spec: AnswerSpec, core: str, count: int) -> _Contents:
    contents = _Contents()
    for opener, members in _containers(core, count):
        numbered = list(_numbered(spec, members))
        for number, value in numbered:
            contents.answers[number].append(value)
        if opener in "[［" and not numbered:  # noqa: RUF001 - full-width, as in Chinese
            contents.bare.append([value for _, value in members.pairs])
        contents.error = members.error
    return contents


def _containers(core: str, count: int) -> Iterator[tuple[str, Members]]:
    """Yields the objects and arrays in a reply, up to a malformed one."""
    parser, at = Parser(core), 0
    for _ in range(count + _SPARE_CONTAINERS):
        opened = OPENERS.search(core, at)
        while opened and parser.begins_prose(opened.start()):
            opened = OPENERS.search(core, opened.end())
        if opened is None:
            return
        start = _inside(parser, core, opened.start())
        members = parser.members(start)
        yield core[start], members
        if members.error:
            return
        at = members.end


def _inside(parser: Parser, core: str, start: int) -> int:
    """Returns the position of the container of the answers.

    This is the value of an object with only one key, such as ``{"answers": …}``; else `start`.
    """
    wrapper = _WRAPPER.match(core, start)
    if wrapper is None or _number(wrapper[1]) is not None:
        return start
    others = [key for key, _ in parser.members(start).pairs if key != wrapper[1]]
    return start if others else wrapper.end()


def _numbered(spec: AnswerSpec, members: Members) -> Iterator[Entry]:
    """Yields the answers in a container with their numbers."""
    keyed = [(_number(key), value) for key, value in members.pairs]
    if any(number is not None for number, _ in keyed):
        yield from ((number, value) for number, value in keyed if number is not None)
        return
    if members.pairs and members.pairs[0][0] is not None:
        if members.error is None:
            yield from _numbered_object(spec, {str(key): value for key, value in members.pairs})
        return
    for _, value in members.pairs:
        if isinstance(value, dict):
            yield from _in_array(spec, value)


def _in_array(spec: AnswerSpec, element: dict[str, Any]) -> Iterator[Entry]:
    keys = [_number(key) for key in element]
    if keys and None not in keys:
        yield from (
            (number, value)
            for number, value in zip(keys, element.values(), strict=True)
            if number is not None
        )
    else:
        yield from _numbered_object(spec, element)


def _numbered_object(spec: AnswerSpec, element: dict[str, Any]) -> Iterator[Entry]:
    """Yields the answer in ``{"n": 1, "answer": …}``, or in a variation of it."""
    names = _NUMBER_KEYS[:1] if spec.kind == "json" else _NUMBER_KEYS
    name = next((name for name in names if _number(element.get(name)) is not None), None)
    number = _number(element.get(name)) if name else None
    if number is None:
        return
    rest = {key: value for key, value in element.items() if key not in {name, "item"}}
    if set(rest) == {"answer"} or (spec.kind != "json" and "answer" in rest):
        yield number, rest["answer"]
    elif spec.kind == "json":
        yield number, rest
    elif len(rest) == 1:
        yield number, next(iter(rest.values()))


def _number(key: Any) -> int | None:
    """Returns the number that a key or a value stands for, or None."""
    if isinstance(key, int) and not isinstance(key, bool) and key >= 0:
        return key
    if not isinstance(key, str) or len(key) > _MAX_KEY:
        return None
    match = _NUMBERED.fullmatch(unicodedata.normalize("NFKC", key))
    return int(match[1]) if match else None

"""How the reply to several rows in one request is taken apart, so that each row has its answer.

It knows how models number their answers; whether an answer is one, `answer` says. It guesses no
answer and moves none to another row.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from runner.jobfile.accept import Answer
from runner.jobfile.answer import Invalid, Valid, read_value
from runner.jobfile.lenient import LONGEST, OPENERS, Members, Parser, UnreadableError
from runner.jobfile.unwrap import core_of

_NUMBERED = re.compile(r"\s*(?:item|no\.?|#|第)?\s*(\d{1,9})\s*[.:)]?\s*", re.IGNORECASE)
_WRAPPER = re.compile(r"[{｛]\s*[\"“]([^\"“”\\]{1,40})[\"”]\s*[:：]\s*(?=[{\[｛［])")  # noqa: RUF001
_NUMBER_KEYS = ("n", "number", "item", "id")
_SPARE = 8  # containers beside the answers themselves
_LONGEST_KEY = 40

Entry = tuple[int, Any]


@dataclass(slots=True)
class _Found:
    """What a reply holds: answers by number, or else one list without numbers."""

    answers: dict[int, list[Any]] = field(default_factory=lambda: defaultdict(list))
    bare: list[list[Any]] = field(default_factory=list)
    fault: UnreadableError | None = None


def read_pack(spec: Answer, text: str, count: int) -> tuple[Valid | Invalid, ...]:
    """Read the reply to `count` items, numbered from 1; never raises, whatever the text.

    It is a JSON object keyed by the numbers, or an array of ``{"n": 1, "answer": …}`` or of
    ``{"1": …}``, or an array of exactly as many answers. Of a reply that breaks off, the answers
    that came whole count. An item that is answered twice, and differently, is not answered.

    Returns:
        Each item's answer, or why it has none, in the order of the items.
    """
    core = core_of(text)
    if core is None:
        return _none(count, "the reply ended before its thinking did")
    if len(core) > LONGEST:
        return _none(count, "the reply is too long")
    found = _read(spec, core, count)
    if 0 in found.answers:
        return _none(count, "the reply numbers the items from 0")
    if found.answers:
        return tuple(_judged(spec, found, number) for number in range(1, count + 1))
    if len(found.bare) == 1 and len(found.bare[0]) == count and found.fault is None:
        return tuple(read_value(spec, value) for value in found.bare[0])
    why = f": {found.fault}" if found.fault else ""
    return _none(count, f"the reply holds no answers by number{why}")


def _none(count: int, reason: str) -> tuple[Invalid, ...]:
    return (Invalid(reason),) * count


def _judged(spec: Answer, found: _Found, number: int) -> Valid | Invalid:
    values = found.answers.get(number)
    if not values:
        why = f", whose JSON cannot be read: {found.fault}" if found.fault else ""
        return Invalid(f"item {number} is missing in the reply{why}")
    verdicts = {read_value(spec, value) for value in values}
    if len(verdicts) > 1:
        return Invalid(f"item {number} is answered twice, and differently")
    return verdicts.pop()


def _read(spec: Answer, core: str, count: int) -> _Found:
    found = _Found()
    for opener, members in _containers(core, count):
        numbered = list(_numbered(spec, members))
        for number, value in numbered:
            found.answers[number].append(value)
        if opener in "[［" and not numbered:  # noqa: RUF001 - full-width, as in Chinese
            found.bare.append([value for _, value in members.pairs])
        found.fault = members.fault
    return found


def _containers(core: str, count: int) -> Iterator[tuple[str, Members]]:
    """Yield the objects and arrays in a reply, up to the one that breaks, if one does."""
    parser, at = Parser(core), 0
    for _ in range(count + _SPARE):
        opened = OPENERS.search(core, at)
        while opened and parser.begins_prose(opened.start()):
            opened = OPENERS.search(core, opened.end())
        if opened is None:
            return
        start = _inside(parser, core, opened.start())
        members = parser.members(start)
        yield core[start], members
        if members.fault:
            return
        at = members.end


def _inside(parser: Parser, core: str, start: int) -> int:
    """Return where the answers begin: inside an object that holds nothing but them, if it does."""
    wrapper = _WRAPPER.match(core, start)
    if wrapper is None or _number(wrapper[1]) is not None:
        return start
    others = [key for key, _ in parser.members(start).pairs if key != wrapper[1]]
    return start if others else wrapper.end()


def _numbered(spec: Answer, members: Members) -> Iterator[Entry]:
    """Yield the answers in a container with their numbers."""
    keyed = [(_number(key), value) for key, value in members.pairs]
    if any(number is not None for number, _ in keyed):
        yield from ((number, value) for number, value in keyed if number is not None)
        return
    if members.pairs and members.pairs[0][0] is not None:
        if members.fault is None:
            yield from _one(spec, {str(key): value for key, value in members.pairs})
        return
    for _, value in members.pairs:
        if isinstance(value, dict):
            yield from _in_array(spec, value)


def _in_array(spec: Answer, element: dict[str, Any]) -> Iterator[Entry]:
    keys = [_number(key) for key in element]
    if keys and None not in keys:
        yield from (
            (number, value)
            for number, value in zip(keys, element.values(), strict=True)
            if number is not None
        )
    else:
        yield from _one(spec, element)


def _one(spec: Answer, element: dict[str, Any]) -> Iterator[Entry]:
    """Yield the answer in ``{"n": 1, "answer": …}``, or in what models make of it."""
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
    """Return the number that a key or a value is; None: it is none."""
    if isinstance(key, int) and not isinstance(key, bool) and key >= 0:
        return key
    if not isinstance(key, str) or len(key) > _LONGEST_KEY:
        return None
    found = _NUMBERED.fullmatch(unicodedata.normalize("NFKC", key))
    return int(found[1]) if found else None

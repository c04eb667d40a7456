"""Rows with their answers, as turns that show the model what is wanted.

It knows how an example must look; where it came from is told to it for errors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from runner.errors import JobFileError
from runner.jobfile.accept import Answer
from runner.jobfile.answer import Invalid, read_value
from runner.jobfile.texts import ANSWER


def example_turns(
    examples: Sequence[str],
    places: Sequence[str],
    spec: Answer,
    question: Callable[[Mapping[str, Any]], Any],
) -> list[dict[str, Any]]:
    """Return each example as the user's and the assistant's turn.

    Args:
        examples: JSON objects with the columns that the question reads, and ``answer``.
        places: Where each stands, for errors.
        spec: What counts as an answer: an example shows one.
        question: Makes the user's content of a row.

    Raises:
        JobFileError: an example is none; `where` is its place.
    """
    turns = []
    for text, place in zip(examples, places, strict=True):
        row = _row(text, place)
        try:
            content = question(row)
        except JobFileError as error:
            raise JobFileError(error.what, where=place, remedy=error.remedy) from error
        turns.append({"role": "user", "content": content})
        turns.append({"role": "assistant", "content": _answer(spec, row[ANSWER], place)})
    return turns


def _row(text: str, place: str) -> dict[str, Any]:
    try:
        row = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise JobFileError(f"this is not JSON ({error})", where=place, remedy=_WANTED) from error
    if not isinstance(row, dict) or row.get(ANSWER) is None:
        raise JobFileError(f'an example needs an "{ANSWER}"', where=place, remedy=_WANTED)
    return row


_WANTED = 'write {"text": "…", "answer": "…"}, with the columns that the user template reads'


def _answer(spec: Answer, value: Any, place: str) -> str:
    found = read_value(spec, value)
    if isinstance(found, Invalid):
        what = f"the example's answer is none: {found.reason}"
        raise JobFileError(what, where=place, remedy="write an answer as [answer] wants it")
    return found.value

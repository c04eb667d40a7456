"""Converts few-shot examples, which are rows with their answers, into messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from runner import exact_json
from runner.errors import JobFileError
from runner.jobfile.answer_spec import AnswerSpec
from runner.jobfile.answers.reply import Invalid, read_value
from runner.jobfile.prompt_spec import ANSWER
from runner.language import _


def example_turns(
    examples: Sequence[str],
    places: Sequence[str],
    spec: AnswerSpec,
    question: Callable[[Mapping[str, Any]], Any],
) -> list[dict[str, Any]]:
    """Returns each example as a message of the user and one of the assistant.

    Args:
        examples: JSON objects with the columns that the question reads, and ``answer``.
        places: The place of each example, for errors.
        spec: The valid answers, to which each example's answer must belong.
        question: Returns the content of the user's message for a row.

    Raises:
        JobFileError: An example is invalid; `where` is its place.
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
        row = exact_json.loads(text)
    except orjson.JSONDecodeError as error:
        raise JobFileError(
            _("this is not JSON ({error})").format(error=error), where=place, remedy=_REMEDY
        ) from error
    if not isinstance(row, dict) or row.get(ANSWER) is None:
        raise JobFileError(
            _('an example needs an "{answer}"').format(answer=ANSWER), where=place, remedy=_REMEDY
        )
    return row


_REMEDY = _('write {"text": "…", "answer": "…"}, with the columns that the user template reads')


def _answer(spec: AnswerSpec, value: Any, place: str) -> str:
    answer = read_value(spec, value)
    if isinstance(answer, Invalid):
        what = _("the example's answer is not valid: {reason}").format(reason=answer.reason)
        raise JobFileError(what, where=place, remedy=_("write an answer that [answer] accepts"))
    return answer.value

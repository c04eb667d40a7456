"""What the OpenAI wire format says of a reply."""

from typing import Any

import orjson
import pytest

from runner.providers.openai import read_reply

REASONED = "positive, I would say"


def content(message: Any) -> str | None:
    return read_reply(200, {}, orjson.dumps({"choices": [{"message": message}]})).content


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ({"content": "yes"}, "yes"),
        ({"content": None, "reasoning_content": REASONED}, ""),
        ({"content": "", "reasoning_content": REASONED}, ""),
        ({"reasoning_content": REASONED}, ""),
        ({"content": "no", "reasoning_content": REASONED}, "no"),
        ({"content": [{"type": "text", "text": "y"}, {"type": "text", "text": "es"}]}, "yes"),
        ({"content": [{"type": "thinking", "text": REASONED}, {"text": "no"}]}, "no"),
        ({"content": [{"type": "thinking", "thinking": [{"text": REASONED}]}]}, ""),
        ({"content": []}, ""),
        ({}, ""),
        (None, None),
        ("x", None),
    ],
)
def test_reasoning_is_never_the_answer_and_an_answer_without_text_is_no_empty_shell(
    message: Any, found: str | None
) -> None:
    assert content(message) == found

"""ModelScope's waits, remedies and answers; test_corpus.py holds what its replies mean."""

from __future__ import annotations

from runner.core.verdict import Verdict, classify
from runner.providers.openai import read_reply
from runner.providers.presets import preset

MODELSCOPE = preset("modelscope")


def judged(status: int, body: bytes, headers: dict[str, str] | None = None) -> Verdict:
    return classify(read_reply(status, headers or {}, body), MODELSCOPE.rules)


def test_the_balance_throttle_waits_a_minute_and_the_limit_is_ambiguous() -> None:
    body = b'{"error":{"message":"You exceeded your current quota, please check your plan"}}'
    assert judged(429, body).wait_ms == 60_000
    assert judged(429, b'{"message":"Request limit exceeded."}').ambiguous


def test_remedies_tell_what_to_do() -> None:
    thinking = b'{"message":"parameter.enable_thinking must be set to false"}'
    assert "enable_thinking = false" in (judged(400, thinking).remedy or "")
    token = b'{"errors":{"message":"a valid ModelScope token is supplied"}}'
    assert "MODELSCOPE_API_KEY" in (judged(401, token).remedy or "")


def test_tokens_and_text_are_read_from_an_answer() -> None:
    body = (
        b'{"choices":[{"message":{"content":"yes"}}],'
        b'"usage":{"prompt_tokens":7,"completion_tokens":1}}'
    )
    reply = read_reply(200, {}, body)
    assert (reply.content, reply.prompt_tokens, reply.completion_tokens) == ("yes", 7, 1)

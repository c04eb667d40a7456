"""ModelScope's waits, remedies and counts; test_corpus.py holds what its replies mean."""

from __future__ import annotations

import pytest

from runner.core.verdict import Scope, Verdict, classify
from runner.providers.endpoint import read_counts, read_date
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


@pytest.mark.parametrize(
    ("limit", "remaining", "spent"),
    [
        ("2000", "1999", 1),
        (" 2000 ", "0", 2000),
        ("2000", None, None),
        (None, "5", None),
        ("many", "5", None),
        ("5", "2000", None),
        ("-1", "0", None),
        ("2e3", "1", None),
        ("", "", None),
    ],
)
def test_a_count_is_read_whole_and_sane_or_not_at_all(
    limit: str | None, remaining: str | None, spent: int | None
) -> None:
    names = MODELSCOPE.headers[Scope.ACCOUNT]
    headers = {k: v for k, v in zip(names, (limit, remaining), strict=True) if v is not None}
    counts = read_counts(headers, MODELSCOPE.headers)
    assert (counts[Scope.ACCOUNT].spent if counts else None) == spent


@pytest.mark.parametrize(
    ("date", "moment"),
    [
        ("Mon, 05 Jan 2026 16:00:00 GMT", 1_767_628_800_000),
        ("yesterday", None),
        ("", None),
    ],
)
def test_a_date_is_read_or_ignored(date: str, moment: int | None) -> None:
    assert read_date({"date": date}) == moment
    assert read_date({}) is None

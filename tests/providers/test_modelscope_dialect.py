"""Every reply of ModelScope's that is known, in every envelope, with its verdict."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.core.verdict import Kind, Scope, Verdict, classify
from runner.providers.endpoint import read_counts, read_date
from runner.providers.openai import read_reply
from runner.providers.presets import preset

MODELSCOPE = preset("modelscope")

DAY_CAP = (
    "You have exceeded today's quota for model Qwen/Qwen3-8B, please try again tomorrow, "
    "or consider using other models"
)
REPLIES = [
    (429, "", DAY_CAP, Kind.SPENT, Scope.MODEL),
    (
        429,
        "",
        "You have exceeded today's quota, please try again tomorrow",
        Kind.SPENT,
        Scope.ACCOUNT,
    ),
    (
        429,
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details",
        Kind.THROTTLED,
        Scope.MODEL,
    ),
    (429, "", "Request limit exceeded.", Kind.THROTTLED, Scope.ACCOUNT),
    (429, "", "insufficient balance", Kind.SPENT, Scope.ACCOUNT),
    (429, "", "We have to rate limit you for model X. Please", Kind.THROTTLED, Scope.MODEL),
    (429, "429", "insufficient balance (1008)", Kind.GONE, Scope.MODEL),
    (429, "", "Too Many Requests", Kind.THROTTLED, Scope.MODEL),
    (429, "limit_burst_rate", "slow down", Kind.THROTTLED, Scope.MODEL),
    (429, "Throttling.RateQuota", "Throttling: request was denied", Kind.THROTTLED, Scope.MODEL),
    (429, "", "Free allocated quota exceeded.", Kind.SPENT, Scope.ACCOUNT),
    (400, "", "Model id : X , has no provider supported", Kind.GONE, Scope.MODEL),
    (
        400,
        "",
        "parameter.enable_thinking must be set to false for non-streaming calls",
        Kind.REJECTED,
        None,
    ),
    (
        401,
        "",
        "Authentication failed, please make sure that a valid ModelScope token is supplied.",
        Kind.UNAUTHORISED,
        Scope.ACCOUNT,
    ),
    (
        401,
        "",
        "Please bind your Alibaba Cloud account before use.",
        Kind.UNAUTHORISED,
        Scope.ACCOUNT,
    ),
    (403, "", "the account is not real-name verified", Kind.UNAUTHORISED, Scope.ACCOUNT),
    (500, "", "internal error", Kind.TRANSIENT, Scope.MODEL),
    (504, "", "upstream timed out", Kind.TRANSIENT, Scope.MODEL),
    (200, "500", "upstream failed", Kind.TRANSIENT, Scope.MODEL),
    (400, "invalid_parameter", "max_tokens is too large", Kind.REJECTED, Scope.MODEL),
]
ENVELOPES = {
    "error": lambda body: {"error": body, "request_id": "r"},
    "errors": lambda body: {"errors": body | {"request_id": "r"}},
    "flat": lambda body: body | {"request_id": "r"},
    "array": lambda body: [{"error": body}],
}


def judged(status: int, body: bytes, headers: dict[str, str] | None = None) -> Verdict:
    return classify(read_reply(status, headers or {}, body), MODELSCOPE.rules)


@pytest.mark.parametrize("envelope", ENVELOPES)
@pytest.mark.parametrize(("status", "code", "message", "kind", "scope"), REPLIES)
def test_every_known_refusal_in_every_envelope(
    status: int, code: str, message: str, kind: Kind, scope: Scope | None, envelope: str
) -> None:
    body = {"message": message} | ({"code": code} if code else {})
    verdict = judged(status, orjson.dumps(ENVELOPES[envelope](body)))
    assert (verdict.kind, verdict.scope) == (kind, scope)
    assert message[:20] in verdict.why


def test_the_balance_throttle_waits_a_minute_and_the_limit_is_ambiguous() -> None:
    body = b'{"error":{"message":"You exceeded your current quota, please check your plan"}}'
    assert judged(429, body).wait_ms == 60_000
    assert judged(429, b'{"message":"Request limit exceeded."}').ambiguous


def test_remedies_tell_what_to_do() -> None:
    thinking = b'{"message":"parameter.enable_thinking must be set to false"}'
    assert "enable_thinking = false" in (judged(400, thinking).remedy or "")
    token = b'{"errors":{"message":"a valid ModelScope token is supplied"}}'
    assert "MODELSCOPE_API_KEY" in (judged(401, token).remedy or "")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"id":"","choices":null,"usage":{"total_tokens":0}}', Kind.THROTTLED),
        (b'{"id":"","choices":[]}', Kind.THROTTLED),
        (b'{"choices":[{"message":{"content":"yes"}}]}', Kind.DONE),
        (b'{"choices":[{"message":{"content":null}}]}', Kind.DONE),
        (b'{"choices":[{"message":{"content":[{"type":"text","text":"yes"}]}}]}', Kind.DONE),
        (b'{"choices":[{"message":{"content":"ye', Kind.TRANSIENT),
        (b"", Kind.TRANSIENT),
        (b"null", Kind.TRANSIENT),
        (b"[]", Kind.TRANSIENT),
        (b'{"error":"a plain string"}', Kind.TRANSIENT),
    ],
)
def test_a_200_is_an_answer_only_if_it_holds_one(body: bytes, kind: Kind) -> None:
    assert judged(200, body).kind is kind


def test_an_html_page_is_told_in_words_and_passes() -> None:
    verdict = judged(502, b"<html><head><title>502 Bad Gateway</title></head>\n<body>nginx</body>")
    assert verdict.kind is Kind.TRANSIENT
    assert "502 Bad Gateway nginx" in verdict.why


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


@given(
    status=st.integers(100, 599),
    body=st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=9),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        ["error", "errors", "code", "message", "choices", "content", "usage"]
                    ),
                    inner,
                    max_size=4,
                )
            ),
            max_leaves=12,
        ).map(orjson.dumps),
    ),
    retry_after=st.text(max_size=12),
)
@settings(max_examples=400, deadline=None)
def test_no_reply_raises(status: int, body: bytes, retry_after: str) -> None:
    headers = {"retry-after": retry_after, "date": retry_after}
    assert judged(status, body, headers).kind in Kind
    read_date(headers)

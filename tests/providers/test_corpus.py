"""Every refusal that is known of, in every envelope it may come in, with what it means."""

from __future__ import annotations

import time
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.corpus import (
    CORPUS,
    ENVELOPES,
    HTML,
    PER_DAY,
    TOKENS_PER_MINUTE,
    WHOLE,
    Case,
    quota_failure,
)

from runner.core.verdict import Kind, Verdict, classify
from runner.providers.openai import read_reply
from runner.providers.presets import preset, shipped


def judged(provider: str, status: int, body: bytes) -> Verdict:
    return classify(read_reply(status, {}, body), preset(provider).rules)


def bodies(case: Case) -> dict[str, Any]:
    return {key: value for key, value in (("code", case.code), ("message", case.message)) if value}


@pytest.mark.parametrize(
    ("provider", "case"), [(name, case) for name, cases in CORPUS.items() for case in cases]
)
def test_a_known_refusal_is_understood_in_every_envelope(provider: str, case: Case) -> None:
    for name, envelope in ENVELOPES.items():
        verdict = judged(provider, case.status, orjson.dumps(envelope(bodies(case))))
        assert case.fits(verdict), (name, verdict)
        assert case.message[:20] in verdict.why


@pytest.mark.parametrize("provider", shipped())
def test_every_rule_of_a_preset_decides_some_reply_of_the_corpus(provider: str) -> None:
    """A rule that nothing reaches is hidden by one before it, or tested by nobody."""
    rules = preset(provider).rules
    decided = set()
    for status, body in (*plain(provider), *((s, b) for p, s, b, _ in WHOLE if p == provider)):
        reply = read_reply(status, {}, body)
        decided.add(next((n for n, rule in enumerate(rules) if rule.matches(reply)), None))
    assert set(range(len(rules))) <= decided


def plain(provider: str) -> list[tuple[int, bytes]]:
    return [(case.status, orjson.dumps({"error": bodies(case)})) for case in CORPUS[provider]]


# Bodies as they were seen, whole


@pytest.mark.parametrize(("provider", "status", "body", "case"), WHOLE)
def test_a_body_is_understood_as_it_was_seen(
    provider: str, status: int, body: bytes, case: Case
) -> None:
    verdict = judged(provider, status, body)
    assert case.fits(verdict), verdict


def test_an_html_page_is_told_in_words() -> None:
    assert "502 Bad Gateway nginx" in judged("modelscope", 502, HTML).why


def test_the_quotas_that_gemini_names_are_told() -> None:
    assert f"({TOKENS_PER_MINUTE}, {PER_DAY}, retry in 38s)" in (
        judged("gemini", 429, quota_failure(TOKENS_PER_MINUTE, PER_DAY)).why
    )


# Whatever comes

WORDS = ["error", "errors", "code", "message", "choices", "content", "usage", "details"]
WORDS += ["violations", "quotaId", "type"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("provider", shipped())
@given(
    status=st.integers(0, 999),
    body=st.binary(max_size=200) | JSON.map(orjson.dumps),
    headers=st.dictionaries(
        st.sampled_from(["retry-after", "date", "x-ratelimit-limit-requests"]),
        st.text(max_size=12),
    ),
)
@settings(max_examples=150, deadline=None)
def test_no_reply_raises(provider: str, status: int, body: bytes, headers: dict[str, str]) -> None:
    reply = read_reply(status, headers, body)
    assert classify(reply, preset(provider).rules).kind in Kind


@pytest.mark.parametrize("provider", shipped())
def test_no_message_takes_long_to_classify(provider: str) -> None:
    """A rule's words repeated are what its pattern could stumble over."""
    started = time.process_time()
    for rule in preset(provider).rules:
        words = (rule.message or "").replace("\\w{0,60}", "").replace("\\", "") or "x"
        body = orjson.dumps({"message": words * (200_000 // len(words))})
        assert judged(provider, 418, body).kind in Kind
    assert time.process_time() - started < 10

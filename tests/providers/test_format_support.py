"""Which types of response_format a model takes, as its replies show."""

from __future__ import annotations

from typing import Any

import pytest

from runner.core.answer_formats import RETRY_MS
from runner.core.verdict import Kind, Reply, classify
from runner.providers.call_result import CallResult
from runner.providers.format_support import MOST_CLEARED, FormatSupport
from runner.providers.presets import preset

SCHEMA = "json_schema"
SHELL = Reply(200, lacks="the reply holds no choice")
CHARGED_SHELL = Reply(200, lacks="the reply holds no choice", prompt_tokens=9)
DONE, BAD = Reply(200, content="a"), Reply(400, message="Invalid argument")
NAMED = Reply(400, message="response_format is not supported")
FAILED, GATEWAY = Reply(500, message="Internal Server Error"), Reply(502, message="bad gateway")


class Account:
    """An account that hears replies to its calls of the model m."""

    def __init__(self) -> None:
        self.formats = FormatSupport(preset("openai-compatible"))

    def hears(self, reply: Reply, *, plain: bool = False) -> CallResult:
        name = "" if plain else SCHEMA
        return self.formats.learn("m", name, CallResult(classify(reply, ()), reply), 0)

    @property
    def sends(self) -> bool:
        return SCHEMA in self.formats.supported("m", 1)


def test_a_refusal_that_names_the_format_is_sure_at_once() -> None:
    account = Account()
    heard = account.hears(NAMED)
    assert (heard.refused_format, heard.verdict.kind) == (SCHEMA, Kind.TRANSIENT)
    assert not account.sends
    assert SCHEMA in account.formats.supported("m", RETRY_MS)
    assert SCHEMA in account.formats.supported("other", 1)


@pytest.mark.parametrize("failure", [BAD, FAILED, CHARGED_SHELL])
def test_a_vague_failure_is_a_refusal_if_only_calls_with_the_format_fail(failure: Reply) -> None:
    account = Account()
    first = account.hears(failure)
    assert (first.refused_format, first.verdict.kind, first.verdict.scope) == (
        "",
        Kind.TRANSIENT,
        None,
    )
    assert not account.formats.supported("m", 1)
    account.hears(DONE, plain=True)
    assert account.sends
    assert account.hears(failure).refused_format == SCHEMA
    assert not account.sends


def test_a_format_that_is_taken_the_second_time_was_not_the_cause() -> None:
    account = Account()
    account.hears(BAD)
    account.hears(DONE, plain=True)
    account.hears(DONE)
    heard = account.hears(BAD)
    assert (heard.refused_format, heard.verdict.kind) == ("", Kind.REJECTED)
    assert account.sends


def test_a_provider_that_rejects_every_call_is_not_asked_without_the_format_for_ever() -> None:
    account = Account()
    for _ in range(MOST_CLEARED):
        assert account.hears(BAD).verdict.kind is Kind.TRANSIENT
        assert account.hears(BAD, plain=True).verdict.kind is Kind.REJECTED
    assert account.hears(BAD).verdict.kind is Kind.REJECTED
    assert account.sends


@pytest.mark.parametrize(
    "reply", [GATEWAY, Reply(429, message="busy"), Reply(400, message="busy", retry_after_ms=9_000)]
)
def test_what_has_surely_another_cause_is_no_evidence(reply: Reply) -> None:
    account = Account()
    heard = account.hears(reply)
    assert heard.verdict == classify(reply, ())
    assert account.sends


def test_an_empty_shell_is_a_refusal_unless_the_format_was_taken_before() -> None:
    """A loaded provider answers with it, too."""
    account, other = Account(), Account()
    assert account.hears(SHELL).refused_format == SCHEMA
    other.hears(DONE)
    assert other.hears(SHELL).refused_format == ""
    assert other.hears(NAMED).refused_format == SCHEMA


def test_calls_without_a_reply_are_no_evidence() -> None:
    account = Account()
    lost: Any = CallResult(classify(GATEWAY, ()))
    assert account.formats.learn("m", SCHEMA, lost, 0) is lost

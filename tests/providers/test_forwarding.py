"""Requests that somebody else has written, to addresses that not every provider has."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from runner.core.verdict import Finish, Kind, Reply, Scope, Verdict, classify
from runner.providers.forwarding import adjust_verdict, prepare_forward
from runner.providers.responses import read_reply


def response(**changes: Any) -> Reply:
    said = {"type": "message", "content": [{"type": "output_text", "text": "positive"}]}
    usage = {"input_tokens": 9, "output_tokens": 2, "total_tokens": 11}
    body = {"object": "response", "status": "completed", "output": [said], "usage": usage}
    return read_reply(200, {}, orjson.dumps(body | {"error": None} | changes))


def kind(reply: Reply) -> Kind:
    return classify(reply, ()).kind


def test_a_response_is_read_with_its_tokens() -> None:
    found = response()
    assert (found.content, found.prompt_tokens, found.completion_tokens) == ("positive", 9, 2)
    assert kind(found) is Kind.DONE


def test_what_calls_a_tool_is_an_answer_and_reasoning_is_not_said() -> None:
    call = {"type": "function_call", "name": "f", "arguments": "{}"}
    assert "function_call" in (response(output=[call]).content or "")
    thought = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "negative?"}]}
    said = {"type": "message", "content": [{"type": "output_text", "text": "positive"}]}
    assert response(output=[thought, said]).content == "positive"


def test_one_that_broke_off_is_marked() -> None:
    cut = response(status="incomplete", incomplete_details={"reason": "max_output_tokens"})
    assert cut.finish is Finish.CUT
    filtered = response(status="incomplete", incomplete_details={"reason": "content_filter"})
    assert filtered.finish is Finish.FILTERED
    assert response(status="incomplete").finish is Finish.WHOLE


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"status": "failed", "error": {"code": "server_error", "message": "oops"}}, "oops"),
        ({"status": "cancelled", "output": []}, "cancelled"),
        ({"status": "queued", "output": []}, "the response is queued"),
        ({"output": None}, "no output"),
    ],
)
def test_one_without_an_answer_is_a_fault_with_words(changes: dict[str, Any], told: str) -> None:
    verdict = classify(response(**changes), ())
    assert verdict.kind is Kind.TRANSIENT
    assert told in verdict.why


def test_embeddings_may_be_larger_and_are_not_told_to_stream() -> None:
    found = prepare_forward("/v1/embeddings", {"input": ["a", "b"]})
    assert found.path == "/embeddings"
    assert "stream" not in found.body
    assert found.limit_bytes > prepare_forward("/v1/responses", {}).limit_bytes
    assert prepare_forward("/v1/completions", {}).body == {"stream": False}


GONE = Verdict(Kind.GONE, "HTTP 404")


@pytest.mark.parametrize("status", [404, 405, 501])
def test_an_address_that_the_provider_lacks_is_no_missing_model(status: int) -> None:
    """The model may well be served at the usual address."""
    found = adjust_verdict("/responses", GONE, Reply(status, message="Not Found"))
    assert (found.kind, found.scope) == (Kind.REJECTED, None)
    assert "may not have /v1/responses" in (found.remedy or "")


def test_a_missing_model_and_a_refused_account_are_what_they_are() -> None:
    assert adjust_verdict("/chat/completions", GONE, Reply(404)) is GONE
    assert adjust_verdict("/responses", GONE, Reply(404, code="model_not_found")) is GONE
    assert adjust_verdict("/responses", GONE, None) is GONE
    refused = Verdict(Kind.UNAUTHORISED, "no", Scope.ACCOUNT)
    assert adjust_verdict("/responses", refused, Reply(404)) is refused

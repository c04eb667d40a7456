"""What the OpenAI wire format says of a reply."""

import json
from typing import Any

import orjson
import pytest

from runner.core.verdict import classify
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


@pytest.mark.parametrize(
    ("content_of_it", "found"),
    [
        (4, "4"),
        (4.5, "4.5"),
        (True, "true"),
        ({"label": "positive"}, '{"label":"positive"}'),
        (None, ""),
    ],
)
def test_content_that_is_no_text_is_its_json(content_of_it: Any, found: str) -> None:
    """Workers AI sends a number as one, and in JSON mode the object itself."""
    assert content({"content": content_of_it}) == found


def test_a_delta_stands_for_a_message() -> None:
    choices = [{"delta": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}]
    assert read_reply(200, {}, orjson.dumps({"choices": choices})).content == "yes"


@pytest.mark.parametrize("status", [200, 201, 202])
def test_a_reply_keeps_its_status(status: int) -> None:
    body = orjson.dumps({"choices": [{"message": {"content": "yes"}}]})
    reply = read_reply(status, {}, body)
    assert (reply.status, reply.content) == (status, "yes")


@pytest.mark.parametrize(
    ("told", "count"),
    [
        (0, 0),
        (7, 7),
        (10**12, 10**12),
        (10**12 + 1, None),
        (2**63, None),
        (2**64 - 3, None),
        (2**64, None),
        (-1, None),
        (7.0, None),
        (7.5, None),
        ("7", None),
        (True, None),
        (None, None),
        ([7], None),
    ],
)
def test_a_count_of_tokens_that_cannot_be_is_not_told(told: Any, count: int | None) -> None:
    """An underflow in a proxy counts nearly 2⁶⁴ tokens, which no database stores."""
    usage = {"prompt_tokens": told, "completion_tokens": 1}
    reply = read_reply(200, {}, json.dumps({"choices": [], "usage": usage}).encode())
    assert (reply.prompt_tokens, reply.completion_tokens) == (count, 1)


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (
            {"choices": None, "base_resp": {"status_code": 1004, "status_msg": "login fail"}},
            "1004",
            "login fail",
        ),
        ({"choices": [], "base_resp": {"status_code": 0, "status_msg": "success"}}, "", ""),
        ({"error_code": 17, "error_msg": "daily limit reached"}, "17", "daily limit reached"),
        ({"code": 50508, "msg": "System is too busy", "data": None}, "50508", "System is too busy"),
        ({"code": "E", "description": "broken", "detail": "more"}, "E", "broken"),
        ({"error": {"type": "E", "reason": "because of this"}}, "E", "because of this"),
        ({"code": 401, "error_description": "invalid grant"}, "401", "invalid grant"),
        ({"data": [], "msg": "success"}, "", ""),
    ],
)
def test_the_words_of_an_error_are_found_under_every_name(
    body: Any, code: str, message: str
) -> None:
    reply = read_reply(200, {}, orjson.dumps(body))
    assert (reply.code, reply.message) == (code, message)


@pytest.mark.parametrize(
    "body",
    [
        {"ResponseMetadata": {"Error": {"Code": "AccessDenied", "Message": "no right"}}},
        {"Response": {"Error": {"Code": "AuthFailure", "Message": "no right"}, "RequestId": "1"}},
        {"header": {"code": 10013, "message": "no right", "sid": "1"}},
        {"fault": {"faultstring": "no right"}},
        {"error": {"error": {"message": "no right"}}},
        {"data": {"reason": "no right"}},
        {"output": {"text": "no right"}},
    ],
)
def test_the_words_of_an_envelope_that_nobody_knows_are_told(body: Any) -> None:
    reply = read_reply(200, {}, orjson.dumps(body))
    assert reply.content is None
    assert reply.lacks.startswith("the reply holds no choice: ")
    assert "no right" in classify(reply, ()).why


def test_words_without_a_code_tell_why_a_request_failed() -> None:
    assert read_reply(400, {}, b'{"detail": "no such field"}').message == "no such field"


def stream(*chunks: Any, end: bool = True) -> bytes:
    lines = [b"data: " + orjson.dumps(chunk) for chunk in chunks]
    return b"\n\n".join([*lines, b"data: [DONE]"] if end else lines)


def chunk(text: str | None = None, reason: str | None = None, **more: Any) -> dict[str, Any]:
    delta = {} if text is None else {"content": text}
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}], **more}


def test_a_stream_that_nobody_asked_for_is_joined() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 2}
    body = stream(chunk(""), chunk("posi"), chunk("tive"), chunk(reason="stop"), {"usage": usage})
    reply = read_reply(200, {}, body)
    assert (reply.content, reply.prompt_tokens, reply.refused) == ("positive", 9, False)
    assert read_reply(200, {}, stream(chunk("yes", "stop"), end=False)).content == "yes"


def test_a_stream_that_was_cut_off_is_no_answer() -> None:
    reply = read_reply(200, {}, stream(chunk("posi"), end=False))
    assert reply.content is None
    assert "cut off" in reply.message


def test_an_error_inside_a_stream_is_the_reply() -> None:
    reply = read_reply(200, {}, stream(chunk("po"), {"error": {"code": "E1", "message": "busy"}}))
    assert (reply.code, reply.message, reply.content) == ("E1", "busy", None)


CHAT: Any = {"choices": [{"message": {"content": 0.10}, "finish_reason": "stop"}]}


@pytest.mark.parametrize(
    "reply",
    [
        {"code": 0, "msg": "success", "data": CHAT},
        {"code": 200, "success": True, "message": "ok", "output": CHAT},
        {"result": CHAT, "success": True, "errors": [], "messages": []},
        json.dumps(CHAT),
    ],
)
def test_an_answer_in_a_gateways_wrapping_is_one(reply: Any) -> None:
    body = json.dumps(reply).replace("0.1", "0.12345678901234567890").encode()
    assert read_reply(200, {}, body).content == "0.12345678901234567890"


def test_the_usage_beside_a_wrapped_answer_is_read() -> None:
    reply = {"output": CHAT, "usage": {"input_tokens": 3, "output_tokens": 1}}
    found = read_reply(200, {}, orjson.dumps(reply))
    assert (found.prompt_tokens, found.completion_tokens) == (3, 1)


@pytest.mark.parametrize(
    "reply",
    [
        {"code": 40001, "msg": "invalid parameter", "data": None},
        {"code": 40001, "msg": "invalid parameter", "data": {"choices": []}},
        {"error": {"message": "invalid parameter", "code": 40001}, "data": CHAT},
    ],
)
def test_an_error_in_a_wrapping_is_told(reply: Any) -> None:
    found = read_reply(200, {}, orjson.dumps(reply))
    assert (found.code, found.message) == ("40001", "invalid parameter")
    assert read_reply(200, {}, b'"{} {"').message.startswith("not JSON")

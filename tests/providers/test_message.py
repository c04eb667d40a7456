"""What one choice says, and how it ended."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from runner.core.verdict import Finish, Kind, classify
from runner.providers.openai import read_reply


def reply(choice: Any, **more: Any) -> Any:
    return read_reply(200, {}, orjson.dumps({"choices": [choice], **more}))


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("stop", Finish.WHOLE),
        ("eos", Finish.WHOLE),
        (None, Finish.WHOLE),
        (7, Finish.WHOLE),
        ("tool_calls", Finish.WHOLE),
        ("length", Finish.CUT),
        ("MAX_TOKENS", Finish.CUT),
        ("model_length", Finish.CUT),
        ("context_length_exceeded", Finish.CUT),
        ("max_new_tokens", Finish.CUT),
        ("repetition_truncation", Finish.CUT),
        ("Incomplete", Finish.CUT),
        ("eos_token", Finish.WHOLE),
        ("stop_sequence", Finish.WHOLE),
        ("content_filter", Finish.FILTERED),
        ("SAFETY", Finish.FILTERED),
        ("sensitive", Finish.FILTERED),
        ("stop_delimiter", Finish.WHOLE),
        ("COMPLETE", Finish.WHOLE),
        ("<|im_end|>", Finish.WHOLE),
        ("limit", Finish.CUT),
        ("ERROR_LIMIT", Finish.CUT),
        ("thinking_budget", Finish.CUT),
        ("repetition", Finish.CUT),
        ("contentFilter", Finish.FILTERED),
        ("ERROR_TOXIC", Finish.FILTERED),
        ("data-inspection-failed", Finish.FILTERED),
        ("risk_control", Finish.FILTERED),
        ("LANGUAGE", Finish.FILTERED),
    ],
)
def test_how_an_answer_ended_is_read(reason: Any, finish: Finish) -> None:
    found = reply({"finish_reason": reason, "message": {"content": "yes"}})
    assert (found.content, found.finish, found.refused) == ("yes", finish, False)


@pytest.mark.parametrize(
    ("fields", "finish"),
    [
        ({"done_reason": "length"}, Finish.CUT),
        ({"finish_reason": "", "stop_reason": "max_tokens"}, Finish.CUT),
        ({"finish_reason": None, "finish_details": {"type": "max_tokens"}}, Finish.CUT),
        ({"finish_details": {"type": "stop", "stop": "<|end|>"}}, Finish.WHOLE),
        ({"finish_reason": "stop", "stop_reason": "length"}, Finish.WHOLE),  # vLLM: what matched
        ({"stop_reason": 128009}, Finish.WHOLE),
    ],
)
def test_how_an_answer_ended_is_read_under_every_name(fields: Any, finish: Finish) -> None:
    assert reply({"message": {"content": "yes"}, **fields}).finish is finish


@pytest.mark.parametrize(
    "reason",
    [
        *("error", "network_error", "insufficient_system_resource", "server_error", "time_limit"),
        *("OTHER", "USER_CANCEL", "UNEXPECTED_TOOL_CALL", "engine_overloaded", "preempted"),
        *("timeout", "failed", "interrupted", "kv_cache_exhausted", "MALFORMED_FUNCTION_CALL"),
    ],
)
def test_an_answer_that_the_provider_calls_failed_is_a_fault(reason: str) -> None:
    found = reply({"finish_reason": reason, "message": {"content": "half of"}})
    assert classify(found, ()).kind is Kind.TRANSIENT
    assert f'finish_reason "{reason}"' in classify(found, ()).why


def test_the_error_inside_a_choice_is_told_in_its_own_words() -> None:
    error = {"code": 502, "message": "Upstream provider disconnected"}
    found = reply({"finish_reason": "error", "message": {"content": "half"}, "error": error})
    assert (found.code, found.message) == ("502", "Upstream provider disconnected")
    assert classify(found, ()).kind is Kind.TRANSIENT


@pytest.mark.parametrize(
    ("body", "content"),
    [
        (b'{"content": 12345678901234567890123}', "12345678901234567890123"),
        (b'{"content": 4.10}', "4.10"),
        (b'{"content": {"n": 0.12345678901234567890}}', '{"n":0.12345678901234567890}'),
        (b'{"content": ["food", "staff"]}', '["food","staff"]'),
        (b'{"content": [1, 2]}', "[1,2]"),
        (b'{"content": [{"a": 1}]}', '[{"a":1}]'),
        (b'{"content": false}', "false"),
    ],
)
def test_content_that_is_no_text_keeps_every_digit(body: bytes, content: str) -> None:
    whole = b'{"choices": [{"message": %s}]}' % body
    found = read_reply(200, {}, whole).content or ""
    assert found.replace(" ", "") == content.replace(" ", "")


ARGUMENTS = '{"label": "positive"}'


@pytest.mark.parametrize(
    ("message", "content", "lacks"),
    [
        ({"tool_calls": [{"function": {"arguments": ARGUMENTS}}]}, ARGUMENTS, ""),
        ({"tool_calls": [{"function": {"arguments": {"a": 1}}}]}, '{"a":1}', ""),
        ({"function_call": {"name": "f", "arguments": ARGUMENTS}}, ARGUMENTS, ""),
        ({"content": "yes", "tool_calls": [{"function": {"arguments": "{}"}}]}, "yes", ""),
        ({"tool_calls": [{"function": {"arguments": ""}}]}, "", "calls a tool"),
        ({"tool_calls": [{}, {}]}, "", "calls a tool"),
        ({"tool_calls": "x"}, "", "calls a tool"),
        ({"refusal": "I cannot\nhelp"}, "", "refuses to answer: I cannot help"),
        ({"reasoning_content": "positive?"}, "", "reasoning and no answer"),
        ({"content": None}, "", ""),
    ],
)
def test_a_message_without_text_is_named_or_its_arguments_are_read(
    message: Any, content: str, lacks: str
) -> None:
    found = reply({"message": message})
    assert found.content == content
    assert lacks in found.lacks


@pytest.mark.parametrize(
    "message",
    [
        {"content": "I cannot\nhelp", "refusal": "I cannot\nhelp"},
        {"content": [{"type": "refusal", "refusal": "I cannot help"}]},
        {
            "content": [
                {"type": "text", "text": "yes"},
                {"type": "refusal", "refusal": "I cannot help"},
            ]
        },
    ],
)
def test_words_of_refusal_are_no_answer(message: Any) -> None:
    found = reply({"message": message})
    assert (found.content, found.lacks) == ("", "the model refuses to answer: I cannot help")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "text", "text": "ye"}, {"type": "output_text", "text": "s"}], "yes"),
        ([{"text": "yes"}], "yes"),
        ([{"type": "text", "text": {"value": "yes", "annotations": []}}], "yes"),
        ({"type": "text", "text": "yes"}, "yes"),
        ([{"type": "reasoning_text", "text": "no"}, {"type": "text", "text": "yes"}], "yes"),
        ([{"type": "summary_text", "text": "no"}, {"type": "text", "text": "yes"}], "yes"),
        ([{"type": "tool_use", "text": "no"}, {"type": "text", "text": "yes"}], "yes"),
        ([{"thought": True, "text": "no"}, {"text": "yes"}], "yes"),
        ([{"type": "thinking", "thinking": "no"}], ""),
        ([{"type": "text", "text": 3}], ""),
        ([{"type": "place", "text": "Rome"}], '[{"type":"place","text":"Rome"}]'),
        ({"text": "yes"}, '{"text":"yes"}'),
        ([], ""),
    ],
)
def test_only_parts_of_text_are_the_answer(content: Any, text: str) -> None:
    assert reply({"message": {"content": content}}).content == text


def test_of_several_answers_the_one_numbered_first_is_read() -> None:
    two = [{"index": 1, "message": {"content": "no"}}, {"index": 0, "message": {"content": "yes"}}]
    assert read_reply(200, {}, orjson.dumps({"choices": two})).content == "yes"
    assert read_reply(200, {}, orjson.dumps({"choices": two[:1]})).content == "no"


def test_the_text_of_a_completion_is_its_answer() -> None:
    assert reply({"text": "yes", "finish_reason": "stop"}).content == "yes"


@pytest.mark.parametrize("choices", [None, [], {}, "x", [None], ["x"], [{}], [{"message": 3}]])
def test_a_reply_without_a_message_is_named(choices: Any) -> None:
    body = orjson.dumps({"choices": choices, "usage": {"prompt_tokens": 9}})
    found = read_reply(200, {}, body)
    assert (found.content, found.lacks) == (None, "the reply holds no choice")
    assert classify(found, ()).scope is None


def stream(*chunks: Any) -> Any:
    lines = [b"data: " + (one if isinstance(one, bytes) else orjson.dumps(one)) for one in chunks]
    return read_reply(200, {}, b"\n\n".join([*lines, b"data: [DONE]"]))


def chunk(text: str, reason: str | None = None, index: int = 0) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": {"content": text}, "finish_reason": reason}]}


def test_a_stream_ends_as_its_last_reason_says() -> None:
    assert stream(chunk("posi"), chunk("", "length")).finish is Finish.CUT
    assert stream(chunk("yes"), chunk("", "stop")).finish is Finish.WHOLE


def test_only_the_first_of_several_answers_in_a_stream_is_read() -> None:
    found = stream(chunk("ye"), chunk("n", index=1), chunk("s"), chunk("o", index=1))
    assert found.content == "yes"


def test_a_character_that_two_chunks_share_is_whole() -> None:
    halves = (
        rb'{"choices": [{"delta": {"content": "good \ud83d"}}]}',
        rb'{"choices": [{"delta": {"content": "\ude00"}}]}',
    )
    assert stream(*halves).content == "good \U0001f600"
    assert stream(halves[0]).content == "good \ufffd"


def test_half_a_character_is_mended_wherever_it_stands_in_a_stream() -> None:
    error = stream(rb'{"error": {"message": "no \ud83d"}}')
    assert error.message == "no \ufffd"
    odd = stream(rb'{"choices": [{"index": 1.5, "message": {"content": "no \ud83d"}}]}')
    assert "\ud83d" not in (odd.content or "") + odd.message


def test_a_stream_of_other_answers_only_has_none() -> None:
    assert stream(chunk("n", index=1), chunk("o", "stop", index=1)).content is None


def test_a_whole_message_at_the_end_of_a_stream_is_not_joined_to_its_parts() -> None:
    last = {"choices": [{"message": {"content": "positive"}, "finish_reason": "stop"}]}
    assert stream(chunk("posi"), chunk("tive"), last).content == "positive"


def test_a_stream_without_any_choice_is_an_empty_shell() -> None:
    assert classify(stream(), ()).perhaps_row

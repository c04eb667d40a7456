"""The OpenAI wire format: a chat request as bytes, and a reply's bytes as a Reply.

It knows every envelope an error was seen in; what an error means, the preset's rules say. What
another kind of call is answered with, its own file knows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from runner.core.verdict import Reply

OK = 200
_REASONING = ("thinking", "reasoning")  # parts of a message that are not said
SNIPPET = 200  # characters of a body that is not JSON, for the ledger

Reader = Callable[[Mapping[str, str], dict[str, Any]], Reply]
"""Makes a Reply of the headers and the object of a 200 that names no error."""


def chat_request(
    model: str, messages: Sequence[Mapping[str, Any]], parameters: Mapping[str, Any]
) -> bytes:
    """The body of ``POST /chat/completions``."""
    return orjson.dumps({"model": model, "messages": list(messages), **parameters})


def read_reply(status: int, headers: Mapping[str, str], body: bytes) -> Reply:
    """A chat reply, whatever its shape; never raises."""
    return read_any(status, headers, body, _answer)


def read_any(status: int, headers: Mapping[str, str], body: bytes, answer: Reader) -> Reply:
    """A reply whose answer, if it holds one, `answer` reads; never raises if that does not."""
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Reply(status, headers, message=f"not JSON: {_snippet(body)}")
    if isinstance(data, list) and data:  # Gemini wraps its errors in an array
        data = data[0]
    if not isinstance(data, dict):
        return Reply(status, headers, message=f"not an object: {_snippet(body)}")
    code, message = _error(data)
    if status == OK and not (code or message):
        return answer(headers, data)
    return Reply(status, headers, code, message or ("" if code else _snippet(body)))


def _error(data: dict[str, Any]) -> tuple[str, str]:
    """Code and message, out of ``{"error": …}``, ``{"errors": …}`` or a flat object."""
    found = data.get("error") or data.get("errors")
    if isinstance(found, list) and found:
        found = found[0]
    if isinstance(found, str):
        return _text(data.get("code")), found
    if not isinstance(found, dict):
        if "choices" in data:
            return "", ""
        found = data
    code = found.get("code") or found.get("type") or found.get("http_code")
    named = ", ".join((*_violated(found), *_delays(found)))
    return _text(code), _text(found.get("message")) + (f" ({named})" if named else "")


def _violated(error: dict[str, Any]) -> Iterator[str]:
    """The quotas that Gemini names in an error's details, and nowhere else."""
    for detail in _dicts(error.get("details")):
        for violation in _dicts(detail.get("violations")):
            if name := _text(violation.get("quotaId")):
                yield name


def _delays(error: dict[str, Any]) -> Iterator[str]:
    """The wait that Google's RetryInfo asks for, as words: it is told beside the message."""
    for detail in _dicts(error.get("details")):
        if delay := _text(detail.get("retryDelay")):
            yield f"retry in {delay}"


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _answer(headers: Mapping[str, str], data: dict[str, Any]) -> Reply:
    prompt_tokens, completion_tokens = read_usage(data)
    return Reply(
        OK,
        headers,
        content=_content(data.get("choices")),
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
    )


def read_usage(data: dict[str, Any]) -> tuple[int | None, int | None]:
    """The tokens of the prompt and of the answer, where they are told."""
    usage = data.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    return _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))


def _content(choices: Any) -> str | None:
    """The text of the first choice; None when there is no choice at all.

    A message without text is an answer all the same, if an empty one: a model that has only
    reasoned has been paid for. What it reasoned is never its answer.
    """
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return None
    message = choices[0].get("message")
    if not isinstance(message, dict):
        return None
    content = message.get("content")
    if isinstance(content, list):
        parts = [part.get("text") for part in content if _is_said(part)]
        return "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""


def _is_said(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") not in _REASONING


def _text(value: Any) -> str:
    return "" if value is None or isinstance(value, bool | dict | list) else str(value)


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _snippet(body: bytes) -> str:
    text = re.sub(r"<[^>]*>|\s+", " ", body[: 4 * SNIPPET].decode("utf-8", "replace"))
    return " ".join(text.split())[:SNIPPET] or "an empty body"

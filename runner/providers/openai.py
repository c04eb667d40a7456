"""Parses replies in OpenAI's wire format, with the error envelopes of all known providers.

The rules of the preset say what an error means. Replies to other kinds of calls than chats are
parsed in their own modules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from runner import exact_json
from runner.core.verdict import Reply, succeeded
from runner.providers.event_stream import join_chunks
from runner.providers.json_body import EventStream, decode_body, parse_json
from runner.providers.message import Message, first_choice, read_choice

SNIPPET = 200  # characters of a body that is not JSON, which the ledger keeps

# A greater count is an integer underflow in a proxy, such as 2**64 - 3; sums of such counts might
# not fit a database's 64-bit integers.
_MOST_TOKENS = 10**12
# The keys of an error's message besides "message", in order of preference. A success may have
# these keys, too.
_OTHER_MESSAGE_KEYS = (
    "msg",
    "error_msg",
    "status_msg",
    "error_description",
    "description",
    "detail",
    "reason",
)

# The members of an envelope in which gateways put a whole reply.
_ENVELOPES = ("data", "output", "result", "response")
# The fields of an error that state a wait as a number, and their units.
_DELAY_FIELDS = {"retry_after": "s", "retryAfter": "s", "retry_after_ms": "ms"}

Reader = Callable[[int, Mapping[str, str], dict[str, Any]], Reply]
"""Builds a `Reply` from the status, the headers and the JSON object of a successful reply."""


def read_reply(status: int, headers: Mapping[str, str], body: bytes) -> Reply:
    """Parses a chat reply; never raises."""
    return read_any(status, headers, body, partial(_answer, body))


def read_any(status: int, headers: Mapping[str, str], body: bytes, answer: Reader) -> Reply:
    """Parses a reply; `answer` parses the object of a success without an error. Never raises."""
    try:
        data = parse_json(body, headers.get("content-type", ""))
        if isinstance(data, EventStream):
            data = join_chunks(data)
        if isinstance(data, str):  # some gateways encode the reply twice
            data = parse_json(data.encode())
    except ValueError as error:
        return Reply(status, headers, message=_not_json(body, str(error)))
    if isinstance(data, list) and data:  # Gemini wraps its errors in an array
        data = data[0]
    if not isinstance(data, dict):
        return Reply(status, headers, message=f"not an object: {_snippet(body)}")
    success = succeeded(status)
    if success:
        data = _unwrapped(data)
    code, message = _error(data, success=success)
    if success and not (code or message):
        return answer(status, headers, data)
    return Reply(status, headers, code, message or ("" if code else _snippet(body)))


def _unwrapped(data: dict[str, Any]) -> dict[str, Any]:
    """Returns the reply in a gateway's envelope, such as ``{"code": 0, "data": {…}}``."""
    if "choices" in data or data.get("error"):
        return data
    for name in _ENVELOPES:
        inner = data.get(name)
        if isinstance(inner, dict) and inner.get("choices"):
            usage = {"usage": data["usage"]} if "usage" in data else {}
            return usage | inner
    return data


def _error(data: dict[str, Any], *, success: bool) -> tuple[str, str]:
    """Returns code and message from ``{"error": …}``, ``{"errors": …}`` or a flat object."""
    error = data.get("error") or data.get("errors")
    if isinstance(error, list) and error:
        error = error[0]
    if isinstance(error, str):
        return _text(data.get("code")), error
    if not isinstance(error, dict):
        if "choices" in data:
            return _status_of_minimax(data.get("base_resp"))
        error = data
    code = _text(
        error.get("code") or error.get("type") or error.get("http_code") or error.get("error_code")
    )
    message = _text(error.get("message"))
    if not message and (code or not success):
        message = next(filter(None, (_text(error.get(key)) for key in _OTHER_MESSAGE_KEYS)), "")
    if message or code:
        details = ", ".join((*_violated(error), *_delays(error)))
        message += f" ({details})" if details else ""
    return code, message


def _status_of_minimax(status: Any) -> tuple[str, str]:
    """Returns the error in MiniMax's ``base_resp``, a sibling of ``choices``; code 0 is none."""
    if not isinstance(status, dict) or not status.get("status_code"):
        return "", ""
    return _text(status["status_code"]), _text(status.get("status_msg"))


def _violated(error: dict[str, Any]) -> Iterator[str]:
    """Yields the quotas that Gemini names only in an error's details."""
    for detail in _dicts(error.get("details")):
        for violation in _dicts(detail.get("violations")):
            if name := _text(violation.get("quotaId")):
                yield name


def _delays(error: dict[str, Any]) -> Iterator[str]:
    """Yields the wait in Google's RetryInfo and in other servers' fields, as words."""
    for detail in _dicts(error.get("details")):
        if delay := _text(detail.get("retryDelay")):
            yield f"retry in {delay}"
    for field, unit in _DELAY_FIELDS.items():
        if delay := _text(error.get(field)):
            yield f"retry in {delay} {unit}"


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _answer(body: bytes, status: int, headers: Mapping[str, str], data: dict[str, Any]) -> Reply:
    prompt_tokens, completion_tokens = read_usage(data)
    choice = first_choice(data)
    message = read_choice(choice)
    if message.is_json:
        message = _read_exactly(body, headers) or message
    code, error = _error_of_choice(choice)
    lacks = message.lacks if "choices" in data else f"{message.lacks}: {_snippet(body)}"
    return Reply(
        status,
        headers,
        code,
        error or message.fault,
        content=message.content,
        finish=message.finish,
        lacks=lacks,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
    )


def _read_exactly(body: bytes, headers: Mapping[str, str]) -> Message | None:
    """Parses the first choice again, with exact numbers; None if that fails."""
    try:
        data = exact_json.loads(decode_body(body, headers.get("content-type", "")))
        if isinstance(data, str):
            data = exact_json.loads(data)
        return read_choice(first_choice(_unwrapped(data)))
    except (ValueError, TypeError, AttributeError):
        return None


def _error_of_choice(choice: Any) -> tuple[str, str]:
    """Returns the error that OpenRouter adds to a choice whose answer broke off."""
    if isinstance(choice, dict) and choice.get("error"):
        return _error({"error": choice["error"]}, success=True)
    return "", ""


def read_usage(data: dict[str, Any]) -> tuple[int | None, int | None]:
    """Returns the tokens of the prompt and of the answer; None if missing or impossible."""
    usage = data.get("usage")
    if not isinstance(usage, dict):
        return None, None
    prompt, answer = (
        usage.get(old, usage.get(new))
        for old, new in (("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens"))
    )
    return _count(prompt), _count(answer)


def _text(value: Any) -> str:
    return "" if value is None or isinstance(value, bool | dict | list) else str(value)


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value <= _MOST_TOKENS else None


def _not_json(body: bytes, why: str) -> str:
    """Returns the message about a body that is not JSON, with `why` if it is about the encoding."""
    detail = f" ({why})" if why.startswith("it is ") else ""
    return f"not JSON{detail}: {_snippet(body)}"


def _snippet(body: bytes) -> str:
    text = re.sub(r"<[^>]*>|\s+", " ", body[: 4 * SNIPPET].decode("utf-8", "replace"))
    return " ".join(text.split())[:SNIPPET] or "an empty body"

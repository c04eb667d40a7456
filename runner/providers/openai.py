"""The OpenAI wire format: the bytes of a reply as a Reply.

It reads every envelope in which an error was seen. What an error means is for the rules of the
preset; how the replies to other kinds of calls are read is for their own modules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from runner import exact_json
from runner.core.verdict import Reply, succeeded
from runner.providers.event_stream import joined
from runner.providers.json_body import EventStream, decoded, parse_json
from runner.providers.message import Message, first_choice, read_choice

SNIPPET = 200  # characters of a body that is not JSON, for the ledger

# A greater count is an underflow in a proxy, such as 2**64 - 3. No model has as many tokens in a
# reply, and sums of greater ones might not fit the 64 bits of a database's integers.
_MOST_TOKENS = 10**12
# Where the words of an error stand besides "message", in the order of preference. A success may
# say something under these names, too.
_OTHER_WORDS = ("msg", "error_msg", "status_msg", "description", "detail")

Reader = Callable[[int, Mapping[str, str], dict[str, Any]], Reply]
"""Makes a Reply of the status, the headers and the JSON object of a success without an error."""


def read_reply(status: int, headers: Mapping[str, str], body: bytes) -> Reply:
    """A chat reply, whatever its shape; never raises."""
    return read_any(status, headers, body, partial(_answer, body))


def read_any(status: int, headers: Mapping[str, str], body: bytes, answer: Reader) -> Reply:
    """A reply; `answer` reads it if it is a success that names no error. Never raises."""
    try:
        data = parse_json(body, headers.get("content-type", ""))
        if isinstance(data, EventStream):
            data = joined(data)
    except ValueError as error:
        return Reply(status, headers, message=_not_json(body, str(error)))
    if isinstance(data, list) and data:  # Gemini wraps its errors in an array
        data = data[0]
    if not isinstance(data, dict):
        return Reply(status, headers, message=f"not an object: {_snippet(body)}")
    success = succeeded(status)
    code, message = _error(data, success=success)
    if success and not (code or message):
        return answer(status, headers, data)
    return Reply(status, headers, code, message or ("" if code else _snippet(body)))


def _error(data: dict[str, Any], *, success: bool) -> tuple[str, str]:
    """Code and message, out of ``{"error": …}``, ``{"errors": …}`` or a flat object."""
    found = data.get("error") or data.get("errors")
    if isinstance(found, list) and found:
        found = found[0]
    if isinstance(found, str):
        return _text(data.get("code")), found
    if not isinstance(found, dict):
        if "choices" in data:
            return _status_of_minimax(data.get("base_resp"))
        found = data
    code = found.get("code") or found.get("type") or found.get("http_code")
    told = _text(code or found.get("error_code"))
    words = _text(found.get("message"))
    if not words and (told or not success):
        words = next(filter(None, (_text(found.get(name)) for name in _OTHER_WORDS)), "")
    if "details" in found:
        named = ", ".join((*_violated(found), *_delays(found)))
        words += f" ({named})" if named else ""
    return told, words


def _status_of_minimax(status: Any) -> tuple[str, str]:
    """The error in MiniMax's ``base_resp``, which stands beside ``choices``; 0 is none."""
    if not isinstance(status, dict) or not status.get("status_code"):
        return "", ""
    return _text(status["status_code"]), _text(status.get("status_msg"))


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


def _answer(body: bytes, status: int, headers: Mapping[str, str], data: dict[str, Any]) -> Reply:
    prompt_tokens, completion_tokens = read_usage(data)
    choice = first_choice(data)
    said = read_choice(choice)
    if said.is_json:
        said = _exactly(body, headers) or said
    code, message = _error_of_choice(choice)
    return Reply(
        status,
        headers,
        code,
        message or said.fault,
        content=said.content,
        finish=said.finish,
        lacks=said.lacks,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
    )


def _exactly(body: bytes, headers: Mapping[str, str]) -> Message | None:
    """The first choice, its numbers as they are spelled; None where that cannot be told."""
    try:
        data = exact_json.loads(decoded(body, headers.get("content-type", "")))
        return read_choice(first_choice(data))
    except (ValueError, TypeError, AttributeError):
        return None


def _error_of_choice(choice: Any) -> tuple[str, str]:
    """The error that OpenRouter puts into a choice whose answer broke off."""
    if isinstance(choice, dict) and choice.get("error"):
        return _error({"error": choice["error"]}, success=True)
    return "", ""


def read_usage(data: dict[str, Any]) -> tuple[int | None, int | None]:
    """The tokens of the prompt and of the answer; None where they are not told, or impossible."""
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
    """What is told of a body that is no JSON; `why` where more is known than that."""
    told = f" ({why})" if why.startswith("it is ") else ""
    return f"not JSON{told}: {_snippet(body)}"


def _snippet(body: bytes) -> str:
    text = re.sub(r"<[^>]*>|\s+", " ", body[: 4 * SNIPPET].decode("utf-8", "replace"))
    return " ".join(text.split())[:SNIPPET] or "an empty body"

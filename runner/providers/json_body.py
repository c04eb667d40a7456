"""JSON in the bodies of requests, and of replies, also where a server spells it oddly.

A byte order mark before the JSON is skipped (RFC 8259, 8.1), half a surrogate pair in a string
becomes U+FFFD (an emoji cut in two by a token limit), and a stream of server-sent events is the
list of its JSON values.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

import orjson

from runner import exact_json

_MARK = b"\xef\xbb\xbf"
_DATA = b"data:"
_END = b"[DONE]"


class EventStream(list[Any]):
    """The JSON values of a stream of server-sent events, in their order.

    Attributes:
        ended: Whether the stream says that it is complete, by OpenAI's ``[DONE]``.
    """

    ended = False


def parse_json(body: bytes) -> Any:
    """The value that `body` spells; an `EventStream` where it is a stream of events.

    Raises:
        ValueError: It spells none.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        body = body.removeprefix(_MARK).strip()
        if body.startswith((_DATA, b"event:", b"id:", b"retry:", b": ")):
            return _events(body)
        return _lenient(body)


def _events(body: bytes) -> EventStream:
    """Every line that begins with ``data:``; providers put one value on each."""
    found = EventStream()
    for line in body.splitlines():
        data = line.removeprefix(_DATA).strip()
        if not line.startswith(_DATA) or not data:
            continue
        if data == _END:
            found.ended = True
        else:
            found.append(_lenient(data))
    if not found:
        raise ValueError("the stream has no event")
    return found


def _lenient(data: bytes) -> Any:
    """As `json` reads it, which unlike orjson takes half a surrogate pair."""
    try:
        value = json.loads(data.decode(), parse_constant=_refuse)
        spelled = json.dumps(value, ensure_ascii=False)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    # As UTF-16 the halves that belong together meet, and the others are replaced.
    units = spelled.encode("utf-16-le", "surrogatepass")
    return orjson.loads(units.decode("utf-16-le", "replace"))


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def to_json(value: Any) -> bytes:
    """`value` as JSON.

    Raises:
        ValueError: It has no JSON, such as infinity.
    """
    try:
        return exact_json.dumps(value)
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error)) from error

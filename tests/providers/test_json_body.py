"""JSON in bodies, spelled as servers and users spell it."""

from __future__ import annotations

import contextlib
import json
import math
from collections import UserDict, UserList
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runner.providers.json_body import EventStream, parse_json, to_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=9,
)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": 1}', {"a": 1}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b' \n{"a": 1}\n', {"a": 1}),
        (rb'{"a": "cut \ud83d"}', {"a": "cut \ufffd"}),
        (rb'{"a": "\ude00 cut"}', {"a": "\ufffd cut"}),
        (b"\xff\xfe{\x00}\x00", {}),
        ('{"a": "é"}'.encode("utf-16-be"), {"a": "é"}),
        (b'{"a": NaN, "b": [-Infinity, 1e999], "c": 1}', {"a": None, "b": [None, None], "c": 1}),
        (b'{"a": "one\nline"}', {"a": "one\nline"}),
        (b'{"a": 1}\r\n\0', {"a": 1}),
        (rb'{"a": "whole \ud83d\ude00, cut \ud83d"}', {"a": "whole \U0001f600, cut \ufffd"}),
    ],
)
def test_odd_spellings_are_read(body: bytes, value: Any) -> None:
    assert parse_json(body) == value


REPLY = b'{"choices": [{"message": {"content": "a {\\"b\\": 1}"}}]}'


@pytest.mark.parametrize(
    "body",
    [
        b"<br />\n<b>Warning</b>: foo in bar.php on line 3<br />\n" + REPLY,
        REPLY + b"\n<!-- served by node 7 {} -->",
        b"Deprecated: x {y} in z.php\n" + REPLY + b"\n</body>",
    ],
)
def test_a_whole_reply_is_found_within_other_text(body: bytes) -> None:
    assert parse_json(body) == orjson.loads(REPLY)


@pytest.mark.parametrize(
    "body",
    [
        b"Warning: x\n" + REPLY[:-1],
        REPLY + REPLY,
        b'<script>var page = {"choices": 3}</script>',
        b'<script>{"a": 1}</script>' + REPLY,
        b'Warning: {"a": ' + REPLY,
        b'{"choices"',
        b'x{"choices": ' + b"[" * 100_000,
    ],
)
def test_a_part_of_a_reply_or_one_of_two_is_not_taken_for_it(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_json(body)


@pytest.mark.parametrize(
    ("content_type", "charset"),
    [
        ("application/json; charset=GBK", "gbk"),
        ('application/json;charset="gb2312"', "gb18030"),
        ("text/plain; charset=Shift_JIS", "shift_jis"),
        ("application/json; charset=iso-8859-1", "utf-8"),  # a name that servers give by default
        ("application/json", "utf-16"),
        ("application/json; charset=no-such", "utf-8"),
    ],
)
def test_a_body_is_read_in_the_charset_that_it_is_in(content_type: str, charset: str) -> None:
    body = json.dumps({"a": "日本"}, ensure_ascii=False).encode(charset)
    assert parse_json(body, content_type) == {"a": "日本"}


def test_a_body_in_an_unknown_charset_is_told_as_that() -> None:
    body = json.dumps({"a": "好评"}, ensure_ascii=False).encode("gbk")
    with pytest.raises(ValueError, match="names no charset"):
        parse_json(body, "application/json")
    with pytest.raises(ValueError, match="neither UTF-8 nor no-such"):
        parse_json(body, "application/json; charset=no-such")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xef\xbb\xbf",
        b"<html>",
        b'{"a": 1',
        b'{"a": "\xff"}',
        b"[" * 100_000,
        b"data:",
        b"data: <html>",
        b"event: ping\n\n",
    ],
)
def test_what_is_no_json_is_a_value_error_and_nothing_else(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the kind is the promise
        parse_json(body)


def test_a_stream_of_events_is_the_list_of_its_values() -> None:
    body = b': hi\nevent: x\ndata: {"a": 1}\r\n\r\ndata:[2]\n\ndata: [DONE]\n\n'
    found = parse_json(body)
    assert isinstance(found, EventStream)
    assert (list(found), found.ended) == ([{"a": 1}, [2]], True)
    assert not parse_json(b"data: 1").ended


@given(st.binary(max_size=60))
@example(b"data: \xff")
def test_no_body_raises_anything_else(body: bytes) -> None:
    with contextlib.suppress(ValueError):
        parse_json(body)


@given(JSON)
@example(2**64)
@example(-(2**70))
@example("half \ud83d")
def test_what_can_be_written_is_written_exactly(value: Any) -> None:
    """Also integers beyond 64 bits, and half a surrogate pair."""
    assert json.loads(to_json(value)) == value


def test_mappings_and_sequences_of_any_kind_are_written() -> None:
    value = {"a": UserDict({"b": UserList([1, 2**64])}), "c": (1, 2)}
    assert json.loads(to_json(value)) == {"a": {"b": [1, 2**64]}, "c": [1, 2]}


@pytest.mark.parametrize("value", [{"a": object()}, {"a": {2**64, 1}}, {"a": [2**64, math.inf]}])
def test_what_has_no_json_is_a_value_error(value: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - as above
        to_json(value)


def test_a_value_that_holds_itself_is_a_value_error() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(ValueError):  # noqa: PT011 - as above
        to_json(loop)
    assert orjson.loads(to_json([[]])) == [[]]

"""Streams that are passed on: what passes of them, and what is learned from them."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import orjson
import pytest

from runner.providers.redaction import Redaction
from runner.providers.relay import Relay, asks_for_usage, relay, with_usage
from runner.providers.transport import NoReply, Response, StreamedReply

DONE = b"data: [DONE]\n\n"
EVENTS = {"content-type": "text/event-stream"}


def chunk(text: str = "", finish: str | None = None, **more: object) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return b"data: %b\n\n" % orjson.dumps({"choices": [choice], **more})


USAGE = b"data: %b\n\n" % orjson.dumps(
    {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}
)


def passed(
    pieces: Sequence[bytes | NoReply],
    *,
    wants_usage: bool = False,
    status: int = 200,
    headers: dict[str, str] = EVENTS,
    token: str = "",
) -> tuple[Response | NoReply, bytes]:
    """How a stream ended, and all that passed of it."""
    left, delivered = iter(pieces), list[bytes]()

    async def read() -> bytes | NoReply:
        return next(left, b"")

    async def deliver(piece: bytes) -> None:
        delivered.append(piece)

    async def main() -> tuple[Response | NoReply, bytes]:
        events = Relay(wants_usage=wants_usage, redaction=Redaction(token))
        ended, last = await relay(StreamedReply(status, headers, read), events, deliver)
        return ended, b"".join([*delivered, last])

    return anyio.run(main)


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_whole_events_pass_however_the_pieces_are_cut(size: int) -> None:
    stream = chunk("a") + b": ping\n\n" + chunk("b", "stop") + DONE
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    ended, found = passed(pieces)
    assert found == stream
    assert isinstance(ended, Response)


def test_line_ends_of_every_kind_end_an_event() -> None:
    stream = chunk("a").replace(b"\n\n", b"\r\n\r\n") + DONE.replace(b"\n", b"\r\n")
    assert passed([stream])[1] == stream


@pytest.mark.parametrize("asked", [True, False])
def test_counts_are_noted_and_pass_only_where_they_were_asked_for(*, asked: bool) -> None:
    ended, found = passed([chunk("a", "stop"), USAGE, DONE], wants_usage=asked)
    assert (USAGE in found) is asked
    assert isinstance(ended, Response)
    assert orjson.loads(ended.body)["usage"] == {"prompt_tokens": 3, "completion_tokens": 4}


def test_nulls_that_clients_stumble_over_are_removed() -> None:
    odd = {"delta": {"role": None, "tool_calls": None, "content": "a"}, "index": 0}
    _, found = passed([b"data: %b\n\n" % orjson.dumps({"choices": [odd]}), DONE])
    [event, _] = found.split(b"\n\n")[:-1]
    assert orjson.loads(event[6:])["choices"][0]["delta"] == {"content": "a"}


def test_words_of_the_answer_are_no_counts_and_no_nulls() -> None:
    stream = chunk('"usage": {"error": {}} "role": null', "stop") + DONE
    assert passed([stream])[1] == stream


def test_an_error_does_not_pass_and_is_the_reply() -> None:
    error = b'data: {"error": {"message": "too busy"}}\n\n'
    ended, found = passed([error, chunk("a")])
    assert (ended, found) == (Response(200, EVENTS, b'{"error": {"message": "too busy"}}'), b"")


def test_a_reply_that_is_no_stream_is_read_whole() -> None:
    ended, found = passed([b"{", b"}"], status=429)
    assert (ended, found) == (Response(429, EVENTS, b"{}"), b"")


@pytest.mark.parametrize("last", [NoReply("connection lost"), b""])
def test_a_stream_that_breaks_off_is_no_reply(last: bytes | NoReply) -> None:
    ended, found = passed([chunk("a"), last])
    assert isinstance(ended, NoReply)
    assert found == chunk("a")
    assert passed([chunk("as sim-"), last], token="sim-token")[1] == chunk("as sim-")  # noqa: S106


def test_the_token_is_removed_on_the_way() -> None:
    token = "sim-token"  # noqa: S105 - the simulator's
    ended, found = passed([chunk("se"), chunk(token), DONE], token=token)
    assert found == chunk("se") + chunk("[token]") + DONE
    error = b'data: {"error": "no such key: sim-token"}\n\n'
    ended, _ = passed([error], token=token)
    assert ended == Response(200, EVENTS, b'{"error": "no such key: [token]"}')


def test_an_event_that_never_ends_is_given_up() -> None:
    ended, _ = passed([b"data: " + b"x" * (5 << 20)])
    assert isinstance(ended, NoReply)


def test_a_stream_is_asked_for_with_its_counts() -> None:
    body = {"messages": [], "stream_options": {"other": 1}}
    assert with_usage(body) == {
        "messages": [],
        "stream": True,
        "stream_options": {"other": 1, "include_usage": True},
    }
    assert with_usage({"input": "x"}) == {"input": "x", "stream": True}
    assert asks_for_usage(with_usage(body))
    assert not asks_for_usage({"stream_options": None})

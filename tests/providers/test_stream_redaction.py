"""A token that a provider splits over several events of a stream is removed, too."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.providers.redaction import Redaction
from runner.providers.relay import Relay
from runner.providers.stream_redaction import MOST_HELD_EVENTS

TOKEN = "sk-test-0123456789-abcdefghijklmnop"  # noqa: S105 - nobody's
DONE = b"data: [DONE]\n\n"


def chunk(text: str, field: str = "content", index: int = 0, **more: Any) -> bytes:
    choice = {"index": index, "delta": {field: text}, "finish_reason": None, **more}
    return b"data: %b\n\n" % orjson.dumps({"choices": [choice]})


def passed(events: Sequence[bytes], token: str = TOKEN) -> list[bytes]:
    """What passes of a stream after each of its events, and after its end."""
    relay = Relay(wants_usage=False, redaction=Redaction(token))
    return [*(relay.feed(event) for event in events), relay.rest()]


def joined(pieces: Sequence[bytes], field: str = "content", index: int = 0) -> str:
    """The text that a client reads."""
    text = ""
    for event in b"".join(pieces).split(b"\n\n"):
        data = event.rpartition(b"data: ")[2]
        if data in {b"", b"[DONE]"}:
            continue
        for choice in orjson.loads(data)["choices"]:
            if choice["index"] == index:
                text += choice["delta"].get(field) or ""
    return text


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 15, 16, 20, 34])
@pytest.mark.parametrize("field", ["content", "reasoning_content"])
def test_a_token_in_pieces_of_any_size_does_not_pass(size: int, field: str) -> None:
    said = f"The key is {TOKEN}, is it not?"
    pieces = [said[at : at + size] for at in range(0, len(said), size)]
    found = joined(passed([*(chunk(piece, field) for piece in pieces), DONE]), field)
    assert "[token]" in found
    assert found.startswith("The key is ")
    assert found.endswith(", is it not?")
    assert not any(TOKEN[at : at + 16] in found for at in range(len(TOKEN) - 15))


def test_ordinary_text_passes_at_once_and_unchanged() -> None:
    events = [chunk(word) for word in ("Sky", " s", "k-", "test", " sk-tes", "ts and 0123", "")]
    assert passed(events) == [*events, b""]


def test_what_only_begins_like_the_token_passes_unchanged_with_the_next_event() -> None:
    events = [chunk("keys begin with sk-test-"), chunk("!"), chunk(" So."), DONE]
    assert passed(events) == [b"", events[0] + events[1], events[2], DONE, b""]


@pytest.mark.parametrize("last", [DONE, chunk("", finish_reason="stop"), b""])
def test_what_is_held_back_passes_at_the_end(last: bytes) -> None:
    events = [chunk("it begins with sk-test-"), last]
    assert b"".join(passed(events)) == b"".join(events)


def test_a_token_that_ends_the_stream_does_not_pass() -> None:
    events = [chunk(TOKEN[:20]), chunk(TOKEN[20:])]
    assert joined(passed([*events, chunk("", finish_reason="stop"), DONE])) == "[token]"
    assert joined(passed(events)) == "[token]"


def test_comments_and_lines_with_the_name_of_an_event_stay() -> None:
    def delta(text: str) -> bytes:
        data = orjson.dumps({"type": "response.output_text.delta", "delta": text})
        return b"event: response.output_text.delta\ndata: %b\n\n" % data

    found = passed([delta("sk-test-0123"), b": ping\n\n", delta("456789-abcdefghijklmnop"), DONE])
    assert found[:2] == [b"", b": ping\n\n"]
    assert b"".join(found).count(b"event: response.output_text.delta\ndata: ") == 2
    assert b"456789-abcdefghijklmnop" not in b"".join(found)


def test_each_choice_is_told_from_the_others() -> None:
    halves = [chunk(TOKEN[:20], index=1), chunk("Hello", index=0), chunk(TOKEN[20:], index=1)]
    found = passed([*halves, DONE])
    assert joined(found, index=0) == "Hello"
    assert TOKEN[20:] not in joined(found, index=1)


def test_a_choice_that_never_goes_on_does_not_keep_the_others_waiting() -> None:
    events = [chunk("sk-test-01", index=1), *(chunk("a") for _ in range(MOST_HELD_EVENTS))]
    assert b"".join(passed(events)[:-1]) == b"".join(events)


def test_a_short_token_which_is_no_secret_holds_nothing_back() -> None:
    events = [chunk("local"), chunk("er"), DONE]
    assert passed(events, "locale") == [*events, b""]


@given(st.lists(st.integers(1, 12), min_size=40), st.text(max_size=9), st.integers(0, 2**32))
def test_no_part_of_sixteen_characters_passes_however_it_is_cut(
    sizes: list[int], between: str, seed: int
) -> None:
    random, said = Random(seed), ""
    for _ in range(3):
        first, last = sorted(random.choices(range(len(TOKEN) + 1), k=2))
        said += random.choice(["", between]) + TOKEN[first:last]
    pieces, at = [], 0
    for size in sizes:
        pieces.append(said[at : at + size])
        at += size
    found = joined(passed([*map(chunk, pieces), chunk(said[at:]), DONE]))
    assert not any(TOKEN[at : at + 16] in found for at in range(len(TOKEN) - 15))

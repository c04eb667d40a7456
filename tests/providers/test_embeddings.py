"""What is read of the vectors that a provider sends, and of what it sends instead."""

from __future__ import annotations

import base64
import struct
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.core.verdict import Kind, Reply, classify
from runner.providers.embeddings import read_reply


def read(count: int, *items: Any, **fields: Any) -> Reply:
    return read_reply(count, 200, {}, orjson.dumps({"data": list(items), **fields}))


def item(index: int, *numbers: Any) -> dict[str, Any]:
    return {"object": "embedding", "index": index, "embedding": list(numbers)}


def packed(*numbers: float) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def test_vectors_are_in_the_order_of_the_inputs_not_of_the_reply() -> None:
    assert read(3, item(2, 3), item(0, 1), item(1, 2)).vectors == ("[1.0]", "[2.0]", "[3.0]")


def test_items_without_an_index_stand_for_their_places() -> None:
    assert read(2, {"embedding": [1]}, {"embedding": [2]}).vectors == ("[1.0]", "[2.0]")


def test_a_missing_index_leaves_its_place_empty() -> None:
    assert read(3, item(0, 1), item(2, 3)).vectors == ("[1.0]", None, "[3.0]")


def test_items_beyond_the_inputs_are_ignored() -> None:
    assert read(1, item(0, 1), item(1, 2), item(-1, 3), item(7, 4, 5)).vectors == ("[1.0]",)


def test_a_vector_that_is_given_twice_is_given_up() -> None:
    """Which of the two is right, nobody knows."""
    assert read(2, item(0, 1), item(1, 2), item(0, 3), item(0, 4)).vectors == (None, "[2.0]")


def test_of_vectors_of_several_lengths_none_is_believed() -> None:
    assert read(3, item(0, 1, 2), item(1, 1), item(2, 3, 4)).vectors == (None, None, None)


@pytest.mark.parametrize(
    "value",
    [None, [], {}, [None], ["1"], [True], [[1]], "", "!", packed(1)[:5], packed(float("nan"))],
)
def test_what_is_no_list_of_numbers_is_no_vector(value: Any) -> None:
    reply = read(2, {"index": 0, "embedding": value}, item(1, 2))
    assert reply.vectors == (None, "[2.0]")
    assert classify(reply, ()).kind is Kind.DONE


def test_base64_is_read_as_little_endian_floats() -> None:
    reply = read(1, {"index": 0, "embedding": packed(0.1, -2, 1e-20)})
    assert reply.vectors == ("[0.100000001,-2.0,9.99999968e-21]",)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_no_32_bit_float_is_changed_by_how_it_is_kept(number: float) -> None:
    for value in ([number], packed(number)):
        (text,) = read(1, {"index": 0, "embedding": value}).vectors
        assert text is not None
        (kept,) = orjson.loads(text)
        assert struct.pack("<f", kept) == struct.pack("<f", number)


def test_tokens_are_read() -> None:
    reply = read(1, item(0, 1), usage={"prompt_tokens": 9, "total_tokens": 9})
    assert (reply.prompt_tokens, reply.completion_tokens) == (9, None)


@pytest.mark.parametrize("data", [None, [], {}, "x", 3])
def test_a_200_without_any_item_is_an_empty_shell(data: Any) -> None:
    reply = read_reply(2, 200, {}, orjson.dumps({"object": "list", "data": data}))
    assert classify(reply, ()).perhaps_row


@pytest.mark.parametrize("status", [200, 400])
def test_an_error_is_read_in_any_envelope(status: int) -> None:
    for body in ({"error": {"message": "no"}}, {"errors": {"message": "no"}}, {"message": "no"}):
        reply = read_reply(1, status, {}, orjson.dumps(body))
        assert (reply.message, reply.answered) == ("no", False)


WORDS = ["data", "index", "embedding", "usage", "prompt_tokens", "error", "message"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4)
    ),
    max_leaves=16,
)


@given(
    count=st.integers(1, 4),
    body=st.binary(max_size=200)
    | JSON.map(orjson.dumps)
    | st.lists(JSON, max_size=4).map(lambda items: orjson.dumps({"data": items})),
)
@settings(max_examples=400)
def test_no_reply_raises_and_every_vector_is_one(count: int, body: bytes) -> None:
    vectors = read_reply(count, 200, {}, body).vectors
    assert len(vectors) in {0, count}
    widths = {len(orjson.loads(vector)) for vector in vectors if vector is not None}
    assert len(widths) <= 1

"""Embedding calls, as their callers see them: vectors for calls that count like any other."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import httpx
import pytest

from runner.simulator import FAULT_KINDS, vector

MODEL = "Qwen/Qwen3-Embedding-8B"
BEARER = {"Authorization": "Bearer ms-somebody"}


def embed(here: Any, asked: Any = ("one", "two"), **fields: Any) -> httpx.Response:
    body = {"model": MODEL, "input": asked, **fields}
    return here.run(
        lambda: here.client().post("/v1/embeddings", json=body, headers=BEARER),
    )


def test_every_input_gets_a_vector_of_its_own(world: Any, quotas: Any) -> None:
    reply = embed(world())
    content = reply.json()
    assert [item["index"] for item in content["data"]] == [0, 1]
    assert [item["embedding"] for item in content["data"]] == [vector("one"), vector("two")]
    assert content["model"] == MODEL
    assert content["usage"] == {"prompt_tokens": 2, "total_tokens": 2}
    assert quotas(reply) == ["2000", "1999", "500", "499"]


def test_a_vector_is_a_function_of_its_text_and_its_dimensions() -> None:
    assert vector("a") == vector("a") != vector("b")
    assert len(vector("a")) == 32
    assert len(vector("a", 7)) == 7
    assert all(-1 <= number < 1 for number in vector("a", 500))


def test_a_single_text_is_a_list_of_one(world: Any) -> None:
    (item,) = embed(world(), "one", dimensions=3).json()["data"]
    assert item["embedding"] == vector("one", 3)


def test_vectors_come_packed_where_that_is_asked_for(world: Any) -> None:
    (item,) = embed(world(), "one", encoding_format="base64").json()["data"]
    assert list(struct.unpack("<32f", base64.b64decode(item["embedding"]))) == vector("one")


@pytest.mark.parametrize(
    "fields",
    [
        {"asked": None},
        {"asked": ""},
        {"asked": []},
        {"asked": ["a", ""]},
        {"asked": [1, 2]},
        {"asked": ["a"] * 2049},
        {"dimensions": 0},
        {"dimensions": True},
        {"dimensions": "8"},
        {"encoding_format": "int8"},
    ],
)
def test_what_the_api_does_not_define_is_a_400_and_spends_nothing(world: Any, fields: Any) -> None:
    here = world()
    assert embed(here, **fields).status_code == 400
    assert here.simulator.stats().by_day["2026-11-20"].spent == 0


@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_faults_befall_it_as_they_do_a_chat_call(world: Any, kind: str) -> None:
    here = world(faults={kind: 1.0})
    try:
        reply = embed(here)
    except httpx.TransportError:
        assert kind in {"drop", "hang"}
        return
    match kind:
        case "empty_shell":
            assert reply.json()["data"] is None
        case "bad_answer":
            assert [len(item["embedding"]) for item in reply.json()["data"]] == [32, 0]
        case "truncated":
            with pytest.raises(json.JSONDecodeError):
                reply.json()
    assert here.simulator.stats().answered == 0


def test_inputs_are_counted_as_prompts(world: Any) -> None:
    here = world()
    embed(here)
    embed(here, ["two", "three"])
    stats = here.simulator.stats()
    assert (stats.calls, stats.answered, stats.prompts) == (2, 2, 3)


def test_the_day_and_the_credits_are_spent_as_by_a_chat_call(world: Any, error_of: Any) -> None:
    assert [embed(here := world(calls_per_day=1)).status_code, embed(here).status_code] == [
        200,
        429,
    ]
    here = world(credits=0.5, prices={MODEL: 0.5})
    assert embed(here).status_code == 200
    assert error_of(embed(here))["message"] == "insufficient balance"

"""The simulator answers whatever a job file can ask, alone and in packs."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from functools import partial
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.errors import ConfigError
from runner.jobfile import (
    AnswerSpec,
    Invalid,
    InvalidReply,
    JobFile,
    JobSpec,
    Prompt,
    PromptSpec,
    Valid,
    read_answer,
    read_pack,
)
from runner.simulator import SimulatorConfig, answer
from runner.simulator.answer_text import PROSE
from runner.simulator.answers import answer_with_faults, styled
from runner.simulator.config import STYLES
from runner.simulator.generators import UnsupportedError, make_json, make_text
from runner.simulator.prompt_parser import requested_answer

ROWS = [{"text": f"review {number}"} for number in range(12)]
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "stars": {"type": "integer", "minimum": 1, "maximum": 5},
        "share": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        "topic": {"enum": ["food", "staff"]},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 4}, "minItems": 1},
        "code": {"type": "string", "pattern": "^[A-Z]{2}$"},
        "hotel": {"$ref": "#/$defs/hotel"},
        "clean": {"type": ["boolean", "null"]},
        "unit": {"const": "EUR"},
        "price": {"anyOf": [{"type": "null"}, {"type": "integer", "multipleOf": 5}]},
    },
    "required": ["stars", "hotel", "tags", "share"],
    "additionalProperties": False,
    "$defs": {"hotel": {"type": "object", "properties": {"name": {"type": "string"}}}},
}
SPECS = (
    AnswerSpec(),
    AnswerSpec(kind="label", labels=("good", "bad", "so | so")[:2]),
    AnswerSpec(kind="labels", labels=("food", "staff", "price"), min=1, max=2),
    AnswerSpec(kind="labels", labels=("food", "staff", "price")),
    AnswerSpec(kind="number"),
    AnswerSpec(kind="number", min=1, max=5, integer=True),
    AnswerSpec(kind="number", max=-2.5),
    AnswerSpec(kind="regex", pattern=r"[A-Z]{2}-\d{3}(?:a|b)?"),
    AnswerSpec(kind="json"),
    AnswerSpec(kind="json", schema=SCHEMA),
)
KINDS = [f"{spec.kind} {number}" for number, spec in enumerate(SPECS)]


def prompt(spec: AnswerSpec, **more: Any) -> Prompt:
    text = PromptSpec(system="Be kind.", user="Review: {{ text }}", **more)
    return Prompt(JobFile(job=JobSpec(name="x", model="m"), prompt=text, answer=spec))


def packed(asked: Prompt, rows: list[dict[str, str]]) -> list[dict[str, Any]]:
    return asked.pack_messages([asked.messages(row) for row in rows])


def alone(spec: AnswerSpec, row: dict[str, str]) -> Valid | Invalid:
    return read_answer(spec, answer(prompt(spec).messages(row)))


@pytest.mark.parametrize("spec", SPECS, ids=KINDS)
def test_every_kind_of_answer_is_given_as_it_is_recorded(spec: AnswerSpec) -> None:
    for row in ROWS:
        said = answer(prompt(spec).messages(row))
        assert read_answer(spec, said) == Valid(said)


@pytest.mark.parametrize("spec", SPECS, ids=KINDS)
def test_an_item_of_a_pack_is_answered_as_it_is_alone(spec: AnswerSpec) -> None:
    said = answer(packed(prompt(spec), ROWS))
    assert read_pack(spec, said, len(ROWS)) == tuple(alone(spec, row) for row in ROWS)


@settings(max_examples=60)
@given(st.sampled_from(SPECS), st.lists(st.text().filter(str.strip), min_size=1, max_size=4))
def test_so_it_is_whatever_the_rows_say(spec: AnswerSpec, texts: list[str]) -> None:
    rows = [{"text": text} for text in texts]
    said = answer(packed(prompt(spec), rows))
    assert read_pack(spec, said, len(rows)) == tuple(alone(spec, row) for row in rows)


@settings(max_examples=150)
@given(st.sampled_from(SPECS), st.sampled_from(STYLES), st.floats(0, 1))
def test_of_a_reply_cut_anywhere_an_item_is_right_or_asked_again(
    spec: AnswerSpec, style: str, share: float
) -> None:
    pack = packed(prompt(spec), ROWS)
    said = styled(answer(pack), style, requested_answer(pack))
    read = read_pack(spec, said[: int(share * len(said))], len(ROWS))
    for row, one in zip(ROWS, read, strict=True):
        assert isinstance(one, Invalid) or one == alone(spec, row)


@settings(max_examples=60)
@given(
    least=st.floats(-1e6, 1e6) | st.integers(-9, 9) | st.none(),
    span=st.floats(0, 1e3) | st.integers(0, 9) | st.none(),
    whole=st.booleans(),
)
def test_a_number_is_in_any_range(least: float | None, span: float | None, *, whole: bool) -> None:
    most = None if span is None else (least or 0) + span + 1
    spec = AnswerSpec(kind="number", min=least, max=most, integer=whole)
    assert isinstance(alone(spec, ROWS[0]), Valid)


@pytest.mark.parametrize("spec", SPECS, ids=KINDS)
@pytest.mark.parametrize("style", STYLES)
def test_what_is_put_around_an_answer_does_not_change_it(spec: AnswerSpec, style: str) -> None:
    messages, pack = prompt(spec).messages(ROWS[0]), packed(prompt(spec), ROWS)
    said = styled(answer(messages), style, requested_answer(messages))
    assert read_answer(spec, said) == alone(spec, ROWS[0])
    said = styled(answer(pack), style, requested_answer(pack))
    assert read_pack(spec, said, 12) == tuple(alone(spec, row) for row in ROWS)


def test_examples_and_corrections_do_not_change_whose_answer_it_is() -> None:
    spec = SPECS[1]
    shown = prompt(spec, examples=({"text": "x", "answer": "good"},))
    given_answers = {row["text"]: answer(shown.messages(row)) for row in ROWS}
    assert set(given_answers.values()) == {"good", "bad"}
    corrected = [shown.messages(row, [InvalidReply("hm", "no")]) for row in ROWS]
    assert [answer(messages) for messages in corrected] == list(given_answers.values())
    answers = read_pack(spec, answer(packed(shown, ROWS)), len(ROWS))
    assert answers == tuple(map(Valid, given_answers.values()))


# Faults of items


def outcome(found: Valid | Invalid, right: Valid | Invalid) -> str:
    if isinstance(found, Valid):
        return "right" if found == right else "other"
    return next((word for word in ("missing", "twice") if word in found.reason), "wrong")


def outcomes(spec: AnswerSpec, **faults: float) -> Counter[str]:
    messages = packed(prompt(spec), ROWS)
    found: Counter[str] = Counter()
    for seed in range(50):
        read = read_pack(
            spec, answer_with_faults(messages, faults, partial(Random, seed)), len(ROWS)
        )
        for row, one in zip(ROWS, read, strict=True):
            found[outcome(one, alone(spec, row))] += 1
    return found


@pytest.mark.parametrize("spec", SPECS, ids=KINDS)
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("item_missing", "missing"),
        ("item_wrong", "wrong"),
        ("item_twice", "twice"),
        ("item_swapped", "other"),
    ],
)
def test_each_fault_of_items_affects_its_share_of_them(
    spec: AnswerSpec, kind: str, expected: str
) -> None:
    found = outcomes(spec, **{kind: 0.25})
    assert set(found) == {"right", expected}
    assert 90 <= found[expected] <= 210  # of 600


def test_faults_of_items_and_of_calls_are_added_up_apart() -> None:
    assert SimulatorConfig(faults={"drop": 0.9, "item_wrong": 0.9}).item_faults == {
        "item_wrong": 0.9
    }
    with pytest.raises(ConfigError, match="item_wrong"):
        SimulatorConfig(faults={"item_wrong": 0.9, "item_missing": 0.9})
    with pytest.raises(ConfigError, match="loud"):
        SimulatorConfig(answer_style="loud")  # type: ignore[arg-type]


# Generators


@pytest.mark.parametrize(
    "pattern", ["abc", "a|bc", "(x|y){3}", "[a-cZ]+", r"\d{2,}\.\w?", "(?:ab)*c", "a{0}b", r"\(\)"]
)
def test_text_is_made_that_matches_a_simple_pattern(pattern: str) -> None:
    for seed in range(20):
        assert isinstance(make_text(pattern, Random(seed)), str)  # it checks itself


@pytest.mark.parametrize(
    "pattern",
    ["(", "[^a]", "^a$", "(?i)a", r"\bword", "a**", "[", "[z-a]", "a{9999}", r"\pL", "\\"],
)
def test_an_unsupported_pattern_is_answered_with_prose(pattern: str) -> None:
    with pytest.raises(UnsupportedError):
        make_text(pattern, Random(0))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "format": "date"},
        {"type": "number", "multipleOf": 0.3},
        {"$ref": "other.json"},
        {"$ref": "#"},
        {"type": "integer", "minimum": 2, "maximum": 1},
        {"type": "array", "items": {"const": 1}, "uniqueItems": True, "minItems": 2},
    ],
)
def test_an_unsupported_schema_is_answered_with_prose(schema: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedError):
        make_json(schema, Random(0))
    line = "Answer with JSON that fits this JSON Schema and nothing else: "
    assert answer([{"role": "user", "content": line + json.dumps(schema)}]) == PROSE


@settings(max_examples=200)
@given(st.text() | st.text(alphabet=r"ab()[]{}|\\d*+?.-^$:0123,"))
def test_no_pattern_makes_it_fail(pattern: str) -> None:
    with contextlib.suppress(UnsupportedError):
        make_text(pattern, Random(1))

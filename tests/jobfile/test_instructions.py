"""What a model is told of the answer that is wanted."""

from typing import Any

import pytest

from runner.jobfile import AnswerSpec, instruction, response_format

BOTH = frozenset({"json_object", "json_schema"})
OBJECT = {"type": "object", "properties": {"z": {"type": "string"}}, "required": ["z"]}

OBJECT_TEXT = '{"type":"object","properties":{"z":{"type":"string"}},"required":["z"]}'


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (AnswerSpec(), ""),
        (
            AnswerSpec(kind="label", labels=("a", "b")),
            "Answer with exactly one of these labels and nothing else: a | b",
        ),
        (
            AnswerSpec(kind="labels", labels=("a", "b"), min=1),
            "Answer with a JSON array of 1 to 2 of these labels and nothing else: a | b",
        ),
        (
            AnswerSpec(kind="labels", labels=("a", "b"), min=1, max=1),
            "Answer with a JSON array of exactly 1 of these labels and nothing else: a | b",
        ),
        (AnswerSpec(kind="number"), "Answer with a number and nothing else."),
        (
            AnswerSpec(kind="number", min=0, max=1.5),
            "Answer with a number of at least 0 and at most 1.5 and nothing else.",
        ),
        (
            AnswerSpec(kind="number", max=9, integer=True),
            "Answer with a whole number of at most 9 and nothing else.",
        ),
        (
            AnswerSpec(kind="regex", pattern="a+"),
            "Answer with text that as a whole matches this regular expression and nothing else: a+",
        ),
        (AnswerSpec(kind="json"), "Answer with one JSON object or array and nothing else."),
        (
            AnswerSpec(kind="json", schema=OBJECT),
            f"Answer with JSON that fits this JSON Schema and nothing else: {OBJECT_TEXT}",
        ),
    ],
)
def test_each_kind_of_answer_is_asked_for_in_one_line(spec: AnswerSpec, told: str) -> None:
    assert instruction(spec) == told


@pytest.mark.parametrize(
    ("spec", "supported", "found"),
    [
        (AnswerSpec(kind="label", labels=("a", "b")), BOTH, "json_schema"),
        (AnswerSpec(kind="label", labels=("a", "b")), {"json_object"}, None),
        (AnswerSpec(kind="labels", labels=("a", "b")), BOTH, "json_schema"),
        (AnswerSpec(kind="number"), BOTH, "json_schema"),
        (AnswerSpec(kind="text"), BOTH, None),
        (AnswerSpec(kind="regex", pattern="a+"), BOTH, None),
        (AnswerSpec(kind="json"), BOTH, "json_object"),
        (AnswerSpec(kind="json"), frozenset(), None),
        (AnswerSpec(kind="json", schema=OBJECT), BOTH, "json_schema"),
        (AnswerSpec(kind="json", schema=OBJECT), {"json_object"}, "json_object"),
        (AnswerSpec(kind="json", schema={"type": "array"}), BOTH, None),
    ],
)
def test_json_is_asked_for_as_the_provider_can(
    spec: AnswerSpec, supported: frozenset[str], found: str | None
) -> None:
    asked = response_format(spec, supported)
    assert (asked and asked["type"]) == found


def test_a_label_is_one_of_an_enumeration_and_the_only_member() -> None:
    asked = response_format(AnswerSpec(kind="label", labels=("a", "b")), BOTH) or {}
    assert asked["json_schema"]["schema"] == {
        "type": "object",
        "properties": {"answer": {"type": "string", "enum": ["a", "b"]}},
        "required": ["answer"],
        "additionalProperties": False,
    }


def test_a_schema_goes_along_whole_where_the_provider_takes_one() -> None:
    asked = response_format(AnswerSpec(kind="json", schema=OBJECT), BOTH) or {}
    assert asked["json_schema"] == {"name": "answer", "schema": OBJECT}


@pytest.mark.parametrize(
    ("spec", "item"),
    [
        (AnswerSpec(), {"type": "string"}),
        (AnswerSpec(kind="label", labels=("a", "b")), {"type": "string", "enum": ["a", "b"]}),
        (AnswerSpec(kind="number", integer=True), {"type": "integer"}),
        (AnswerSpec(kind="json", schema=OBJECT), OBJECT),
    ],
)
def test_a_pack_is_an_object_keyed_by_the_numbers(spec: AnswerSpec, item: dict[str, Any]) -> None:
    asked = response_format(spec, BOTH, packed=2) or {}
    assert asked["json_schema"]["schema"] == {
        "type": "object",
        "properties": {"1": item, "2": item},
        "required": ["1", "2"],
        "additionalProperties": False,
    }
    assert response_format(spec, {"json_object"}, packed=2) == {"type": "json_object"}
    assert response_format(spec, frozenset(), packed=2) is None


def test_a_schema_that_refers_to_its_own_parts_cannot_stand_inside_another() -> None:
    spec = AnswerSpec(kind="json", schema={"$defs": {"a": {}}, "$ref": "#/$defs/a"})
    assert response_format(spec, BOTH, packed=2) == {"type": "json_object"}

"""Schemas that would hang, or take gigabytes: each is refused soon, or makes no answer."""

from __future__ import annotations

import json
import time
from random import Random
from typing import Any

import pytest
from pydantic_core import PydanticCustomError

from runner.jobfile.schema import check_schema, schema_error
from runner.simulator.generators import UnsupportedError, make_json

Schema = dict[str, Any]


def doubling(keyword: str, *, leaf: bool = True) -> Schema:
    """Forty parts, each of which refers to the one before it twice."""
    parts: Schema = {"a0": leaf}
    for number in range(1, 40):
        parts[f"a{number}"] = {keyword: [{"$ref": f"#/$defs/a{number - 1}"}] * 2}
    return {"$defs": parts, "$ref": "#/$defs/a39"}


def conditional() -> Schema:
    parts: Schema = {"a0": True}
    for number in range(1, 40):
        before = {"$ref": f"#/$defs/a{number - 1}"}
        parts[f"a{number}"] = {"if": before, "then": before, "else": before}
    return {"$defs": parts, "$ref": "#/$defs/a39"}


EXPLODING = {
    "allOf": doubling("allOf"),
    "anyOf": doubling("anyOf", leaf=False),
    "oneOf": doubling("oneOf"),
    "if": conditional(),
    "unevaluated": {**doubling("allOf"), "unevaluatedProperties": False},
    "itself": {"$ref": "#"},
    "each other": {
        "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}},
        "$ref": "#/$defs/a",
    },
    "itself twice": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]},
    "many parts": {"anyOf": [{"const": number} for number in range(20_000)]},
    "many references": {"items": [{"$ref": "#/$defs/a"}] * 20_000, "$defs": {"a": True}},
    "a long one": {"enum": [{"a": number} for number in range(200_000)]},
    "many truths": {"prefixItems": [True] * 100_000},
    "a tower": json.loads('{"if":true,"then":' * 400 + "true" + "}" * 400),
    "an old draft": {
        "$schema": "http://json-schema.org/draft-03/schema#",
        "properties": {"a": {"type": "string"}},
    },
    "a deep one": json.loads('{"not":' * 120 + "true" + "}" * 120),
    "minItems": {"type": "array", "minItems": 10**9},
    "minLength": {"properties": {"a": {"type": "string", "minLength": 10**30}}},
    "minProperties": {"type": "object", "minProperties": 1e300},
    "a pattern": {"type": "string", "pattern": "(((a{1000}){1000}){1000})"},
}


@pytest.mark.parametrize("schema", EXPLODING.values(), ids=EXPLODING)
def test_a_schema_that_explodes_is_refused_soon(schema: Schema) -> None:
    started = time.process_time()
    with pytest.raises(PydanticCustomError):
        check_schema(json.dumps(schema))
    assert time.process_time() - started < 10


def test_a_schema_that_explodes_on_some_values_only_refuses_those() -> None:
    """What is checked beforehand need not show it."""
    schema = {"properties": {"a": doubling("allOf")["$defs"]["a39"]}, **doubling("allOf")}
    del schema["$ref"]
    text = json.dumps(schema)
    check_schema(text)
    assert schema_error(text, {"b": 1}) is None
    assert schema_error(text, {"a": 1}) == "the schema takes too many steps to check it"
    assert schema_error(text, {"b": 1}) is None


def test_a_large_value_is_checked_whole() -> None:
    item = {
        "type": "object",
        "properties": {"n": {"type": "integer", "minimum": 0}},
        "required": ["n"],
    }
    text = json.dumps({"type": "array", "items": item, "uniqueItems": True})
    value = [{"n": number} for number in range(50_000)]
    assert schema_error(text, value) is None
    assert (
        schema_error(text, [*value, {"n": -1}])
        == "at [50000]['n']: -1 is less than the minimum of 0"
    )
    assert schema_error(text, [*value, {"n": 0.0}]) is not None


@pytest.mark.parametrize(
    ("value", "unique"),
    [
        ([1, True, "1", None, [1], {"a": 1}], True),
        ([0, False, "", [], {}], True),
        ([1, 1.0], False),
        ([{"a": [1], "b": 2}, {"b": 2.0, "a": [1]}], False),
        ([[True], [1]], True),
        ([["array"], "array", ["boolean", True], True], True),
    ],
)
def test_items_are_unique_as_json_has_it(value: list[Any], *, unique: bool) -> None:
    assert (schema_error('{"uniqueItems":true}', value) is None) is unique


HUGE = {
    "items": {"type": "array", "minItems": 900_000},
    "items in items": {
        "type": "array",
        "minItems": 1000,
        "items": {"type": "array", "minItems": 1000, "items": {"type": "array", "minItems": 1000}},
    },
    "text": {"type": "string", "minLength": 900_000},
    "more text than memory": {"type": "string", "minLength": 10**30},
    "a list without end": {"type": "array", "minItems": 1e300},
    "keys": {"type": "object", "required": [f"k{number}" for number in range(100_000)]},
    "a pattern": {"type": "string", "pattern": "(((a{900}){900}){900})"},
    "classes": {"type": "string", "pattern": "[\u0001-\U0010ffff]{1000}"},
    "what cannot be": {
        "type": "array",
        "uniqueItems": True,
        "minItems": 40_000,
        "items": {"type": "boolean"},
    },
    "beyond a number": {"type": "number", "minimum": 1e308},
}


@pytest.mark.parametrize("schema", HUGE.values(), ids=HUGE)
def test_no_simulated_answer_is_made_of_a_schema_that_asks_for_a_huge_one(schema: Schema) -> None:
    started = time.process_time()
    with pytest.raises(UnsupportedError):
        make_json(schema, Random(1))
    assert time.process_time() - started < 5


def test_a_list_that_may_be_long_is_short_when_it_is_simulated() -> None:
    made = make_json({"type": "array", "maxItems": 10**9, "items": {"type": "null"}}, Random(1))
    assert len(made) <= 100

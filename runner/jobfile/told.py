"""What a model is told of the answer that is wanted, in words and as a ``response_format``.

It knows every kind of answer; it refuses to know the rest of the prompt.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import orjson

from runner.jobfile.accept import Answer
from runner.jobfile.answer import how_many, number_wanted


def instruction(spec: Answer) -> str:
    """Return the line that asks for such an answer; empty where any text will do."""
    choices = " | ".join(spec.labels)
    match spec.kind:
        case "text":
            return ""
        case "label":
            return f"Answer with exactly one of these labels and nothing else: {choices}"
        case "labels":
            ask = f"Answer with a JSON array of {how_many(spec)} of these labels"
            return f"{ask} and nothing else: {choices}"
        case "number":
            return f"Answer with {number_wanted(spec)} and nothing else."
        case "regex":
            ask = "Answer with text that as a whole matches this regular expression"
            return f"{ask} and nothing else: {spec.pattern}"
        case "json" if spec.schema_ is None:
            return "Answer with one JSON object or array and nothing else."
        case "json":
            return f"Answer with JSON that fits this JSON Schema and nothing else: {spec.schema_}"


def value_wanted(spec: Answer) -> str:
    """Return what the answer to one of several items is to be, as a phrase."""
    match spec.kind:
        case "text":
            return "the answer as a JSON string"
        case "label":
            return "one of the labels as a JSON string"
        case "labels":
            return f"a JSON array of {how_many(spec)} of the labels"
        case "number":
            return number_wanted(spec)
        case "regex":
            return "a JSON string that as a whole matches the regular expression"
        case "json" if spec.schema_ is None:
            return "one JSON object or array"
        case "json":
            return "JSON that fits the JSON Schema"


def correction(spec: Answer, reason: str) -> str:
    """Return what the model is told after a reply that is no answer, `reason` if it is known."""
    told = f"That was no valid answer: {reason}." if reason else "That was no valid answer."
    return f"{told}\n{instruction(spec) or 'Answer the message above.'}"


def pack_instruction(spec: Answer, count: int) -> str:
    """Return what the model is told of several items in one message."""
    return (
        f"Here are {count} items, one JSON object a line. Answer each as if it had been sent alone."
        f"\nReply with one JSON object and nothing else: its keys are the items' numbers, "
        f'"1" to "{count}", and each value is {value_wanted(spec)}.'
    )


def response_format(
    spec: Answer, supported: Collection[str], *, packed: int = 0
) -> dict[str, Any] | None:
    """Return the ``response_format`` to ask for such an answer with; None: none.

    Args:
        spec: What counts as an answer.
        supported: What the provider takes: ``json_object``, ``json_schema``.
        packed: How many items the request holds; 0: it is one row's.
    """
    schema = _pack_schema(spec, packed) if packed else _object_schema(spec)
    if schema is not None and "json_schema" in supported:
        return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    is_object = packed or schema is not None or (spec.kind == "json" and spec.schema_ is None)
    return {"type": "json_object"} if is_object and "json_object" in supported else None


def _object_schema(spec: Answer) -> dict[str, Any] | None:
    """Return the schema of a JSON answer that is always an object, as every provider wants."""
    schema = orjson.loads(spec.schema_) if spec.kind == "json" and spec.schema_ else {}
    return schema if schema.get("type") == "object" else None


def _pack_schema(spec: Answer, count: int) -> dict[str, Any] | None:
    item = _item_schema(spec)
    if item is None:
        return None
    keys = [str(number) for number in range(1, count + 1)]
    return {
        "type": "object",
        "properties": dict.fromkeys(keys, item),
        "required": keys,
        "additionalProperties": False,
    }


def _item_schema(spec: Answer) -> dict[str, Any] | None:
    """Return the schema of one item's answer; None where it cannot stand inside another."""
    match spec.kind:
        case "label":
            return {"type": "string", "enum": list(spec.labels)}
        case "labels":
            items = {"type": "string", "enum": list(spec.labels)}
            return {"type": "array", "items": items}
        case "number":
            return {"type": "integer" if spec.integer else "number"}
        case "json":
            text = spec.schema_ or ""
            inside = text and not any(f'"{key}"' in text for key in ("$ref", "$dynamicRef", "$id"))
            return dict(orjson.loads(text)) if inside else None
        case _:
            return {"type": "string"}

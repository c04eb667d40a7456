"""Tells the model which answers are valid, in words and as a ``response_format``."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import orjson

from runner.jobfile.answer_spec import AnswerSpec


def instruction(spec: AnswerSpec) -> str:
    """Returns the sentence that asks for a valid answer; empty when any text is valid."""
    choices = " | ".join(spec.labels)
    match spec.kind:
        case "text":
            return ""
        case "label":
            return f"Answer with exactly one of these labels and nothing else: {choices}"
        case "labels":
            ask = f"Answer with a JSON array of {spec.label_count_phrase} of these labels"
            return f"{ask} and nothing else: {choices}"
        case "number":
            return f"Answer with {spec.number_phrase} and nothing else."
        case "regex":
            ask = "Answer with text that as a whole matches this regular expression"
            return f"{ask} and nothing else: {spec.pattern}"
        case "json" if spec.schema_ is None:
            return "Answer with one JSON object or array and nothing else."
        case "json":
            return f"Answer with JSON that fits this JSON Schema and nothing else: {spec.schema_}"


def value_phrase(spec: AnswerSpec) -> str:
    """Returns a phrase that describes the JSON value of one answer in a packed reply."""
    match spec.kind:
        case "text":
            return "the answer as a JSON string"
        case "label":
            return "one of the labels as a JSON string"
        case "labels":
            return f"a JSON array of {spec.label_count_phrase} of the labels"
        case "number":
            return spec.number_phrase
        case "regex":
            return "a JSON string that as a whole matches the regular expression"
        case "json" if spec.schema_ is None:
            return "one JSON object or array"
        case "json":
            return "JSON that fits the JSON Schema"


def correction(spec: AnswerSpec, reason: str) -> str:
    """Returns the message that asks again after an invalid reply; `reason` may be empty."""
    refusal = f"That was no valid answer: {reason}." if reason else "That was no valid answer."
    return f"{refusal}\n{instruction(spec) or 'Answer the message above.'}"


def pack_instruction(spec: AnswerSpec, count: int) -> str:
    """Returns the text that precedes the items of a packed request."""
    return (
        f"Here are {count} items, one JSON object a line. Answer each as if it had been sent alone."
        f"\nReply with one JSON object and nothing else: its keys are the items' numbers, "
        f'"1" to "{count}", and each value is {value_phrase(spec)}.'
    )


def response_format(
    spec: AnswerSpec, supported: Collection[str], *, packed: int = 0
) -> dict[str, Any] | None:
    """Returns the ``response_format`` parameter of a request, or None when it has none.

    Args:
        spec: The valid answers.
        supported: The types that the provider supports: ``json_object``, ``json_schema``.
        packed: The number of items in the request; 0 when the request is not packed.
    """
    schema = _pack_schema(spec, packed) if packed else _object_schema(spec)
    if schema is not None and "json_schema" in supported:
        return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    is_object = packed or (spec.kind == "json" and (schema is not None or spec.schema_ is None))
    return {"type": "json_object"} if is_object and "json_object" in supported else None


def _object_schema(spec: AnswerSpec) -> dict[str, Any] | None:
    """Returns the schema of a reply to one row; None if the reply is not always a JSON object.

    Providers accept only schemas of objects, so a label or a number becomes the only member of one.
    """
    if spec.kind == "json":
        schema = orjson.loads(spec.schema_) if spec.schema_ else {}
        return schema if schema.get("type") == "object" else None
    if not is_wrapped(spec):
        return None
    return _closed_object({"answer": _item_schema(spec)})


def is_wrapped(spec: AnswerSpec) -> bool:
    """Whether an answer becomes the only member of a JSON object under a ``json_schema``."""
    return spec.kind in {"label", "labels", "number"}


def _pack_schema(spec: AnswerSpec, count: int) -> dict[str, Any] | None:
    item = _item_schema(spec)
    if item is None:
        return None
    return _closed_object({str(number): item for number in range(1, count + 1)})


def _closed_object(members: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": members,
        "required": list(members),
        "additionalProperties": False,
    }


def _item_schema(spec: AnswerSpec) -> dict[str, Any] | None:
    """Returns the schema of one item's answer; None when it cannot be nested in another schema."""
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
            refers = any(f'"{key}"' in text for key in ("$ref", "$dynamicRef", "$id"))
            return dict(orjson.loads(text)) if text and not refers else None
        case _:
            return {"type": "string"}

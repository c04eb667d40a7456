"""Validates JSON Schemas, and values against them.

Nothing is fetched: a schema may refer only to itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from runner.jobfile.pattern import check_pattern, occurs
from runner.tomlfile import problem

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

_NAME_A_FILE = 'write a table, or name a file: schema = "schema.json"'
_DATA = frozenset({"const", "enum", "default", "examples", "example"})
_NAMED = frozenset({"properties", "$defs", "definitions", "dependentSchemas"})
_PROBES: tuple[Any, ...] = (None, True, 0, "", [], {})
_SHOWN = 200


def schema_text(schema: Any) -> Any:
    """Convert a schema, a table or JSON text, to compact JSON text; its keys keep their order."""
    try:
        table = orjson.loads(schema) if isinstance(schema, str) else schema
        return orjson.dumps(table).decode() if isinstance(table, dict) else schema
    except orjson.JSONDecodeError:
        return schema
    except (TypeError, UnicodeEncodeError) as error:
        raise problem(f"this cannot be written as JSON ({error})") from None


def check_schema(text: str) -> None:
    """Refuse a schema that cannot be used for validation.

    Raises:
        PydanticCustomError: The text is not a JSON object, not a JSON Schema, or refers to another
            document.
    """
    try:
        schema = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise problem(f"this is not JSON ({error})", _NAME_A_FILE) from None
    if not isinstance(schema, dict):
        raise problem("a JSON Schema is an object", _NAME_A_FILE)
    _check_keywords(schema)


def schema_error(text: str, value: Any) -> str | None:
    """Return why `value` does not fit the schema `text`, as a clause; None when it fits."""
    from jsonschema.exceptions import best_match  # noqa: PLC0415 - only for JSON answers

    try:
        error = best_match(_validator(text).iter_errors(value))
    except RecursionError:
        return "it is nested too deeply"
    if error is None:
        return None
    place = "".join(f"[{part!r}]" for part in error.absolute_path)
    message = " ".join(error.message.split())
    shown = message if len(message) <= _SHOWN else f"{message[:_SHOWN]}…"
    return f"at {place}: {shown}" if place else shown


def _check_keywords(schema: dict[str, Any]) -> None:
    from jsonschema.exceptions import SchemaError  # noqa: PLC0415 - only for JSON answers
    from referencing.exceptions import Unresolvable  # noqa: PLC0415 - comes with it

    text = orjson.dumps(schema).decode()
    try:
        validator = _validator(text)
        validator.check_schema(schema)
        for pattern in _patterns(schema):
            check_pattern(pattern)
        for reference in _references(schema):
            _resolve(schema, reference)
        for probe in _PROBES:
            any(validator.iter_errors(probe))
    except SchemaError as error:
        place = ".".join(map(str, error.absolute_path))
        message = f"{place}: {error.message}" if place else error.message
        raise problem(f"this is not a JSON Schema ({message})") from None
    except Unresolvable as error:
        what = f'the schema refers to "{error.ref}", which is not in it'
        raise problem(what, 'put it under "$defs"') from None
    except RecursionError:
        raise problem("the schema refers to itself without end") from None


@lru_cache(64)
def _validator(text: str) -> Validator:
    """Return the validator of a schema from a job file; there are few different ones."""
    import jsonschema  # noqa: PLC0415 - 50 ms and 6 MB, only for JSON answers
    from jsonschema.validators import extend, validator_for  # noqa: PLC0415
    from referencing import Registry  # noqa: PLC0415 - an empty one never asks the network

    schema = orjson.loads(text)
    base = validator_for(schema, default=jsonschema.Draft202012Validator)
    kind: type[Validator] = extend(base, {"pattern": _pattern})  # type: ignore[no-untyped-call]
    return kind(schema, registry=Registry(), format_checker=kind.FORMAT_CHECKER)


def _pattern(_: Any, pattern: str, value: Any, _schema: Any) -> Iterator[Any]:
    """Implement the keyword ``pattern`` with an engine that runs in linear time."""
    from jsonschema.exceptions import ValidationError  # noqa: PLC0415

    if isinstance(value, str) and not occurs(pattern, value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


def _resolve(schema: dict[str, Any], reference: str) -> None:
    from referencing import Registry, Resource  # noqa: PLC0415 - comes with jsonschema
    from referencing.jsonschema import DRAFT202012  # noqa: PLC0415

    resource = Resource.from_contents(schema, default_specification=DRAFT202012)
    uri = resource.id() or ""
    registry = Registry().with_resource(uri, resource).crawl()
    registry.resolver(uri).lookup(reference)


def _references(schema: Any) -> Iterator[str]:
    for keywords in _subschemas(schema):
        for key in ("$ref", "$dynamicRef"):
            if isinstance(keywords.get(key), str):
                yield keywords[key]


def _patterns(schema: Any) -> Iterator[str]:
    for keywords in _subschemas(schema):
        if isinstance(keywords.get("pattern"), str):
            yield keywords["pattern"]
        if "patternProperties" in keywords:  # matched by Python's engine, which may hang
            raise problem("patternProperties cannot be used in a schema here", "name the keys")


def _subschemas(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every subschema, but no object that is data, or that maps the author's own names."""
    if isinstance(node, list):
        for item in node:
            yield from _subschemas(item)
    elif isinstance(node, dict):
        yield node
        for key, inner in node.items():
            if key in _NAMED and isinstance(inner, dict):
                yield from _subschemas(list(inner.values()))
            elif key not in _DATA:
                yield from _subschemas(inner)

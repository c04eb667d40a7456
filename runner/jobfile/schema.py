"""Validates JSON Schemas, and values against them.

Schemas may come from untrusted authors. A schema may refer only to itself, so that nothing is
fetched, and the number of steps of a validation is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from runner.jobfile.pattern import check_pattern, occurs
from runner.language import _
from runner.tomlfile import problem

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

_NAME_A_FILE = _('write a table, or name a file: schema = "schema.json"')
_DATA_KEYWORDS = frozenset({"const", "enum", "default", "examples", "example"})
_MAPPING_KEYWORDS = frozenset({"properties", "$defs", "definitions", "dependentSchemas"})
_MINIMUM_KEYWORDS = ("minItems", "minLength", "minProperties", "minContains")
_MAX_MINIMUM = 1_000_000  # characters or items that a schema may require
_MAX_SUBSCHEMAS = 5_000
_MAX_LENGTH = 1_000_000  # characters of a schema
_STEPS = 50_000
"""The number of keywords that one validation may apply, which bounds nested references."""
_STEPS_PER_VALUE = 50  # granted besides for each JSON value in a large document
_PROBES: tuple[Any, ...] = (None, True, 0, "", [], {})
_MAX_SHOWN = 200  # characters of an error message


def schema_text(schema: Any) -> Any:
    """Converts a schema, given as a table or JSON text, to compact JSON text in the same key order.

    Anything else is returned unchanged, for `check_schema` to refuse.
    """
    try:
        table = orjson.loads(schema) if isinstance(schema, str) else schema
        return orjson.dumps(table).decode() if isinstance(table, dict) else schema
    except orjson.JSONDecodeError:
        return schema
    except (TypeError, UnicodeEncodeError) as error:
        raise problem(_("this cannot be written as JSON ({error})").format(error=error)) from None


def check_schema(text: str) -> None:
    """Refuses a schema that cannot be used for validation.

    Raises:
        PydanticCustomError: The text is not a JSON object, not a JSON Schema, or refers to another
            document.
    """
    try:
        schema = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise problem(_("this is not JSON ({error})").format(error=error), _NAME_A_FILE) from None
    if not isinstance(schema, dict):
        raise problem(_("a JSON Schema is an object"), _NAME_A_FILE)
    _check_keywords(schema)


def schema_error(text: str, value: Any) -> str | None:
    """Returns why `value` does not fit the schema `text`, as a clause; None when it does."""
    from jsonschema.exceptions import best_match  # only for JSON answers

    try:
        error = best_match(_validator(text).errors(value))
    except RecursionError:
        return "it is nested too deeply"
    except _TooManyStepsError:
        return "the schema takes too many steps to check it"
    if error is None:
        return None
    place = "".join(f"[{part!r}]" for part in error.absolute_path)
    message = " ".join(error.message.split())
    shown = message if len(message) <= _MAX_SHOWN else f"{message[:_MAX_SHOWN]}…"
    return f"at {place}: {shown}" if place else shown


def _check_keywords(schema: dict[str, Any]) -> None:
    from referencing.exceptions import Unresolvable  # only for JSON answers

    if "draft-03" in str(schema.get("$schema")):
        what = _("draft 3 of JSON Schema is not supported")
        raise problem(what, _("use a later draft, or leave $schema out"))
    try:
        _check_size(schema)
        validator = _validator(orjson.dumps(schema).decode())
        for error in validator.of_schemas().errors(schema):
            place = ".".join(map(str, error.absolute_path))
            message = f"{place}: {error.message}" if place else error.message
            raise problem(_("this is not a JSON Schema ({message})").format(message=message))
        for pattern in _patterns(schema):
            check_pattern(pattern)
        _resolve(schema)
        for probe in _PROBES:
            any(validator.errors(probe))
    except Unresolvable as error:
        what = _('the schema refers to "{ref}", which is not in it').format(ref=error.ref)
        raise problem(what, _('put it under "$defs"')) from None
    except (RecursionError, orjson.JSONEncodeError):
        what = _("the schema refers to itself without end, or is nested too deeply")
        raise problem(what) from None
    except _TooManyStepsError:
        what = _("the schema takes too many steps to check a value")
        raise problem(what, _("let it refer to the same part less often")) from None


def _check_size(schema: dict[str, Any]) -> None:
    """Refuses a schema that is too large to check, or that requires more than a reply can hold."""
    if len(orjson.dumps(schema)) > _MAX_LENGTH:
        raise problem(
            _("the schema is longer than {most:,} characters").format(most=_MAX_LENGTH),
            _("make it shorter"),
        )
    parts = 0
    for keywords in _subschemas(schema):
        parts += 1 + sum(map(_count_others, keywords.items()))
        if parts > _MAX_SUBSCHEMAS:
            raise problem(
                _("the schema has more than {most:,} parts").format(most=_MAX_SUBSCHEMAS),
                _("use fewer"),
            )
        for key in _MINIMUM_KEYWORDS:
            least = keywords.get(key)
            if isinstance(least, int | float) and least > _MAX_MINIMUM:
                raise problem(
                    _("no reply can have {key} = {least:,}").format(key=key, least=least),
                    _("use a smaller {key}").format(key=key),
                )


def _count_others(pair: tuple[str, Any]) -> int:
    """Returns the number of items in a keyword's list that are not subschemas with keywords."""
    keyword, value = pair
    if not isinstance(value, list) or keyword in _DATA_KEYWORDS:
        return 0
    return sum(1 for item in value if not isinstance(item, dict))


class _TooManyStepsError(Exception):
    """A validation has used up its steps."""


class _Steps:
    """The step budget of the current validation: `_STEPS`, and `_STEPS_PER_VALUE` per value."""

    def __init__(self) -> None:
        self._left = 0
        self._value: Any = None

    def start(self, value: Any) -> None:
        """Resets the budget at the start of a validation of `value`."""
        self._left, self._value = _STEPS, value

    def take(self) -> None:
        """Takes one step.

        Raises:
            _TooManyStepsError: The budget is used up.
        """
        self._left -= 1
        if self._left < 0:  # few validations get here, so the value is counted only now
            value, self._value = self._value, None
            self._left += _STEPS_PER_VALUE * _count(value)
            if value is None or self._left < 0:
                raise _TooManyStepsError


def _count(value: Any) -> int:
    """Returns the number of values in a JSON document, containers included."""
    total, rest = 0, [value]
    while rest:
        node = rest.pop()
        total += 1
        if isinstance(node, dict):
            rest.extend(node.values())
        elif isinstance(node, list):
            rest.extend(node)
    return total


@dataclass(frozen=True, slots=True)
class _Metered:
    """A validator with its step budget."""

    validator: Validator
    steps: _Steps

    def errors(self, value: Any) -> Iterator[Any]:
        """Yields the validation errors of `value`."""
        self.steps.start(value)
        return self.validator.iter_errors(value)

    def of_schemas(self) -> _Metered:
        """Returns a validator of this schema's metaschema."""
        kind = type(self.validator)
        return _Metered(kind(kind.META_SCHEMA, format_checker=kind.FORMAT_CHECKER), self.steps)


@lru_cache(64)
def _validator(text: str) -> _Metered:
    """Returns the validator of a schema; cached, because a run uses few different schemas."""
    import jsonschema  # 50 ms and 6 MB, only for JSON answers
    from jsonschema.validators import extend, validator_for
    from referencing import Registry  # an empty one never asks the network

    schema, steps = orjson.loads(text), _Steps()
    base = validator_for(schema, default=jsonschema.Draft202012Validator)
    keywords = {**base.VALIDATORS, "pattern": _pattern, "uniqueItems": _unique_items}
    counted = {name: _counted(keyword, steps) for name, keyword in keywords.items()}
    kind: type[Validator] = extend(base, counted)  # type: ignore[no-untyped-call]
    return _Metered(kind(schema, registry=Registry(), format_checker=kind.FORMAT_CHECKER), steps)


def _counted(keyword: Callable[..., Any], steps: _Steps) -> Callable[..., Any]:
    """Wraps a keyword's function so that it takes a step whenever it is applied."""

    def counted(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
        steps.take()
        return keyword(validator, value, instance, schema)

    return counted


def _unique_items(_: Any, unique: Any, value: Any, _schema: Any) -> Iterator[Any]:
    """Implements the keyword ``uniqueItems`` in linear time."""
    from jsonschema.exceptions import ValidationError

    if unique and isinstance(value, list) and len(set(map(_hashable, value))) < len(value):
        yield ValidationError("it has non-unique elements")


def _hashable(value: Any) -> Any:
    """Returns a hashable key for JSON equality: 1 equals 1.0, but 1 does not equal true."""
    if isinstance(value, dict):
        return "object", frozenset((key, _hashable(inner)) for key, inner in value.items())
    if isinstance(value, list):
        return "array", tuple(map(_hashable, value))
    return ("boolean", value) if isinstance(value, bool) else value


def _pattern(_: Any, pattern: str, value: Any, _schema: Any) -> Iterator[Any]:
    """Implements the keyword ``pattern`` with an engine that runs in linear time."""
    from jsonschema.exceptions import ValidationError

    if isinstance(value, str) and not occurs(pattern, value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


def _resolve(schema: dict[str, Any]) -> None:
    """Resolves every reference in the schema.

    Raises:
        Unresolvable: A reference has no target in the schema.
    """
    from referencing import Registry, Resource  # comes with jsonschema
    from referencing.jsonschema import DRAFT202012

    resource = Resource.from_contents(schema, default_specification=DRAFT202012)
    uri = resource.id() or ""
    resolver = Registry().with_resource(uri, resource).crawl().resolver(uri)
    for reference in set(_references(schema)):
        resolver.lookup(reference)


def _references(schema: Any) -> Iterator[str]:
    for keywords in _subschemas(schema):
        for key in ("$ref", "$dynamicRef"):
            if isinstance(keywords.get(key), str):
                yield keywords[key]


def _patterns(schema: Any) -> Iterator[str]:
    for keywords in _subschemas(schema):
        if isinstance(keywords.get("pattern"), str):
            yield keywords["pattern"]
        if "patternProperties" in keywords:  # jsonschema matches it with `re`, which may backtrack
            raise problem(
                _("patternProperties cannot be used in a schema here"), _("name the keys")
            )


def _subschemas(node: Any) -> Iterator[dict[str, Any]]:
    """Yields every subschema; objects that are data or maps of the author's names are none."""
    if isinstance(node, list):
        for item in node:
            yield from _subschemas(item)
    elif isinstance(node, dict):
        yield node
        for key, inner in node.items():
            if key in _MAPPING_KEYWORDS and isinstance(inner, dict):
                yield from _subschemas(list(inner.values()))
            elif key not in _DATA_KEYWORDS:
                yield from _subschemas(inner)

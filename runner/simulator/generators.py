"""Generates JSON that fits a schema, and text that matches a regular expression.

The common keywords and the common syntax are supported; others raise `UnsupportedError`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from random import Random
from typing import Any

from pydantic_core import SchemaError

from runner.jobfile.pattern import matches

_MAX_DEPTH = 12
_WORDS = ("amber", "brook", "cedar", "delta", "ember", "fjord", "grove", "haven")
_CLASSES = {"d": "0123456789", "w": "abcdefghijklmnopqrstuvwxyz0123456789_", "s": " "}
_ANY_CHARACTER = "abcdefghijklmnopqrstuvwxyz"
_QUANTIFIER = re.compile(r"([*+?])|\{(\d+)(?:(,)(\d*))?\}")
_MOST_EXTRA = 100  # items of an array beyond the minimum
_EXTRA = 3  # repetitions beyond the minimum if there is no maximum
_MAX_SIZE = 50_000  # characters and items of one answer


class UnsupportedError(Exception):
    """The schema or the pattern uses a feature that the generators do not support."""


def make_json(schema: Any, random: Random) -> Any:
    """Returns a value that fits `schema`.

    Raises:
        UnsupportedError: The schema uses unsupported keywords.
    """
    try:
        return _JsonGenerator(schema, random).value(schema, 0)
    except (ArithmeticError, RecursionError) as error:  # bounds that are too large for a number
        raise UnsupportedError("schema") from error


def make_text(pattern: str, random: Random) -> str:
    """Returns text that `pattern` matches as a whole.

    Raises:
        UnsupportedError: The pattern uses unsupported syntax.
    """
    return _text(pattern, random, _Budget())


def _text(pattern: str, random: Random, budget: _Budget) -> str:
    text = _PatternGenerator(pattern, random, budget).whole()
    try:
        fits = matches(pattern, text)
    except SchemaError:  # Rust's engine does not accept the pattern
        fits = False
    if not fits:
        raise UnsupportedError(pattern)
    return text


class _Budget:
    """The number of characters and items that an answer may still have."""

    def __init__(self) -> None:
        self._left = _MAX_SIZE

    def spend(self, count: int) -> None:
        """Takes `count` characters or items from the budget.

        Raises:
            UnsupportedError: The answer would be too long.
        """
        self._left -= count
        if self._left < 0:
            raise UnsupportedError("length")


class _JsonGenerator:
    def __init__(self, root: Any, random: Random) -> None:
        self._root = root
        self._random = random
        self._budget = _Budget()

    def value(self, schema: Any, depth: int) -> Any:
        self._budget.spend(1)
        if schema is True:
            return "anything"
        if not isinstance(schema, Mapping) or depth > _MAX_DEPTH:
            raise UnsupportedError("schema")
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self._random.choice(schema["enum"])
        if "$ref" in schema:
            return self.value(self._resolve(schema["$ref"]), depth + 1)
        for key in ("anyOf", "oneOf"):
            if schema.get(key):
                return self._any_of(schema[key], depth)
        return self._typed(schema, depth)

    def _resolve(self, reference: Any) -> Any:
        if not isinstance(reference, str) or not reference.startswith("#"):
            raise UnsupportedError("$ref")
        target = self._root
        for part in reference.removeprefix("#").strip("/").split("/"):
            if part and (not isinstance(target, Mapping) or part not in target):
                raise UnsupportedError("$ref")
            target = target[part] if part else target
        return target

    def _any_of(self, schemas: Any, depth: int) -> Any:
        for schema in self._random.sample(schemas, len(schemas)):
            try:
                return self.value(schema, depth + 1)
            except UnsupportedError:
                continue
        raise UnsupportedError("anyOf")

    def _typed(self, schema: Mapping[str, Any], depth: int) -> Any:
        kinds = schema.get("type") or ("object" if "properties" in schema else "string")
        kind = self._random.choice(kinds) if isinstance(kinds, list) else kinds
        match kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, depth)
            case "string":
                return self._string(schema)
            case "integer" | "number":
                return self._number(schema, whole=kind == "integer")
            case "boolean":
                return self._random.random() < 0.5  # noqa: PLR2004
            case "null":
                return None
            case _:
                raise UnsupportedError("type")

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties", {})
        required = dict.fromkeys(schema.get("required", []))
        members = {}
        for key in dict.fromkeys((*properties, *required)):
            self._budget.spend(1)
            include = self._random.random() < 0.5  # noqa: PLR2004
            if key in required or (include and depth < _MAX_DEPTH // 2):
                members[key] = self.value(properties.get(key, True), depth + 1)
        return members

    def _array(self, schema: Mapping[str, Any], depth: int) -> list[Any]:
        least = int(schema.get("minItems", 0))
        most = int(schema.get("maxItems", least + (_EXTRA if depth < _MAX_DEPTH // 2 else 0)))
        self._budget.spend(least)
        count = self._random.randint(least, max(least, min(most, least + _MOST_EXTRA)))
        items = [self.value(schema.get("items", True), depth + 1) for _ in range(count)]
        if schema.get("uniqueItems"):
            first: dict[str, Any] = {}
            for item in items:
                first.setdefault(json.dumps(item, sort_keys=True), item)
            unique = list(first.values())
            if len(unique) < least:
                raise UnsupportedError("uniqueItems")
            return unique
        return items

    def _string(self, schema: Mapping[str, Any]) -> str:
        if "pattern" in schema:
            pattern = schema["pattern"].removeprefix("^").removesuffix("$")
            return _text(pattern, self._random, self._budget)
        if "format" in schema:
            raise UnsupportedError("format")
        text = self._random.choice(_WORDS)
        least, most = int(schema.get("minLength", 0)), schema.get("maxLength")
        self._budget.spend(least)
        text *= -(-least // len(text)) or 1
        return text if most is None else text[: max(least, int(most))]

    def _number(self, schema: Mapping[str, Any], *, whole: bool) -> int | float:
        unit = 1 if whole else 100
        step = schema.get("multipleOf")
        if step is not None:
            if not whole or step != int(step):
                raise UnsupportedError("multipleOf")
            unit = 1
        least = _bound(schema, "minimum", "exclusiveMinimum", math.ceil, unit, 1)
        most = _bound(schema, "maximum", "exclusiveMaximum", math.floor, unit, -1)
        if least is None:
            least = 0 if most is None or most >= 0 else most - 100 * unit
        most = least + 100 * unit if most is None else most
        if least > most:
            raise UnsupportedError("minimum")
        drawn = self._random.randint(least, most)
        if step:
            drawn = -(-drawn // int(step)) * int(step)
            if drawn > most:
                raise UnsupportedError("multipleOf")
        return drawn if whole or not drawn % unit else drawn / unit


def _bound(
    schema: Mapping[str, Any], name: str, exclusive: str, rounded: Any, unit: int, inwards: int
) -> int | None:
    """Returns the stricter of two bounds of the schema, in units of 1/`unit`; None without one."""
    bounds = []
    if name in schema:
        bounds.append(rounded(schema[name] * unit))
    if exclusive in schema:
        edge = schema[exclusive] * unit
        bounds.append(rounded(edge) + (inwards if rounded(edge) == edge else 0))
    if not bounds:
        return None
    return int(max(bounds) if inwards > 0 else min(bounds))


class _PatternGenerator:
    """Parses a pattern, and generates matching text while parsing."""

    def __init__(self, pattern: str, random: Random, budget: _Budget) -> None:
        self._pattern = pattern
        self._random = random
        self._budget = budget
        self._at = 0

    def whole(self) -> str:
        text = self._choice(0)
        if self._at < len(self._pattern):
            raise UnsupportedError(self._pattern)
        return text

    def _choice(self, depth: int) -> str:
        branches = [self._branch(depth)]
        while self._next() == "|":
            self._at += 1
            branches.append(self._branch(depth))
        return self._random.choice(branches)

    def _branch(self, depth: int) -> str:
        parts = []
        while self._next() not in {"", "|", ")"}:
            start = self._at
            first = self._atom(depth)
            count = self._count()
            after = self._at
            parts += [first] * min(count, 1)
            parts += [self._again(start, depth) for _ in range(count - 1)]
            self._at = after
        return "".join(parts)

    def _again(self, start: int, depth: int) -> str:
        self._at = start
        return self._atom(depth)

    def _count(self) -> int:
        quantifier = _QUANTIFIER.match(self._pattern, self._at)
        if quantifier is None:
            return 1
        self._at = quantifier.end()
        if self._next() in {"?", "+"}:  # lazy or possessive
            raise UnsupportedError(self._pattern)
        sign, least_text, comma, most_text = quantifier.groups()
        if sign:
            least, most = (1 if sign == "+" else 0), (1 if sign == "?" else _EXTRA)
        else:
            least = int(least_text)
            most = int(most_text) if most_text else least + (_EXTRA if comma else 0)
        if not least <= most <= 1_000:  # noqa: PLR2004 - enough for a simulation
            raise UnsupportedError(self._pattern)
        return self._random.randint(least, most)

    def _atom(self, depth: int) -> str:
        self._budget.spend(1)
        char = self._take()
        match char:
            case "(":
                return self._group(depth)
            case "[":
                return self._random.choice(self._class())
            case "\\":
                return self._random.choice(self._escaped())
            case ".":
                return self._random.choice(_ANY_CHARACTER)
            case "^" | "$" | "*" | "+" | "?" | "{":
                raise UnsupportedError(self._pattern)
            case _:
                return char

    def _group(self, depth: int) -> str:
        if self._pattern.startswith("?:", self._at):
            self._at += 2
        elif self._next() == "?" or depth > _MAX_DEPTH:
            raise UnsupportedError(self._pattern)
        text = self._choice(depth + 1)
        if self._take() != ")":
            raise UnsupportedError(self._pattern)
        return text

    def _escaped(self) -> str:
        char = self._take()
        if char in _CLASSES:
            return _CLASSES[char]
        if char.isalnum() or not char:
            raise UnsupportedError(self._pattern)
        return char

    def _class(self) -> str:
        characters = ""
        if self._next() in {"^", "]"}:
            raise UnsupportedError(self._pattern)
        while (char := self._take()) != "]":
            if not char or char == "[":
                raise UnsupportedError(self._pattern)
            if char == "\\":
                characters += self._escaped()
            elif self._next() == "-" and self._pattern[self._at + 1 : self._at + 2] not in {
                "",
                "]",
            }:
                self._at += 1
                last = ord(self._take() or char)
                self._budget.spend(last - ord(char))
                characters += "".join(map(chr, range(ord(char), last + 1)))
            else:
                characters += char
        if not characters:
            raise UnsupportedError(self._pattern)
        return characters

    def _next(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _take(self) -> str:
        char = self._next()
        self._at += len(char)
        return char

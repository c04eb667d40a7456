"""Regular expressions run on every version of Python that is supported, from 3.11.0 on."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from re import _parser  # type: ignore[attr-defined]
from typing import Any

import pytest

import runner


def module_patterns() -> Iterator[tuple[str, re.Pattern[Any]]]:
    """Every pattern that a module holds, by itself or in a container."""
    for found in pkgutil.walk_packages(runner.__path__, "runner."):
        if found.name == "runner.__main__":
            continue
        module = importlib.import_module(found.name)
        for name, value in vars(module).items():
            yield from ((f"{found.name}.{name}", one) for one in within(value))


def within(value: Any) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, dict):
        yield from (one for item in value.values() for one in within(item))
    elif isinstance(value, list | tuple | set | frozenset):
        yield from (one for item in value for one in within(item))


def needs_more(parsed: Any) -> bool:
    """Whether a parsed pattern has an atomic group, or a possessive repeat of a group."""
    if isinstance(parsed, tuple) and parsed:
        name = str(parsed[0])
        if name == "ATOMIC_GROUP":
            return True
        if name == "POSSESSIVE_REPEAT":
            items = list(parsed[1][2])
            return len(items) > 1 or str(items[0][0]) not in {"IN", "LITERAL", "NOT_LITERAL", "ANY"}
    is_container = isinstance(parsed, tuple | list | _parser.SubPattern)
    return is_container and any(map(needs_more, parsed))


def test_no_pattern_has_a_possessive_group() -> None:
    """Python 3.11.0 to 3.11.4 match one wrongly; a possessive character class they match right."""
    patterns = list(module_patterns())
    assert len(patterns) > 30
    needing = [
        name
        for name, pattern in patterns
        if needs_more(_parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE))
    ]
    assert needing == []


@pytest.mark.parametrize("pattern", ["(?:a )*+b", "x(y(?:ab)++)*", "(?>ab)", "(?:ab|cd)?+"])
def test_one_would_be_found(pattern: str) -> None:
    assert needs_more(_parser.parse(pattern))


@pytest.mark.parametrize("pattern", ["[ab]*+c", "a++", "(?:a[^b]*+)*", "[*+]+"])
def test_a_possessive_class_is_none(pattern: str) -> None:
    assert not needs_more(_parser.parse(pattern))

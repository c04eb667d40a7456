"""Regular expressions that cannot hang: a pattern from a job file, and whether text matches it.

It refuses to know Python's own engine, which may backtrack for ever on a pattern as short as
``(a+)+b``: Pydantic carries Rust's ``regex`` crate, whose time is linear in the text.
"""

from __future__ import annotations

from functools import lru_cache

from pydantic_core import SchemaError, SchemaValidator, core_schema

from runner.tomlfile import problem

_ADVICE = "write it without look-arounds (?=…) and back references \\1, which cannot be had here"


def check_pattern(pattern: str) -> None:
    """Refuse what is no regular expression of one line.

    Raises:
        PydanticCustomError: it is none; the message shows where.
    """
    if not pattern or not pattern.isprintable():
        raise problem("a pattern must be one line of printable text")
    try:
        _searcher(pattern)  # by itself, lest "a)|(b" slip through inside brackets of ours
        _matcher(pattern)
    except SchemaError as error:
        reason = str(error).strip().rsplit("error: ", 1)[-1]
        raise problem(f"this is no regular expression ({reason})", _ADVICE) from error


def matches(pattern: str, text: str) -> bool:
    """Whether the whole of `text` matches a checked `pattern`."""
    return _matcher(pattern).isinstance_python(text)


def occurs(pattern: str, text: str) -> bool:
    """Whether a checked `pattern` matches anywhere in `text`."""
    return _searcher(pattern).isinstance_python(text)


@lru_cache(256)
def _searcher(pattern: str) -> SchemaValidator:
    return SchemaValidator(core_schema.str_schema(pattern=pattern))


def _matcher(pattern: str) -> SchemaValidator:
    return _searcher(rf"\A(?:{pattern})\z")

"""Matches texts with regular expressions from job files, in linear time.

Python's own engine may backtrack exponentially on a pattern as short as ``(a+)+b``. Pydantic
includes Rust's ``regex`` crate, whose time is linear in the length of the text.
"""

from __future__ import annotations

from functools import lru_cache

from pydantic_core import SchemaError, SchemaValidator, core_schema

from runner.language import _
from runner.one_line import is_one_line
from runner.tomlfile import problem

_ADVICE = _("write it without look-arounds (?=…) and back references \\1, which are not supported")


def check_pattern(pattern: str) -> None:
    """Refuses a text that is not a regular expression of one line.

    Raises:
        PydanticCustomError: The pattern is invalid; the message shows where.
    """
    if not pattern or not is_one_line(pattern):
        raise problem(_("a pattern must be one line of printable text"))
    try:
        _searcher(pattern)  # bare as well: "a)|(b" would be valid inside the group of _matcher
        _matcher(pattern)
    except SchemaError as error:
        reason = str(error).strip().rsplit("error: ", 1)[-1]
        raise problem(
            _("this is not a regular expression ({reason})").format(reason=reason), _ADVICE
        ) from error


def matches(pattern: str, text: str) -> bool:
    """Whether the whole of `text` matches a valid `pattern`."""
    return _matcher(pattern).isinstance_python(text)


def occurs(pattern: str, text: str) -> bool:
    """Whether a valid `pattern` matches anywhere in `text`."""
    return _searcher(pattern).isinstance_python(text)


@lru_cache(256)
def _searcher(pattern: str) -> SchemaValidator:
    return SchemaValidator(core_schema.str_schema(pattern=pattern))


def _matcher(pattern: str) -> SchemaValidator:
    return _searcher(rf"\A(?:{pattern})\z")

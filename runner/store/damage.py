"""Detection of values that no version of the program writes, as from a damaged file."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, TypeVar

import orjson

E = TypeVar("E", bound=StrEnum)


class DamageError(Exception):
    """The database contradicts itself. sqlite_errors.py translates it, with the file's path."""


def as_enum(kind: type[E], word: str) -> E:
    """Returns a word of a column as a member of the enumeration `kind`.

    Raises:
        DamageError: It is none of them.
    """
    try:
        return kind(word)
    except ValueError:
        raise DamageError(f"{word!r} is no {kind.__name__}") from None


def stored_json(text: str) -> Any:
    """Returns the value of a column of JSON.

    Raises:
        DamageError: It is not JSON.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise DamageError(f"a column has no JSON: {error}") from None

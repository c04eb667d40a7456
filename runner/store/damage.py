"""Values that no version of the program writes: bytes of the database were damaged."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, TypeVar

import orjson

E = TypeVar("E", bound=StrEnum)


class DamageError(Exception):
    """The database contradicts itself; whoever opened it is told which file that is."""


def known(kind: type[E], word: str) -> E:
    """A word of a column as the state that it names.

    Raises:
        DamageError: It names none.
    """
    try:
        return kind(word)
    except ValueError:
        raise DamageError(f"{word!r} is no {kind.__name__}") from None


def stored_json(text: str) -> Any:
    """The value of a column of JSON.

    Raises:
        DamageError: It is none.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise DamageError(f"a column has no JSON: {error}") from None

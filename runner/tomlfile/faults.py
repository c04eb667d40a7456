"""How Pydantic's complaints about a TOML file are told to the person who wrote it.

It refuses to know what a valid file is; it only looks up which names were possible where.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, takewhile
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from runner.tomlfile.near import did_you_mean, listed

_EXPECTED = {
    "string_type": "must be text in quotes",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "float_type": "must be a number",
    "tuple_type": 'must be a list: ["…", "…"]',
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
}

_KEY = "[key]"  # Pydantic's mark, at the end of a place, that the key is wrong and not its value
_BARE = re.compile(r"[A-Za-z0-9_-]+")

_Place = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: its place as the file spells it, what it is, and what to try."""

    field: str
    what: str
    remedy: str


def faults_in(error: ValidationError, model: type[BaseModel]) -> list[Fault]:
    """Return what `error` complains of in a file that should be a `model`."""
    return [_fault(detail, model) for detail in error.errors(include_url=False)]


def wording(error: ValidationError) -> str:
    """Return the first complaint of `error` as a clause, without the value complained of."""
    return _what(error.errors(include_url=False)[0])


def _fault(detail: ErrorDetails, model: type[BaseModel]) -> Fault:
    place = tuple(detail["loc"])
    if place[-1:] == (_KEY,):
        place = place[:-1]
    field = _name(place, model)
    if detail["type"] == "extra_forbidden":
        return _unknown(place, field, model)
    if detail["type"] == "missing":
        noun = "table" if _is_table(_kinds(place, model)[-1]) else "key"
        return Fault(field, f"this {noun} is required", f"add the {noun}")
    remedy = detail.get("ctx", {}).get("remedy", "correct the value")
    return Fault(field, _what(detail), remedy)


def _unknown(place: _Place, field: str, model: type[BaseModel]) -> Fault:
    known = _fields(_kinds(place[:-1], model)[-1])
    noun = "table or key" if len(place) == 1 else "key"
    remedy = did_you_mean(str(place[-1]), known) or f"use one of {listed(known)}"
    return Fault(field, f'unknown {noun} "{place[-1]}"', remedy)


def _what(detail: ErrorDetails) -> str:
    """Return our wording, or Pydantic's own as a clause."""
    plain = detail["msg"].removeprefix("Input ").rstrip(".")
    return _EXPECTED.get(detail["type"]) or plain


def _name(place: _Place, model: type[BaseModel]) -> str:
    """Spell a place as the file does: ``[prompt] user``, ``[answer] labels item 2``."""
    if not place:
        return "the file"
    inner = _kinds(place, model)[2:]
    steps = zip(place[1:], inner, strict=False)
    depth = 1 + sum(1 for _ in takewhile(_is_named_table, steps))
    # Only a name of the user's choice can need quotes, and none stands first.
    table = ".".join((str(place[0]), *map(_quoted, place[1:depth])))
    words = (f"item {key + 1}" if isinstance(key, int) else key for key in place[depth:])
    return " ".join((f"[{table}]", *words))


def _quoted(key: int | str) -> str:
    return str(key) if _BARE.fullmatch(str(key)) else f'"{key}"'


def _kinds(place: _Place, model: type[BaseModel]) -> list[Any]:
    """Return the types of the whole file and of what each part of `place` names in it."""
    return list(accumulate(place, _inside, initial=model))


def _inside(kind: Any, part: int | str) -> Any:
    """Return the type of what `part` names in a value of type `kind`; None when it is unknown."""
    if _is_model(kind):
        field = kind.model_fields.get(str(part))
        return field.annotation if field else None
    match get_origin(kind):
        case builtins.dict:
            return get_args(kind)[1]
        case builtins.tuple:  # of any length: all items are alike
            return get_args(kind)[0]
        case _:
            return None


def _fields(kind: Any) -> Sequence[str]:
    """Return the names that a table of type `kind` may hold."""
    if not _is_model(kind):
        return ()
    return tuple(field.alias or name for name, field in kind.model_fields.items())


def _is_table(kind: Any) -> bool:
    return _is_model(kind) or get_origin(kind) is dict


def _is_named_table(step: tuple[int | str, Any]) -> bool:
    key, kind = step
    return isinstance(key, str) and _is_table(kind)


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)

"""Converts Pydantic's validation errors to messages for the author of a TOML file."""

from __future__ import annotations

import builtins
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, takewhile
from typing import Any, get_args, get_origin

from pydantic import BaseModel, RootModel, ValidationError
from pydantic_core import ErrorDetails

from runner.language import _
from runner.tomlfile.problem import did_you_mean, listed

_EXPECTED = {
    "string_type": _("must be text in quotes"),
    "int_type": _("must be a whole number"),
    "int_from_float": _("must be a whole number"),
    "int_parsing": _("must be a whole number"),
    "float_type": _("must be a number"),
    "tuple_type": _('must be a list: ["…", "…"]'),
    "dict_type": _("must be a table"),
    "model_type": _("must be a table"),
    "model_attributes_type": _("must be a table"),
}

_KEY = "[key]"  # Pydantic's last part of a place if the key, and not the value, is wrong
_BARE = re.compile(r"[A-Za-z0-9_-]+")

_Place = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class FieldError:
    """One error: its place in the file's syntax, the fault, and the remedy."""

    field: str
    what: str
    remedy: str


def field_errors(error: ValidationError, model: type[BaseModel]) -> list[FieldError]:
    """Returns the errors in a file whose schema is `model`."""
    return [_field_error(detail, model) for detail in error.errors(include_url=False)]


def first_message(error: ValidationError) -> str:
    """Returns the first error as a clause, without the refused value."""
    return _what(error.errors(include_url=False)[0])


def _field_error(detail: ErrorDetails, model: type[BaseModel]) -> FieldError:
    place = tuple(detail["loc"])
    if place[-1:] == (_KEY,):
        place = place[:-1]
    field = _name(place, model)
    if detail["type"] == "extra_forbidden":
        return _unknown(place, field, model)
    if detail["type"] == "missing":
        if _is_table(_kinds(place, model)[-1]):
            return FieldError(field, _("this table is required"), _("add the table"))
        return FieldError(field, _("this key is required"), _("add the key"))
    remedy = detail.get("ctx", {}).get("remedy", _("correct the value"))
    return FieldError(field, _what(detail), remedy)


def _unknown(place: _Place, field: str, model: type[BaseModel]) -> FieldError:
    known = _fields(_kinds(place[:-1], model)[-1])
    what = _('unknown table or key "{name}"') if len(place) == 1 else _('unknown key "{name}"')
    remedy = did_you_mean(str(place[-1]), known) or _("use one of {known}").format(
        known=listed(known)
    )
    return FieldError(field, what.format(name=place[-1]), remedy)


def _what(detail: ErrorDetails) -> str:
    """Returns our own message for the error's type, or Pydantic's as a clause."""
    plain = detail["msg"].removeprefix("Input ").rstrip(".")
    return _EXPECTED.get(detail["type"]) or plain


def _name(place: _Place, model: type[BaseModel]) -> str:
    """Returns a place in the file's syntax: ``[prompt] user``, ``[answer] labels item 2``."""
    if not place:
        return _("the file")
    inner = _kinds(place, model)[2:]
    steps = zip(place[1:], inner, strict=False)
    depth = 1 + sum(1 for _ in takewhile(_is_named_table, steps))
    # Only a name that the user chose may need quotes; the first part is a fixed name.
    table = ".".join((str(place[0]), *map(_quoted, place[1:depth])))
    words = (f"item {key + 1}" if isinstance(key, int) else key for key in place[depth:])
    return " ".join((f"[{table}]", *words))


def _quoted(key: int | str) -> str:
    return str(key) if _BARE.fullmatch(str(key)) else f'"{key}"'


def _kinds(place: _Place, model: type[BaseModel]) -> list[Any]:
    """Returns the type of the whole file, followed by the type at each part of `place`."""
    return list(accumulate(place, _inside, initial=model))


def _inside(kind: Any, part: int | str) -> Any:
    """Returns the type of the item `part` of a value of type `kind`; None when it is unknown."""
    if _is_model(kind) and issubclass(kind, RootModel):
        kind = kind.model_fields["root"].annotation
    if _is_model(kind):
        field = kind.model_fields.get(str(part))
        return field.annotation if field else None
    match get_origin(kind):
        case builtins.dict:
            return get_args(kind)[1]
        case builtins.tuple:  # of any length, with items of one type
            return get_args(kind)[0]
        case _:
            return None


def _fields(kind: Any) -> Sequence[str]:
    """Returns the names of the keys in a table of type `kind`."""
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

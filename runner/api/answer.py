"""Defines valid answers and their Python types.

Replies are parsed according to a job file's ``[answer]``; this module converts the recorded text to
a value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar, overload

import orjson
from pydantic import TypeAdapter

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """The valid answers of a job, and their Python type; the methods below create one.

    After an invalid reply the row is asked again, with the reason, up to `max_asks` times in all
    (see `Job`); then the row fails, and the replies are kept.

    Attributes:
        table: The ``[answer]`` table of a job file.
        read: Converts the recorded text to the value.
    """

    table: Mapping[str, Any]
    read: Callable[[str], T]

    @staticmethod
    def text() -> Answer[str]:
        """Accepts any reply that is not empty, without the thinking before it."""
        return Answer({"kind": "text"}, str)

    @staticmethod
    def label(*labels: str, synonyms: Mapping[str, Sequence[str]] | None = None) -> Answer[str]:
        """Accepts one of `labels`; `synonyms` has other accepted names by label."""
        return Answer(_labels("label", labels, synonyms), str)

    @staticmethod
    def labels(
        *labels: str,
        least: int = 0,
        most: int | None = None,
        synonyms: Mapping[str, Sequence[str]] | None = None,
    ) -> Answer[list[str]]:
        """Accepts `least` to `most` of `labels`; the value has them in the order given here."""
        bounds = {"min": least or None, "max": most}
        return Answer(_labels("labels", labels, synonyms) | bounds, orjson.loads)

    @overload
    @staticmethod
    def number(
        least: float | None = None, most: float | None = None, *, integer: Literal[True]
    ) -> Answer[int]: ...

    @overload
    @staticmethod
    def number(
        least: float | None = None, most: float | None = None, *, integer: Literal[False] = False
    ) -> Answer[float]: ...

    @staticmethod
    def number(
        least: float | None = None, most: float | None = None, *, integer: bool = False
    ) -> Answer[int] | Answer[float]:
        """Accepts a number from `least` to `most`, inclusive; a whole number if `integer`."""
        table = {"kind": "number", "min": least, "max": most, "integer": integer}
        return Answer(table, int) if integer else Answer(table, float)

    @overload
    @staticmethod
    def json(form: type[T]) -> Answer[T]: ...

    @overload
    @staticmethod
    def json(form: Mapping[str, Any] | None = None) -> Answer[Any]: ...

    @staticmethod
    def json(form: Any = None) -> Answer[Any]:
        """Accepts JSON that conforms to `form`.

        Args:
            form: A Pydantic model, or any type that Pydantic supports (a dataclass, a
                ``TypedDict``, ``list[Model]``): its JSON Schema is sent to the model, and the
                answer is an instance. Or a JSON Schema; or None, for any object or array.

        If your own validator refuses an answer that fits the schema, the row has failed, with the
        validator's message; it is not asked again.

        Raises:
            pydantic.errors.PydanticUserError: Pydantic does not support the type, or the type has
                no JSON Schema.
        """
        if form is None or isinstance(form, Mapping):
            return Answer({"kind": "json", "schema": form and dict(form)}, orjson.loads)
        adapter: TypeAdapter[Any] = TypeAdapter(form)
        return Answer({"kind": "json", "schema": adapter.json_schema()}, adapter.validate_json)

    @staticmethod
    def regex(pattern: str) -> Answer[str]:
        """Accepts text that matches `pattern` as a whole; look-arounds are not supported."""
        return Answer({"kind": "regex", "pattern": pattern}, str)


def _labels(
    kind: str, labels: Sequence[str], synonyms: Mapping[str, Sequence[str]] | None
) -> dict[str, Any]:
    names = {label: list(others) for label, others in (synonyms or {}).items()}
    return {"kind": kind, "labels": list(labels), "synonyms": names}


def reader_of(kind: str, *, integer: bool = False) -> Callable[[str], Any]:
    """Returns the function that converts the recorded text of a kind of answer to a value."""
    match kind:
        case "labels" | "json":
            return orjson.loads
        case "number":
            return int if integer else float
        case _:
            return str

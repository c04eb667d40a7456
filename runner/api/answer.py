"""What counts as an answer, with the Python type that it has.

The replies of models are read as a job file's ``[answer]`` says; the recorded text becomes a value
here.
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
    """What counts as an answer, and the type it has in Python. Made by the methods below.

    A reply that is not valid is asked for again, with the reason, up to `max_asks` times in all
    (see `Job`); then the row fails, and the replies are kept.

    Attributes:
        table: The same as a job file's ``[answer]``.
        read: Turns the recorded text into the value.
    """

    table: Mapping[str, Any]
    read: Callable[[str], T]

    @staticmethod
    def text() -> Answer[str]:
        """Any reply that is not empty, without the thinking before it."""
        return Answer({"kind": "text"}, str)

    @staticmethod
    def label(*labels: str, synonyms: Mapping[str, Sequence[str]] | None = None) -> Answer[str]:
        """One of `labels`; `synonyms` has, by label, other words for it that are accepted."""
        return Answer(_labels("label", labels, synonyms), str)

    @staticmethod
    def labels(
        *labels: str,
        least: int = 0,
        most: int | None = None,
        synonyms: Mapping[str, Sequence[str]] | None = None,
    ) -> Answer[list[str]]:
        """Several of `labels`, `least` to `most` of them; in the order given here."""
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
        """A number from `least` to `most`, both included; a whole one if `integer`."""
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
        """JSON that conforms to `form`.

        Args:
            form: A Pydantic model, or any type that Pydantic can read (a dataclass, a
                ``TypedDict``, ``list[Model]``): the model is told its JSON Schema, and the answer
                is an instance. Or a JSON Schema; or None, for any object or array.

        Where a validator of your own refuses what fits the schema, the row is given as failed,
        with what it said; it is not asked again.
        """
        if form is None or isinstance(form, Mapping):
            return Answer({"kind": "json", "schema": form and dict(form)}, orjson.loads)
        adapter: TypeAdapter[Any] = TypeAdapter(form)
        return Answer({"kind": "json", "schema": adapter.json_schema()}, adapter.validate_json)

    @staticmethod
    def regex(pattern: str) -> Answer[str]:
        """Text that as a whole matches `pattern`; without look-arounds and back references."""
        return Answer({"kind": "regex", "pattern": pattern}, str)


def _labels(
    kind: str, labels: Sequence[str], synonyms: Mapping[str, Sequence[str]] | None
) -> dict[str, Any]:
    others = {label: list(called) for label, called in (synonyms or {}).items()}
    return {"kind": kind, "labels": list(labels), "synonyms": others}


def reader_of(kind: str, *, integer: bool = False) -> Callable[[str], Any]:
    """The function that turns the recorded text of this kind of answer into a value."""
    match kind:
        case "labels" | "json":
            return orjson.loads
        case "number":
            return int if integer else float
        case _:
            return str

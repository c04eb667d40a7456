"""What counts as an answer, as a job file may say it: frozen values that refuse anything else.

It reads no reply; it only sees to it that every reply can be judged.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from runner.jobfile.fold import fold
from runner.jobfile.pattern import check_pattern
from runner.jobfile.schema import check_schema, schema_text
from runner.jobfile.table import Table
from runner.tomlfile import problem

Kind = Literal["text", "label", "labels", "number", "json", "regex"]

_FEWEST_LABELS = 2
_KINDS_OF = {
    "labels": ("label", "labels"),
    "synonyms": ("label", "labels"),
    "min": ("labels", "number"),
    "max": ("labels", "number"),
    "integer": ("number",),
    "schema_": ("json",),
    "pattern": ("regex",),
}


class Answer(Table):
    """``[answer]``: what counts as an answer, and how it is recorded.

    Attributes:
        kind: ``text`` takes any reply that is not empty; ``label`` one of `labels`; ``labels``
            several of them; ``number`` a number; ``json`` JSON that fits `schema_`; ``regex``
            text that matches `pattern` as a whole.
        labels: The labels, spelled as they are to be recorded.
        synonyms: By label, what else models call it: ``{ positive = ["pos", "good"] }``.
        min: The least number; of ``labels``: how many at least, 0 unless given.
        max: The greatest number; of ``labels``: how many at most.
        integer: Whether the number must be whole.
        schema_: The JSON Schema as JSON text, its keys in the author's order; a job file calls
            it ``schema`` and names a file, or holds it as a table.
        pattern: The regular expression, as Rust's ``regex`` crate reads it: its time grows with
            the reply's length and no faster, so there are no back references or look-arounds.
        max_asks: How many times a row may be asked in all when replies are invalid, 1 to 10.
    """

    kind: Kind = "text"
    labels: Annotated[tuple[str, ...], Field(strict=False)] = ()
    synonyms: dict[str, Annotated[tuple[str, ...], Field(strict=False)]] = Field(
        default_factory=dict
    )
    min: int | float | None = None
    max: int | float | None = None
    integer: bool = False
    schema_: Annotated[str | None, BeforeValidator(schema_text)] = Field(
        default=None, alias="schema"
    )
    pattern: str | None = None
    max_asks: Annotated[int, Field(ge=1, le=10)] = 3

    @property
    def fewest(self) -> int:
        """How many labels an answer has at least."""
        return int(self.min or 0)

    @property
    def most(self) -> int:
        """How many labels an answer has at most."""
        return len(self.labels) if self.max is None else int(self.max)

    @property
    def spellings(self) -> tuple[tuple[str, str], ...]:
        """Every spelling of a label, with the label: the labels themselves first."""
        synonyms = self.synonyms.items()
        return (
            *((label, label) for label in self.labels),
            *((other, label) for label, others in synonyms for other in others),
        )

    @field_validator("pattern")
    @classmethod
    def _pattern_is_one(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            check_pattern(pattern)
        return pattern

    @field_validator("schema_")
    @classmethod
    def _schema_is_one(cls, schema: str | None) -> str | None:
        if schema is not None:
            check_schema(schema)
        return schema

    @field_validator("min", "max")
    @classmethod
    def _bound_is_finite(cls, bound: float | None) -> float | None:
        if bound is not None and not math.isfinite(bound):
            raise problem("must be a finite number")
        return bound

    @field_validator("labels")
    @classmethod
    def _labels_are_distinct(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        _check_labels(labels)
        return labels

    @model_validator(mode="after")
    def _keys_fit_the_kind(self) -> Self:
        for key, kinds in _KINDS_OF.items():
            if self.kind not in kinds and getattr(self, key) != _default(key):
                verb = "is" if key in {"min", "max", "integer", "schema_", "pattern"} else "are"
                known = " or ".join(f'"{kind}"' for kind in kinds)
                raise problem(f"{key.rstrip('_')} {verb} only for kind = {known}")
        if self.kind in _KINDS_OF["labels"] and len(self.labels) < _FEWEST_LABELS:
            raise problem(f'kind = "{self.kind}" needs at least two labels')
        if self.kind == "regex" and self.pattern is None:
            raise problem('kind = "regex" needs a pattern')
        return self

    @model_validator(mode="after")
    def _synonyms_are_of_labels(self) -> Self:
        _check_synonyms(self.labels, self.synonyms)
        return self

    @model_validator(mode="after")
    def _bounds_leave_room(self) -> Self:
        if self.kind == "labels":
            _check_how_many(self.min, self.max, len(self.labels))
        if self.min is not None and self.max is not None and self.min > self.max:
            raise problem("min is greater than max")
        if self.integer and self.min is not None and self.max is not None:
            _check_whole_between(self.min, self.max)
        return self


def _default(key: str) -> Any:
    return Answer.model_fields[key].get_default(call_default_factory=True)


def _check_labels(labels: Iterable[str]) -> dict[str, str]:
    """Refuse labels that cannot be told apart; return them by how they read."""
    seen: dict[str, str] = {}
    for label in labels:
        folded = _folded(label)
        if folded in seen:
            raise problem(f'"{seen[folded]}" and "{label}" cannot be told apart in a reply')
        seen[folded] = label
    return seen


def _check_synonyms(labels: Iterable[str], synonyms: Mapping[str, Iterable[str]]) -> None:
    """Refuse a synonym of two labels."""
    seen = _check_labels(labels)
    for label, others in synonyms.items():
        if label not in seen.values():
            raise problem(f'synonyms are given for "{label}", which is not one of the labels')
        for other in others:
            if (meant := seen.setdefault(_folded(other), label)) != label:
                raise problem(f'"{other}" could be "{meant}" as well as "{label}"')


def _folded(label: str) -> str:
    if not (folded := fold(label)):
        raise problem("a label must not be blank")
    if not label.isprintable():
        raise problem(f"the label {label!r} must be one line of printable text")
    return folded


def _check_how_many(least: float | None, most: float | None, labels: int) -> None:
    for name, bound in (("min", least), ("max", most)):
        if bound is not None and not (isinstance(bound, int) and 0 <= bound <= labels):
            raise problem(f"{name} is how many labels: a whole number from 0 to {labels}")
    if most == 0:
        raise problem("max is how many labels: at least 1")


def _check_whole_between(least: float, most: float) -> None:
    if math.floor(most) < math.ceil(least):
        raise problem("there is no whole number from min to max")

"""The ``[answer]`` table of a job file, which says which replies are valid answers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from runner.jobfile.normalise import normalise
from runner.jobfile.pattern import check_pattern
from runner.jobfile.schema import check_schema, schema_text
from runner.language import _
from runner.one_line import is_one_line
from runner.tomlfile import TomlTable, problem

AnswerKind = Literal["text", "label", "labels", "number", "json", "regex"]

_FEWEST_LABELS = 2
_KINDS_BY_KEY = {
    "labels": ("label", "labels"),
    "synonyms": ("label", "labels"),
    "min": ("labels", "number"),
    "max": ("labels", "number"),
    "integer": ("number",),
    "schema_": ("json",),
    "pattern": ("regex",),
}


class AnswerSpec(TomlTable):
    """``[answer]``: the valid answers, and how they are recorded.

    Attributes:
        kind: ``text`` accepts any reply that is not empty; ``label`` one of `labels`; ``labels``
            several of them; ``number`` a number; ``json`` JSON that fits `schema`; ``regex``
            text that matches `pattern` as a whole.
        labels: The labels, at least two, as they are recorded.
        synonyms: Other names that models use for a label: ``{ positive = ["pos", "good"] }``.
        min: The least number; for ``labels``, the least number of labels, 0 by default.
        max: The greatest number; for ``labels``, the greatest number of labels.
        integer: Whether the number must be whole.
        schema_: A JSON Schema, as a table or as the name of a file relative to the job file; it is
            stored as JSON text with the keys in the author's order. Draft 2020-12, unless
            ``$schema`` names another. By default any object or array is valid.
        pattern: A regular expression for the whole answer, in the syntax of Rust's ``regex``
            crate. Matching takes linear time, so there are no back references and no look-arounds.
        max_asks: The most times that a row is asked in all when replies are invalid.
    """

    kind: AnswerKind = "text"
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
    def min_labels(self) -> int:
        """The least number of labels in an answer."""
        return int(self.min or 0)

    @property
    def max_labels(self) -> int:
        """The greatest number of labels in an answer."""
        return len(self.labels) if self.max is None else int(self.max)

    @property
    def label_count_phrase(self) -> str:
        """The number of labels in an answer, in words."""
        if self.min_labels == self.max_labels:
            return f"exactly {self.max_labels}"
        return f"{self.min_labels} to {self.max_labels}"

    @property
    def number_phrase(self) -> str:
        """The numbers that are valid, in words."""
        least = "" if self.min is None else f" of at least {self.min}"
        most = "" if self.max is None else f"{' and' if least else ' of'} at most {self.max}"
        return f"a {'whole ' if self.integer else ''}number{least}{most}"

    @field_validator("pattern")
    @classmethod
    def _pattern_is_valid(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            check_pattern(pattern)
        return pattern

    @field_validator("schema_")
    @classmethod
    def _schema_is_valid(cls, schema: str | None) -> str | None:
        if schema is not None:
            check_schema(schema)
        return schema

    @field_validator("min", "max")
    @classmethod
    def _bound_is_finite(cls, bound: float | None) -> float | None:
        if bound is not None and not math.isfinite(bound):
            raise problem(_("must be a finite number"))
        return bound

    @field_validator("labels")
    @classmethod
    def _labels_are_distinct(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        _check_labels(labels)
        return labels

    @model_validator(mode="after")
    def _keys_fit_the_kind(self) -> Self:
        for key, kinds in _KINDS_BY_KEY.items():
            if self.kind not in kinds and getattr(self, key) != _default(key):
                message = _("{key} are only for kind = {known}")
                if key in {"min", "max", "integer", "schema_", "pattern"}:
                    message = _("{key} is only for kind = {known}")
                known = _(" or ").join(f'"{kind}"' for kind in kinds)
                raise problem(message.format(key=key.rstrip("_"), known=known))
        if self.kind in _KINDS_BY_KEY["labels"] and len(self.labels) < _FEWEST_LABELS:
            raise problem(_('kind = "{kind}" needs at least two labels').format(kind=self.kind))
        if self.kind == "regex" and self.pattern is None:
            raise problem(_('kind = "regex" needs a pattern'))
        return self

    @model_validator(mode="after")
    def _synonyms_name_labels(self) -> Self:
        _check_synonyms(self.labels, self.synonyms)
        return self

    @model_validator(mode="after")
    def _bounds_leave_room(self) -> Self:
        if self.kind == "labels":
            _check_label_counts(self.min, self.max, len(self.labels))
        if self.min is not None and self.max is not None and self.min > self.max:
            raise problem(_("min is greater than max"))
        if self.integer and self.min is not None and self.max is not None:
            _check_whole_between(self.min, self.max)
        return self


def _default(key: str) -> Any:
    return AnswerSpec.model_fields[key].get_default(call_default_factory=True)


def _check_labels(labels: Iterable[str]) -> dict[str, str]:
    """Returns the labels by their normalised form; refuses two labels with the same form."""
    seen: dict[str, str] = {}
    for label in labels:
        key = _normalised(label)
        if key in seen:
            raise problem(
                _('"{seen}" and "{label}" cannot be distinguished in a reply').format(
                    seen=seen[key], label=label
                )
            )
        seen[key] = label
    return seen


def _check_synonyms(labels: Iterable[str], synonyms: Mapping[str, Iterable[str]]) -> None:
    """Refuses a synonym that stands for two labels."""
    seen = _check_labels(labels)
    for label, others in synonyms.items():
        if label not in seen.values():
            raise problem(
                _('synonyms are given for "{label}", which is not one of the labels').format(
                    label=label
                )
            )
        for other in others:
            if (meant := seen.setdefault(_normalised(other), label)) != label:
                raise problem(
                    _('"{other}" could mean "{meant}" as well as "{label}"').format(
                        other=other, meant=meant, label=label
                    )
                )


def _normalised(label: str) -> str:
    if not (key := normalise(label)):
        raise problem(_("a label must not be blank"))
    if not is_one_line(label):
        raise problem(_("the label {label!r} must be one line of text").format(label=label))
    return key


def _check_label_counts(least: float | None, most: float | None, labels: int) -> None:
    for name, bound in (("min", least), ("max", most)):
        if bound is not None and not (isinstance(bound, int) and 0 <= bound <= labels):
            raise problem(
                _("{name} is a number of labels: a whole number from 0 to {labels}").format(
                    name=name, labels=labels
                )
            )
    if most == 0:
        raise problem(_("max is a number of labels: at least 1"))


def _check_whole_between(least: float, most: float) -> None:
    if math.floor(most) < math.ceil(least):
        raise problem(_("there is no whole number from min to max"))

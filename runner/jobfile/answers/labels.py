"""Finds the labels that a reply names; an ambiguous text names none."""

# ruff: noqa: RUF001 - commas of many scripts are the point

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from runner.jobfile.answer_spec import AnswerSpec
from runner.jobfile.answers.candidates import layers
from runner.jobfile.answers.lenient_json import parse_strict, parse_whole
from runner.jobfile.answers.unwrap import follows_lead, unwrap
from runner.jobfile.normalise import normalise, strip_separators

_PADDING = 64
_SEPARATORS = re.compile(r"[,，、;；،؛\n|]")
# Separators between labels that may also be part of a label.
_BETWEEN = re.compile(r"[,，、;；،؛\n|/+&]|\.\s|\b(?:and|or|und|oder|et|ou|y|o)\b|[和与或]")
_NO_LABELS = frozenset({"[]", "none", "nothing", "no labels", "null", "无", "没有"})

_Key = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class _Table:
    """Lookup tables for the labels of a spec.

    Attributes:
        by_spelling: The labels by their normalised spelling.
        levels: Functions that convert a normalised text to a key, the strictest first, each with
            the labels by that key.
        max_length: The longest text, in characters, that can be a label with its wrapping.
        has_quotes: Whether a spelling contains a quotation mark.
    """

    by_spelling: dict[str, str]
    levels: tuple[tuple[_Key, dict[str, str]], ...]
    max_length: int
    has_quotes: bool


def exact_label(spec: AnswerSpec, text: str) -> str | None:
    """Returns the label whose spelling equals `text` apart from case and white space."""
    table = _table_of(spec)
    if len(text) > table.max_length or "\n" in text:  # labels on two lines may be two
        return None
    return table.by_spelling.get(normalise(text))


def exact_labels(spec: AnswerSpec, text: str) -> frozenset[str] | None:
    """Returns the labels when `text` is a JSON array of them.

    The result is the same as that of `find_labels`, in much less time. The text as a whole cannot
    be a label, because no label contains a quotation mark.
    """
    if not text.startswith("[") or _table_of(spec).has_quotes:
        return None
    names = parse_strict(text)
    if not isinstance(names, list) or not names:
        return None
    labels = [exact_label(spec, name) if isinstance(name, str) else None for name in names]
    distinct = frozenset(label for label in labels if label)
    return distinct if all(labels) else None


def find_label(spec: AnswerSpec, candidates: Iterable[str]) -> str | None:
    """Returns the label that a whole candidate spells; outer candidates are tried first."""
    table = _table_of(spec)
    short = [text for text in candidates if len(text) <= table.max_length]
    texts = [normalise(text) for text in short]
    for text in texts:
        if (label := table.by_spelling.get(text)) and not _names_several(table, short):
            return label
    for key, labels in table.levels[1:]:
        for text in texts:
            if label := labels.get(key(text)):
                return None if _names_several(table, short) else label
    return None


def _names_several(table: _Table, candidates: Iterable[str]) -> bool:
    """Whether a candidate lists several labels.

    "sci, fi" names two labels, even if "sci-fi" is a label as well. A candidate that is itself the
    spelling of a label, separators included, names only that one.
    """
    for text in candidates:
        if "\n" not in text and normalise(text) in table.by_spelling:
            continue
        parts = [part for part in map(str.strip, _BETWEEN.split(text)) if part]
        if len(parts) > 1 and all(_is_label(table, part) for part in parts):
            return True
    return False


def _is_label(table: _Table, text: str) -> bool:
    return any(key(normalise(text)) in labels for key, labels in table.levels[:2])


def find_labels(spec: AnswerSpec, candidates: list[str]) -> frozenset[str] | None:
    """Returns the labels that a candidate lists; None when no candidate is a list of labels.

    A list is a JSON array of texts, an object whose only member is such an array, or text with
    commas or line ends between the labels. The empty list is ``[]`` or a word such as "none".
    """
    if label := find_label(spec, candidates):
        return frozenset({label})
    for text in candidates:
        if normalise(text) in _NO_LABELS:
            return frozenset()
        names = _listed(text)
        labels = [find_label(spec, layers(name)) for name in names]
        distinct = frozenset(label for label in labels if label)
        if names and all(labels):
            return distinct
    return None


def _listed(text: str) -> list[str]:
    value = parse_whole(text)
    if isinstance(value, dict) and len(value) == 1:
        (value,) = value.values()
    if isinstance(value, list):
        return _names(value)
    parts = _SEPARATORS.split(follows_lead(text) or text, 1_000)
    return [name for part in parts if (name := part.strip())]


def _names(values: list[Any]) -> list[str]:
    return [value if isinstance(value, str) else "" for value in values]


def _table_of(spec: AnswerSpec) -> _Table:
    return _table(spec.labels, tuple(spec.synonyms.items()))


@lru_cache(256)
def _table(labels: tuple[str, ...], synonyms: tuple[tuple[str, tuple[str, ...]], ...]) -> _Table:
    spellings = [(label, label) for label in labels]
    spellings += [(other, label) for label, others in synonyms for other in others]
    keys: tuple[_Key, ...] = (_unchanged, _innermost, _letters)
    levels = tuple((key, _unambiguous(spellings, key)) for key in keys)
    return _Table(
        by_spelling=levels[0][1],
        levels=levels,
        max_length=4 * max((len(spelling) for spelling, _ in spellings), default=0) + _PADDING,
        has_quotes=any('"' in spelling for spelling, _ in spellings),
    )


def _unambiguous(spellings: list[tuple[str, str]], key: _Key) -> dict[str, str]:
    """Returns the labels by their key, without the keys that two labels share."""
    by_key: dict[str, set[str]] = defaultdict(set)
    for spelling, label in spellings:
        by_key[key(normalise(spelling))].add(label)
    return {
        text: next(iter(labels)) for text, labels in by_key.items() if text and len(labels) == 1
    }


def _unchanged(normalised: str) -> str:
    return normalised


def _innermost(normalised: str) -> str:
    """Returns the text without any wrapping."""
    *_, innermost = unwrap(normalised)
    return innermost


def _letters(normalised: str) -> str:
    return strip_separators(_innermost(normalised))

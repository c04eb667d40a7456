"""Which labels a reply names.

It knows how models spell, list and wrap labels; it refuses to guess between two.
"""

# ruff: noqa: RUF001 - commas of many scripts are the point

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from runner.jobfile.fold import fold, squash
from runner.jobfile.lenient import parse_whole
from runner.jobfile.readings import layers
from runner.jobfile.unwrap import follows_lead, unwrap

_PADDING = 64
_SEPARATORS = re.compile(r"[,，、;；\n|]")
_NONE = frozenset({"[]", "none", "nothing", "no labels", "null", "无", "没有"})

Spellings = tuple[tuple[str, str], ...]
"""Every spelling of a label, with the label."""


def find_label(spellings: Spellings, readings: Iterable[str]) -> str | None:
    """Return the label that a reading consists of, the outermost reading first."""
    longest = 4 * max(len(spelling) for spelling, _ in spellings) + _PADDING
    folded = [fold(reading) for reading in readings if len(reading) <= longest]  # spares essays
    for sameness in (_spelling, _bare, _letters):
        table = _distinct(spellings, sameness)
        for reading in folded:
            if label := table.get(sameness(reading)):
                return label
    return None


def find_labels(spellings: Spellings, readings: list[str]) -> frozenset[str] | None:
    """Return the labels that a reading lists; None when it names anything else.

    A list is a JSON array of text, an object with nothing but one, or text with commas or line
    ends between. None of them is ``[]``, or a word for it.
    """
    if label := find_label(spellings, readings):
        return frozenset({label})
    for reading in readings:
        if fold(reading) in _NONE:
            return frozenset()
        names = _listed(reading)
        found = [find_label(spellings, layers(name)) for name in names]
        labels = frozenset(label for label in found if label)
        if names and all(found):
            return labels
    return None


def _listed(reading: str) -> list[str]:
    value = parse_whole(reading)
    if isinstance(value, dict) and len(value) == 1:
        (value,) = value.values()
    if isinstance(value, list):
        return _names(value)
    text = follows_lead(reading) or reading
    names = [part.strip() for part in _SEPARATORS.split(text, 1_000)]
    return [name for name in names if name]


def _names(values: list[Any]) -> list[str]:
    return [value if isinstance(value, str) else "" for value in values]


def _spelling(folded: str) -> str:
    return folded


def _bare(folded: str) -> str:
    """Return the text without any wrapping at all."""
    *_, innermost = unwrap(folded)
    return innermost


def _letters(folded: str) -> str:
    return squash(_bare(folded))


@lru_cache(256)
def _distinct(spellings: Spellings, sameness: Callable[[str], str]) -> dict[str, str]:
    """Return the labels by their key, without keys that two share: a guess is no answer."""
    found: dict[str, set[str]] = defaultdict(set)
    for spelling, label in spellings:
        found[sameness(fold(spelling))].add(label)
    return {key: next(iter(labels)) for key, labels in found.items() if key and len(labels) == 1}

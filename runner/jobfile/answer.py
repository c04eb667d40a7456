"""Whether a reply is an answer, and which.

It refuses to know what happens next: whether to ask again is for others to decide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from runner.jobfile.fold import fold, squash
from runner.jobfile.model import Answer
from runner.jobfile.unwrap import core_of, unwrap

_SHOWN = 80
_PADDING = 64


@dataclass(frozen=True, slots=True)
class Valid:
    """The reply is an answer; `value` is to be recorded."""

    value: str


@dataclass(frozen=True, slots=True)
class Invalid:
    """The reply is not an answer; `reason` is a clause for people."""

    reason: str


def read_answer(spec: Answer, text: str) -> Valid | Invalid:
    """Read a reply as `spec` says.

    A text answer is the reply, stripped. A label answer is the label that the reply consists of,
    spelled as in the job file: case, spaces, quotes, markdown, a full stop, a code block, a
    ``Label:`` before it and a ``<think>`` block do not matter. Two labels or prose are invalid.
    """
    if spec.kind == "text":
        stripped = text.strip()
        return Valid(stripped) if stripped else Invalid("the reply is empty")
    core = core_of(text)
    if core is None:
        return Invalid("the reply ended before its thinking did")
    if not core:
        return Invalid("the reply is empty")
    label = _find(spec.labels, core)
    return Valid(label) if label else Invalid(f"the reply is not one of the labels: {_shown(core)}")


def _find(labels: tuple[str, ...], core: str) -> str | None:
    longest = max(map(len, labels))
    if len(core) > 4 * longest + _PADDING:  # prose; spares the unwrapping of a whole essay
        return None
    readings = [fold(reading) for reading in unwrap(core)]
    for sameness in (_spelling, _bare, _letters):
        table = _distinct(labels, sameness)
        for reading in readings:
            if label := table.get(sameness(reading)):
                return label
    return None


def _spelling(folded: str) -> str:
    return folded


def _bare(folded: str) -> str:
    """Return the text without any wrapping at all."""
    *_, innermost = unwrap(folded)
    return innermost


def _letters(folded: str) -> str:
    return squash(_bare(folded))


def _distinct(labels: Iterable[str], sameness: Callable[[str], str]) -> dict[str, str]:
    """Return the labels by their key, without those that share one: a guess is no answer."""
    keys = [(sameness(fold(label)), label) for label in labels]
    counts = Counter(key for key, _ in keys)
    return {key: label for key, label in keys if key and counts[key] == 1}


def _shown(core: str) -> str:
    line = " ".join(core.split())
    return f'"{line}"' if len(line) <= _SHOWN else f'"{line[:_SHOWN]}…"'

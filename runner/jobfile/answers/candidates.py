"""Finds candidates for a short answer in a reply: the whole reply, or one marked passage."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TypeVar

from runner.jobfile.answers.unwrap import follows_lead, unwrap

_FENCED = re.compile(r"^(?:```|~~~)[^\n`]*\n", re.MULTILINE)
_BOXED = re.compile(
    r"\\boxed\{([^{}\n]{1,200})\}|<\|begin_of_box\|>([^<\n]{1,200})<\|end_of_box\|>"
)
_MAX_LAYERS = 16
_MAX_LINES = 400

T = TypeVar("T")


def find_unique(core: str, read: Callable[[list[str]], T | None]) -> T | None:
    """Returns the one value that `read` finds in a reply; None when there is none, or several.

    Args:
        core: The reply without its thinking.
        read: Returns the value of one candidate, given as its layers, the outermost first.
    """
    if (whole := read(layers(core))) is not None:
        return whole
    values = [value for text in _places(core) if (value := read(layers(text))) is not None]
    return values[0] if values and all(value == values[0] for value in values) else None


def layers(text: str) -> list[str]:
    """Returns `text`, and the text that remains after each layer of wrapping is removed."""
    return list(islice(unwrap(text), _MAX_LAYERS))


def _places(core: str) -> Iterator[str]:
    """Yields the passages in which models put an answer after some reasoning."""
    lines = [line.strip() for line in core.split("\n", _MAX_LINES) if line.strip()]
    announced = [rest for line in lines if (rest := follows_lead(line)) is not None]
    if len(announced) == 1 and lines and follows_lead(lines[-1]) is not None:
        yield announced[0]
    elif _FENCED.search(core) or _BOXED.search(core):  # these may contradict the announced answer
        yield from announced[:_MAX_LAYERS]
    fenced = _FENCED.split(core, maxsplit=1)
    if len(fenced) > 1:
        block, mark, after = fenced[1].partition("\n```")
        if mark and "```" not in after:
            yield block
    boxed = [first or second for first, second in _BOXED.findall(core)]
    if boxed:
        yield boxed[0] if len(set(boxed)) == 1 else ""

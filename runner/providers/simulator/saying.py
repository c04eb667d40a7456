"""Answers of every kind, made of nothing but a few random bits.

It knows what fits a list of labels, a range, a schema or a pattern; it sees no question.
"""

from __future__ import annotations

import json
import math
from random import Random
from typing import Any

from runner.providers.simulator.making import Unmakable, make_json, make_text
from runner.providers.simulator.wanted import Wanted

PROSE = "That depends on how one looks at it; there is something to be said on either side."
"""The answer of a model that ignored what it was asked for."""

_SPAN = 100  # of a number without bounds


def say(wanted: Wanted, digest: bytes) -> str:
    """Return the answer of that kind that `digest` leads to; prose where none can be made."""
    dice = Random(digest)  # noqa: S311 - must be repeatable, not secret
    try:
        match wanted.kind:
            case "text":
                return f"Simulated answer {digest.hex()[:12]}"
            case "label":
                return wanted.labels[int.from_bytes(digest[:8]) % len(wanted.labels)]
            case "labels":
                return dumps(_some(wanted, dice))
            case "number":
                return _number(wanted, dice)
            case "json":
                return dumps(make_json(wanted.schema or {}, dice))
            case "regex":
                return make_text(wanted.pattern, dice)
    except Unmakable:
        return PROSE


def dumps(value: Any) -> str:
    """Return compact JSON text."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _some(wanted: Wanted, dice: Random) -> list[str]:
    most = min(len(wanted.labels), int(wanted.most or 0))
    count = dice.randint(min(most, int(wanted.least or 0)), most)
    chosen = set(dice.sample(range(len(wanted.labels)), count))
    return [label for number, label in enumerate(wanted.labels) if number in chosen]


def _number(wanted: Wanted, dice: Random) -> str:
    least, most = wanted.least, wanted.most
    if least is None:
        least = 0.0 if most is None or most >= 0 else most - _SPAN
    if most is None:
        most = least + _SPAN
    unit = 1 if wanted.whole else 100
    first, last = math.ceil(least * unit), math.floor(most * unit)
    value = dice.randint(first, last) / unit if first <= last else least
    return str(int(value)) if value == int(value) else repr(value)

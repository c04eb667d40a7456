"""Generates answers of every kind from a digest."""

from __future__ import annotations

import json
import math
from random import Random
from typing import Any

from runner.simulator.generators import UnsupportedError, make_json, make_text
from runner.simulator.prompt_parser import RequestedAnswer

PROSE = "That depends on how one looks at it; there is something to be said on either side."
"""The answer of a model that ignores the instruction."""

_SPAN = 100  # width of the range from which a number without bounds is drawn


def answer_text(requested: RequestedAnswer, digest: bytes) -> str:
    """Returns the answer that `digest` determines; `PROSE` if the kind is not supported."""
    match requested.kind:
        case "text":
            return f"Simulated answer {digest.hex()[:12]}"
        case "label":
            return requested.labels[int.from_bytes(digest[:8]) % len(requested.labels)]
    try:
        return _drawn(requested, Random(digest))  # noqa: S311 - repeatable, not secret
    except UnsupportedError:
        return PROSE


def dumps(value: Any) -> str:
    """Returns compact JSON text."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _drawn(requested: RequestedAnswer, random: Random) -> str:
    match requested.kind:
        case "labels":
            return dumps(_labels(requested, random))
        case "number":
            return _number(requested, random)
        case "json":
            return dumps(make_json(requested.schema or {}, random))
        case _:
            return make_text(requested.pattern, random)


def _labels(requested: RequestedAnswer, random: Random) -> list[str]:
    labels = requested.labels
    most = min(len(labels), int(requested.most or 0))
    count = random.randint(min(most, int(requested.least or 0)), most)
    chosen = set(random.sample(range(len(labels)), count))
    return [label for number, label in enumerate(labels) if number in chosen]


def _number(requested: RequestedAnswer, random: Random) -> str:
    least, most = requested.least, requested.most
    if least is None:
        least = 0.0 if most is None or most >= 0 else most - _SPAN
    if most is None:
        most = least + _SPAN
    unit = 1 if requested.whole else 100
    first, last = math.ceil(least * unit), math.floor(most * unit)
    value = random.randint(first, last) / unit if first <= last else least
    return str(int(value)) if value == int(value) else repr(value)

"""Requests that hold several items: how they are told from others, and how they are answered.

It knows how a pack is written; what is said of each item alone is told to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import orjson

from runner.providers.simulator.saying import PROSE, dumps
from runner.providers.simulator.wanted import Message, Wanted

PACK_LINE = "Here are "
"""A user message that begins so, and goes on with how many, holds an item a line."""


def items_in(messages: Sequence[Message]) -> dict[str, list[Message]]:
    """Return the items of a request by number, each as the request that asks for it alone.

    Empty where the last message is no pack.
    """
    last = messages[-1].get("content") if messages else None
    if not isinstance(last, str) or not last.startswith(PACK_LINE):
        return {}
    found = {}
    for line in last.split("\n"):
        item = _item(line)
        if item is not None:
            alone = {"role": "user", "content": item["item"]}
            found[str(item["n"])] = [*messages[:-1], alone]
    return found


def _item(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        item = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return item if isinstance(item, dict) and set(item) == {"n", "item"} else None


def pack_value(wanted: Wanted, said: str) -> str:
    """Return an item's answer as the JSON text of a member."""
    if wanted.is_json and said != PROSE:
        return said
    return dumps(said)


def pack_text(members: Sequence[tuple[str, str]]) -> str:
    """Return the reply of these members; a key may stand twice."""
    return "{" + ", ".join(f"{dumps(key)}: {value}" for key, value in members) + "}"


def befallen(
    number: str, right: str, other: str, wrong: str, faults: Mapping[str, float], dice: Random
) -> list[tuple[str, str]]:
    """Return the members that answer one item, with what goes wrong with it.

    Args:
        number: The item's.
        right: The value it should have.
        other: A value that is valid, but not the right one.
        wrong: A value that is no answer.
        faults: The probability of each fault; laid end to end, one is drawn.
        dice: Thrown once.
    """
    members = {
        "item_missing": [],
        "item_wrong": [(number, wrong)],
        "item_twice": [(number, right), (number, other)],
        "item_swapped": [(number, other)],
    }
    drawn, edge = dice.random(), 0.0
    for kind, befalls in members.items():
        edge += faults.get(kind, 0.0)
        if drawn < edge:
            return befalls
    return [(number, right)]

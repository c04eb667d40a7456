"""Parses packed requests, which contain several items, and builds the replies to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import orjson

from runner.simulator.answer_text import PROSE, dumps
from runner.simulator.prompt_parser import Message, RequestedAnswer

PACK_LINE = "Here are "
"""The prefix of a user message that has one item a line."""


def items_in(messages: Sequence[Message]) -> dict[str, list[Message]]:
    """Returns the items of a pack by number, each as the messages of a request for it alone.

    The result is empty if the last message is not a pack.
    """
    last = messages[-1].get("content") if messages else None
    if not isinstance(last, str) or not last.startswith(PACK_LINE):
        return {}
    items = {}
    for line in last.split("\n"):
        item = _item(line)
        if item is not None:
            alone = {"role": "user", "content": item["item"]}
            items[str(item["n"])] = [*messages[:-1], alone]
    return items


def _item(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        item = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return item if isinstance(item, dict) and set(item) == {"n", "item"} else None


def pack_value(requested: RequestedAnswer, text: str) -> str:
    """Returns the JSON text of an item's answer, for the reply to its pack."""
    if requested.is_json and text != PROSE:
        return text
    return dumps(text)


def pack_text(members: Sequence[tuple[str, str]]) -> str:
    """Returns the JSON object with the given keys and JSON values; a key may occur twice."""
    return "{" + ", ".join(f"{dumps(key)}: {value}" for key, value in members) + "}"


def faulty_members(
    number: str, right: str, other: str, wrong: str, faults: Mapping[str, float], random: Random
) -> list[tuple[str, str]]:
    """Returns the members that answer one item, with the fault that is drawn for it.

    Args:
        number: The item's number.
        right: The right value.
        other: A valid but wrong value.
        wrong: An invalid value.
        faults: The probability of each fault.
        random: The generator, used for one draw.
    """
    members = {
        "item_missing": [],
        "item_wrong": [(number, wrong)],
        "item_twice": [(number, right), (number, other)],
        "item_swapped": [(number, other)],
    }
    drawn, edge = random.random(), 0.0
    for kind, faulty in members.items():
        edge += faults.get(kind, 0.0)
        if drawn < edge:
            return faulty
    return [(number, right)]

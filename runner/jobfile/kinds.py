"""The kinds of jobs, one entry each: what a row asks with, and what its answer is.

The requests of a kind are made, and its replies are read, in engine/handlers/.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Literal

JobKind = Literal["chat", "embedding", "image", "request"]
DEFAULT_KIND: Final = "chat"


class Asks(Enum):
    """What the request for a row is made of."""

    MESSAGES = auto()  # the messages of [prompt], in which a pack of rows shares one request
    TEXT = auto()  # [prompt] user alone
    REQUEST = auto()  # the row itself, which is a whole request for the OpenAI Batch API


class Answers(Enum):
    """What the answer of a row is."""

    TEXT = auto()  # validated by [answer]; it can be voted on, compared and reviewed
    VECTOR = auto()
    IMAGE = auto()  # a file in the folder of [images]
    REPLY = auto()  # the whole reply, as JSON


_OWN_KEYS = ("model", "messages", "stream", "n")


@dataclass(frozen=True, slots=True)
class KindTraits:
    """What differs between kinds of jobs.

    Attributes:
        asks: What the request for a row is made of.
        answers: What the answer of a row is.
        rows_per_call: The number of rows in one call by default.
        packs: Whether a call may have several rows.
        own_keys: The keys of a request that the program sets itself.
    """

    asks: Asks
    answers: Answers
    rows_per_call: int = 1
    packs: bool = False
    own_keys: tuple[str, ...] = _OWN_KEYS

    @property
    def is_text(self) -> bool:
        """Whether models that write text answer it."""
        return self.answers in (Answers.TEXT, Answers.REPLY)


KINDS: Mapping[JobKind, KindTraits] = {
    "chat": KindTraits(Asks.MESSAGES, Answers.TEXT, packs=True),
    # Packing does not change vectors.
    "embedding": KindTraits(
        Asks.TEXT, Answers.VECTOR, rows_per_call=16, packs=True, own_keys=(*_OWN_KEYS, "input")
    ),
    "image": KindTraits(Asks.TEXT, Answers.IMAGE, own_keys=(*_OWN_KEYS, "prompt")),
    "request": KindTraits(Asks.REQUEST, Answers.REPLY),
}

"""Embedding calls: what is asked, and the vectors that answer it.

A vector is a pure function of its text and its length, so a test computes the one it expects.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from dataclasses import dataclass
from typing import Any

import orjson

from runner.providers.simulator import problems
from runner.providers.simulator.answers import count_tokens
from runner.providers.simulator.problems import Problem

USUAL_DIMENSIONS = 32  # few, so that a rehearsal of many rows is quick
_MOST_DIMENSIONS = 4096
_MOST_INPUTS = 2048
_ENCODINGS = ("float", "base64")


@dataclass(frozen=True, slots=True)
class EmbedRequest:
    """A well-formed embedding call to a model that is offered."""

    account: str
    model: str
    inputs: tuple[str, ...]
    dimensions: int = USUAL_DIMENSIONS
    packed: bool = False

    def prompts(self) -> tuple[bytes, ...]:
        """Return the SHA-256 of every input."""
        return tuple(hashlib.sha256(_bytes(text)).digest() for text in self.inputs)

    def tokens(self) -> int:
        """Return about as many tokens as the inputs would be billed for."""
        return sum(map(count_tokens, self.inputs))

    def body(self, *, bad: bool) -> bytes:
        """Return the list of vectors; the last of them is empty if the answer is to be bad."""
        items = [self._item(index, text) for index, text in enumerate(self.inputs)]
        if bad:
            items[-1]["embedding"] = []
        return self._list(items, self.tokens())

    def shell(self) -> bytes:
        """Return what a throttled back end sends: a 200 that holds nothing."""
        return self._list(None, 0)

    def _item(self, index: int, text: str) -> dict[str, Any]:
        numbers = vector(text, self.dimensions)
        value: object = numbers
        if self.packed:
            value = base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
        return {"object": "embedding", "index": index, "embedding": value}

    def _list(self, items: list[dict[str, Any]] | None, tokens: int) -> bytes:
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        fields = {"object": "list", "data": items, "model": self.model, "usage": usage}
        return orjson.dumps(fields)


def vector(text: str, dimensions: int = USUAL_DIMENSIONS) -> list[float]:
    """Return the vector of `text`: multiples of 1/128 from -1 up to but not including 1."""
    digest = hashlib.shake_256(_bytes(text)).digest(dimensions)
    return [number / 128 for number in struct.unpack(f"{dimensions}b", digest)]


def read_embedding(account: str, model: str, fields: dict[str, Any]) -> EmbedRequest | Problem:
    """Read an embedding call, or return what is wrong with it."""
    inputs = _inputs(fields.get("input"))
    if not inputs:
        return problems.malformed("Missing or invalid required parameter: 'input'.", model)
    dimensions = fields.get("dimensions", USUAL_DIMENSIONS)
    if type(dimensions) is not int or not 1 <= dimensions <= _MOST_DIMENSIONS:
        return problems.malformed("Invalid parameter: 'dimensions'.", model)
    encoding = fields.get("encoding_format", "float")
    if encoding not in _ENCODINGS:
        return problems.malformed("Invalid parameter: 'encoding_format'.", model)
    return EmbedRequest(account, model, inputs, dimensions, encoding == "base64")


def _inputs(asked: object) -> tuple[str, ...]:
    """Return the texts that are asked for; none where there is something else among them."""
    texts = asked if isinstance(asked, list) else [asked]
    fit = tuple(text for text in texts if isinstance(text, str) and text)
    return fit if len(fit) == len(texts) <= _MOST_INPUTS else ()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")

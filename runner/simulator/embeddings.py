"""Reads embedding calls, and computes the vectors that answer them.

A vector is a pure function of its text and its length, so that tests can compute what they expect.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from dataclasses import dataclass
from typing import Any

import orjson

from runner.simulator import errors
from runner.simulator.answers import count_tokens
from runner.simulator.errors import ErrorReply

DEFAULT_DIMENSIONS = 32  # few, so that rehearsals of many rows are fast
_MAX_DIMENSIONS = 4096
_MAX_INPUTS = 2048
_ENCODINGS = ("float", "base64")


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """A well-formed embedding call.

    Attributes:
        account: The token of the caller.
        model: The model.
        inputs: The texts.
        dimensions: The length of each vector.
        as_base64: Whether vectors are sent as base64 of 32-bit floats instead of JSON lists.
    """

    account: str
    model: str
    inputs: tuple[str, ...]
    dimensions: int = DEFAULT_DIMENSIONS
    as_base64: bool = False

    def prompts(self) -> tuple[bytes, ...]:
        """Returns the SHA-256 of every input."""
        return tuple(hashlib.sha256(_bytes(text)).digest() for text in self.inputs)

    def tokens(self) -> int:
        """Returns a rough number of tokens for which the inputs would be billed."""
        return sum(map(count_tokens, self.inputs))

    def body(self, *, bad: bool) -> bytes:
        """Returns the reply with the vectors; if `bad`, the last vector is empty."""
        items = [self._item(index, text) for index, text in enumerate(self.inputs)]
        if bad:
            items[-1]["embedding"] = []
        return self._list(items, self.tokens())

    def empty_body(self) -> bytes:
        """Returns the reply without data that an overloaded backend sends with status 200."""
        return self._list(None, 0)

    def _item(self, index: int, text: str) -> dict[str, Any]:
        numbers = vector(text, self.dimensions)
        value: object = numbers
        if self.as_base64:
            value = base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
        return {"object": "embedding", "index": index, "embedding": value}

    def _list(self, items: list[dict[str, Any]] | None, tokens: int) -> bytes:
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        fields = {"object": "list", "data": items, "model": self.model, "usage": usage}
        return orjson.dumps(fields)


def vector(text: str, dimensions: int = DEFAULT_DIMENSIONS) -> list[float]:
    """Returns the vector of `text`, whose numbers are multiples of 1/128 in [-1, 1)."""
    digest = hashlib.shake_256(_bytes(text)).digest(dimensions)
    return [number / 128 for number in struct.unpack(f"{dimensions}b", digest)]


def read_embedding(
    account: str, model: str, fields: dict[str, Any]
) -> EmbeddingRequest | ErrorReply:
    """Reads an embedding call; returns the error if it is invalid."""
    inputs = _inputs(fields.get("input"))
    if not inputs:
        return errors.invalid_request("Missing or invalid required parameter: 'input'.", model)
    dimensions = fields.get("dimensions", DEFAULT_DIMENSIONS)
    if type(dimensions) is not int or not 1 <= dimensions <= _MAX_DIMENSIONS:
        return errors.invalid_request("Invalid parameter: 'dimensions'.", model)
    encoding = fields.get("encoding_format", "float")
    if encoding not in _ENCODINGS:
        return errors.invalid_request("Invalid parameter: 'encoding_format'.", model)
    return EmbeddingRequest(account, model, inputs, dimensions, encoding == "base64")


def _inputs(value: object) -> tuple[str, ...]:
    """Returns the input texts; empty if any is empty or not a text, or if there are too many."""
    texts = value if isinstance(value, list) else [value]
    valid = tuple(text for text in texts if isinstance(text, str) and text)
    return valid if len(valid) == len(texts) <= _MAX_INPUTS else ()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")

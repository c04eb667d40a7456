"""Reads image calls, builds the replies to them, and draws the images.

An image is a pure function of its prompt and its number, so that tests can compute what they
expect.
"""

from __future__ import annotations

import base64
import hashlib
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import orjson

from runner.simulator import errors
from runner.simulator.errors import ErrorReply

SIDE = 8  # pixels
_MAX_IMAGES = 4


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """A well-formed call for images.

    Attributes:
        account: The token of the caller.
        model: The model.
        prompt: The prompt.
        count: The number of images of the prompt.
        in_task: Whether the call starts a task; otherwise the call lasts until the images are done.
        as_base64: Whether the reply of a call without a task has the images instead of their URLs.
        origin: The scheme and host under which the caller reaches this provider.
    """

    account: str
    model: str
    prompt: str
    count: int
    in_task: bool
    as_base64: bool
    origin: str

    def prompts(self) -> tuple[bytes, ...]:
        """Returns the SHA-256 of the prompt."""
        return (hashlib.sha256(_bytes(self.prompt)).digest(),)

    def task_started(self, task_id: str) -> bytes:
        """Returns the reply with the id of the task."""
        return orjson.dumps({"task_status": "PENDING", "task_id": task_id, "request_id": task_id})

    def images(self, urls: tuple[str, ...], now_ms: int) -> bytes:
        """Returns the reply with the images or their URLs."""
        data = [{"url": url} for url in urls]
        if self.as_base64:
            images = (make_image(self.prompt, number) for number in range(self.count))
            data = [{"b64_json": base64.b64encode(image).decode()} for image in images]
        return orjson.dumps({"created": now_ms // 1000, "data": data})

    def empty_body(self) -> bytes:
        """Returns the reply without content that an overloaded backend sends with status 200."""
        return orjson.dumps({"task_id": "", "data": None})


def make_image(prompt: str, number: int = 0) -> bytes:
    """Returns the PNG image for `prompt`; `number` counts the images of one call from 0.

    The file (W3C PNG) has a header for 8-bit RGB, one compressed block of unfiltered rows, and an
    end chunk.
    """
    row_bytes = 3 * SIDE
    pixels = hashlib.shake_256(_bytes(f"{number}:{prompt}")).digest(row_bytes * SIDE)
    rows = (pixels[at : at + row_bytes] for at in range(0, len(pixels), row_bytes))
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in chunks)


def read_image(
    account: str, model: str, fields: dict[str, Any], *, in_task: bool, origin: str
) -> ImageRequest | ErrorReply:
    """Reads a call for images; returns the error if it is invalid."""
    prompt, count = fields.get("prompt"), fields.get("n", 1)
    if not isinstance(prompt, str) or not prompt:
        return errors.invalid_request("Missing or invalid required parameter: 'prompt'.", model)
    if type(count) is not int or not 1 <= count <= _MAX_IMAGES:
        return errors.invalid_request("Invalid parameter: 'n'.", model)
    as_base64 = fields.get("response_format") == "b64_json"
    return ImageRequest(account, model, prompt, count, in_task, as_base64, origin)


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")

"""Calls for images: what is asked, what is said at once, and the images themselves.

An image is a pure function of its prompt and its number; when it is made, gallery.py knows.
"""

from __future__ import annotations

import base64
import hashlib
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import orjson

from runner.providers.simulator import problems
from runner.providers.simulator.problems import Problem

SIDE = 8  # pixels
_MOST_IMAGES = 4


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """A well-formed call for images of a model that is offered.

    Attributes:
        count: How many images of the prompt.
        in_task: Whether a task is to be begun, rather than the call held until all is done.
        packed: Whether images that are made at once come in the reply, instead of their URLs.
        origin: Scheme and host under which the caller knows this provider.
    """

    account: str
    model: str
    prompt: str
    count: int
    in_task: bool
    packed: bool
    origin: str

    def prompts(self) -> tuple[bytes, ...]:
        """Return the SHA-256 of the prompt."""
        return (hashlib.sha256(_bytes(self.prompt)).digest(),)

    def tokens(self) -> int:
        """Return 0: images are counted in calls alone."""
        return 0

    def began(self, task_id: str) -> bytes:
        """Return the reply that names a task."""
        return orjson.dumps({"task_status": "PENDING", "task_id": task_id, "request_id": task_id})

    def made(self, urls: tuple[str, ...], now_ms: int) -> bytes:
        """Return the reply that has the images, or where they are."""
        places = [{"url": url} for url in urls]
        images = (painting(self.prompt, number) for number in range(self.count))
        inside = [{"b64_json": base64.b64encode(image).decode()} for image in images]
        return orjson.dumps({"created": now_ms // 1000, "data": inside if self.packed else places})

    def shell(self) -> bytes:
        """Return what a throttled back end sends: a 200 that holds nothing."""
        return orjson.dumps({"task_id": "", "data": None})


def painting(prompt: str, number: int = 0) -> bytes:
    """Return the PNG that is made for `prompt`; `number` counts its images from 0.

    W3C PNG: a header for 8-bit RGB, one compressed block of rows without filters, an end.
    """
    row_bytes = 3 * SIDE
    pixels = hashlib.shake_256(_bytes(f"{number}:{prompt}")).digest(row_bytes * SIDE)
    rows = (pixels[at : at + row_bytes] for at in range(0, len(pixels), row_bytes))
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, held) for kind, held in chunks)


def read_image(
    account: str, model: str, fields: dict[str, Any], *, in_task: bool, origin: str
) -> ImageRequest | Problem:
    """Read a call for images, or return what is wrong with it."""
    prompt, count = fields.get("prompt"), fields.get("n", 1)
    if not isinstance(prompt, str) or not prompt:
        return problems.malformed("Missing or invalid required parameter: 'prompt'.", model)
    if type(count) is not int or not 1 <= count <= _MOST_IMAGES:
        return problems.malformed("Invalid parameter: 'n'.", model)
    packed = fields.get("response_format") == "b64_json"
    return ImageRequest(account, model, prompt, count, in_task, packed, origin)


def _chunk(kind: bytes, held: bytes) -> bytes:
    return struct.pack(">I", len(held)) + kind + held + struct.pack(">I", zlib.crc32(kind + held))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")

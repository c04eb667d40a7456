"""Replies in OpenAI's format to requests for images that a provider generates in a task."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import orjson

from runner.providers.downloads import Expired, Image, Unfit
from runner.providers.endpoint import Endpoint
from runner.providers.images import MOST_REPLY_BYTES, Unreachable

FETCH_TIMEOUT_S = 120.0


async def image_reply(
    endpoint: Endpoint, urls: Sequence[str], now: int, *, as_base64: bool
) -> str | Unfit | Expired | Unreachable:
    """Returns the body of the reply, or why one of its images cannot be downloaded."""
    data: list[dict[str, str]] = []
    for url in urls:
        if not as_base64:
            data.append({"url": url})
            continue
        image = await endpoint.fetch(url, MOST_REPLY_BYTES, FETCH_TIMEOUT_S)
        if not isinstance(image, Image):
            return image
        data.append({"b64_json": base64.b64encode(image.data).decode()})
    return orjson.dumps({"created": now // 1000, "data": data}).decode()

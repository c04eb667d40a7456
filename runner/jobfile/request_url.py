"""The URLs of requests in files for a Batch API, which each vendor spells differently."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import urlsplit

Url = Literal[
    "/v1/chat/completions",
    "/v1/embeddings",
    "/v1/images/generations",
    "/v1/responses",
    "/v1/completions",
]

# The order matters: "/v1/chat/completions" also ends with the last one's "/completions".
URLS: tuple[Url, ...] = (
    "/v1/chat/completions",
    "/v1/embeddings",
    "/v1/images/generations",
    "/v1/responses",
    "/v1/completions",
)
"""The supported URLs, in OpenAI's spelling."""


def standard_url(url: Any) -> Url | None:
    """Returns OpenAI's spelling of a URL, or None when it is not supported.

    Azure leaves out the version, Zhipu writes version 4, and some tools write a full URL with the
    host.
    """
    try:
        path = urlsplit(url).path if isinstance(url, str) else ""
    except ValueError:  # as in http://[
        return None
    path = path.rstrip("/")
    return next((known for known in URLS if path.endswith(known.removeprefix("/v1"))), None)

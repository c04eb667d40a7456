"""The addresses of requests in files made for a Batch API, as each house spells them."""

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

# The last of them ends as the first does.
URLS: tuple[Url, ...] = (
    "/v1/chat/completions",
    "/v1/embeddings",
    "/v1/images/generations",
    "/v1/responses",
    "/v1/completions",
)
"""OpenAI's spelling of the addresses that are served."""


def standard_url(url: Any) -> Url | None:
    """Return OpenAI's spelling of an address, or None when it is not served.

    Azure leaves out the version, Zhipu has version 4, and some tools write the whole URL of a host.
    """
    try:
        path = urlsplit(url).path if isinstance(url, str) else ""
    except ValueError:  # as in http://[
        return None
    path = path.rstrip("/")
    return next((one for one in URLS if path.endswith(one.removeprefix("/v1"))), None)

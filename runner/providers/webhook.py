"""Posts signed events to the user's webhook, with retries."""

from __future__ import annotations

import hashlib
import hmac

import anyio
import httpx

TRIES_AFTER_S = (0.0, 1.0, 5.0, 25.0)
TIMEOUT_S = 15.0
SIGNATURE = "X-Midnight-Signature"
_TRY_AGAIN = {408, 409, 425, 429}
_SERVER_ERROR = 500


def signature(body: bytes, secret: str) -> str:
    """Returns ``sha256=…`` with the HMAC-SHA-256 of the body in hex, for the receiver to verify."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


async def post(
    url: str,
    body: bytes,
    *,
    kind: str,
    secret: str = "",
    transport: httpx.AsyncBaseTransport | None = None,
) -> str | None:
    """Posts a JSON body; returns None on success, else why it failed.

    After status 5xx, 408, 409, 425 or 429, or without a reply, it retries up to three times.
    """
    headers = {"Content-Type": "application/json", "X-Midnight-Event": kind}
    if secret:
        headers[SIGNATURE] = signature(body, secret)
    why = ""
    async with httpx.AsyncClient(transport=transport, timeout=TIMEOUT_S) as client:
        for wait_s in TRIES_AFTER_S:
            await anyio.sleep(wait_s)
            try:
                reply = await client.post(url, content=body, headers=headers)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                why = f"no reply ({type(error).__name__})"
                continue
            if reply.is_success:
                return None
            why = f"HTTP {reply.status_code}"
            if reply.status_code < _SERVER_ERROR and reply.status_code not in _TRY_AGAIN:
                break
    return why

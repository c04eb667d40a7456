"""Visitors of the dashboard: session cookies, keys, and CSRF tokens.

A form is accepted from a page of this server only: it must carry a CSRF token bound to the session
cookie, and the browser must not report another origin. Sessions end when the server stops.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from runner.app.accounts.clients import Clients

COOKIE = "midnight_session"
CSRF_FIELD = "csrf"
_TOKEN_CHARS = 43  # 256 bits in base64
_MOST_VISITORS = 1_000


@dataclass(frozen=True, slots=True)
class Visit:
    """A permitted visitor; `token` is in their cookie, `keyed` whether visitors need a key."""

    token: str
    csrf: str
    keyed: bool


class Visits:
    """The visitors of one server."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._secret = secrets.token_bytes(32)
        self._keys: dict[str, str] = {}  # the key with which each token was obtained

    async def find(self, request: Request) -> Visit | None:
        """Returns the visitor that sent a request; None if they have to enter a key first."""
        token = request.cookies.get(COOKIE, "")
        if token in self._keys:
            return self._visit(token) if await self._opens_dashboard(self._keys[token]) else None
        if await self._clients.find("") is None:
            return None
        if len(token) != _TOKEN_CHARS or not token.isascii():
            token = secrets.token_urlsafe(32)
        return self._visit(token)

    async def enter(self, key: str) -> Visit | None:
        """Starts a session for a key; None if the key does not permit it."""
        if not await self._opens_dashboard(key):
            return None
        while len(self._keys) >= _MOST_VISITORS:
            del self._keys[next(iter(self._keys))]
        token = secrets.token_urlsafe(32)
        self._keys[token] = key
        return self._visit(token)

    def name_of(self, visit: Visit) -> str | None:
        """Returns the client whose key a visitor has entered; None if no key is required."""
        key = self._keys.get(visit.token)
        return None if key is None else self._clients.name_of(key)

    def leave(self, visit: Visit) -> None:
        """Ends a visitor's session."""
        self._keys.pop(visit.token, None)

    def accepts(self, request: Request, visit: Visit, token: str) -> bool:
        """Whether a form comes from a page served to this visitor."""
        return comes_from_here(request) and hmac.compare_digest(
            token.encode("utf-8", "replace"), visit.csrf.encode()
        )

    async def _opens_dashboard(self, key: str) -> bool:
        client = await self._clients.find(key)
        return client is not None and client.settings.dashboard

    def _visit(self, token: str) -> Visit:
        made = hmac.new(self._secret, token.encode("utf-8", "replace"), hashlib.sha256)
        return Visit(token, made.hexdigest(), self._clients.need_keys)


def comes_from_here(request: Request) -> bool:
    """Whether the browser does not report that another site sent the request."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host", "")


def keep_cookie(request: Request, response: Response, visit: Visit) -> None:
    """Sets the visitor's cookie, unless they have it."""
    if request.cookies.get(COOKIE) != visit.token:
        secure = request.url.scheme == "https"
        response.set_cookie(COOKIE, visit.token, httponly=True, samesite="strict", secure=secure)

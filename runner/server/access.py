"""Access control: Host header checks, client keys, the sites of web pages, and CORS.

The Host header must be one of the server's names. This prevents DNS rebinding, where a page of a
browser reaches the server through a foreign name that resolves to this machine.

Where no key is required, web pages of other sites are refused: a browser sends their simple
requests (a POST of text or of a form) without asking first, and the page need not read the reply
to spend allowance. Programs send no Origin header, or one that is no web address; see
`_is_of_program`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Sequence
from urllib.parse import urlsplit

from starlette.types import Scope

from runner.app.accounts.clients import Client, Clients
from runner.app.serving.refusals import INVALID, Refusal
from runner.server.replies import Headers, Problem, header, invalid

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_ALLOWED_HEADERS = (
    b"authorization, content-type, idempotency-key, openai-beta, x-midnight-wait, "
    b"x-stainless-arch, x-stainless-lang, x-stainless-os, x-stainless-package-version, "
    b"x-stainless-runtime, x-stainless-runtime-version, x-stainless-retry-count, "
    b"x-stainless-timeout"
)
_EXPOSED_HEADERS = b"retry-after, x-should-retry, x-midnight-model, x-midnight-memory"


def is_loopback(host: str) -> bool:
    """Whether a host can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Access:
    """The checks of every request.

    Args:
        clients: Identifies clients by their keys.
        hosts: Accepted host names; None: any, because the server listens on all addresses.
        origins: Origins allowed by CORS; ``*`` for any.
    """

    def __init__(
        self, clients: Clients, hosts: Collection[str] | None, origins: Sequence[str] = ()
    ) -> None:
        self._clients = clients
        self._hosts = None if hosts is None else frozenset(hosts) | LOOPBACK_NAMES
        self._origins = frozenset(origins)

    def check_host(self, scope: Scope) -> None:
        """Refuses a request for a host name that is not the server's.

        Raises:
            Problem: The host name is not accepted.
        """
        name = _host_name(header(scope, b"host") or "")
        if self._hosts is not None and name not in self._hosts and not _is_address(name):
            message = f"this server is not called {name!r}; add it to [serve] hosts"
            raise invalid(message, status=421, code="wrong_host")

    async def client(self, scope: Scope) -> Client:
        """Returns the client that sent a request.

        Raises:
            Problem: A key is required, and this one is missing or unknown; or none is required,
                and the request is from a web page of another site.
        """
        key = _bearer(header(scope, b"authorization"))
        client = await self._clients.find(key)
        if client is None:
            message = "the server does not know this key; midnight serve key add NAME makes one"
            raise Problem(Refusal(401, message, INVALID, "invalid_api_key"))
        if not self._clients.need_keys:
            self._check_site(scope)
        return client

    def _check_site(self, scope: Scope) -> None:
        """Refuses a request from a web page of another site.

        Raises:
            Problem: The page's origin is not accepted.
        """
        origin = header(scope, b"origin")
        if origin is None:
            if header(scope, b"sec-fetch-site") != "cross-site":
                return
            message = "a link or a picture on a page of another site has made this request"
        elif self._allows(origin) or _is_of_host(origin, scope) or _is_of_program(origin, scope):
            return
        else:
            remedy = "enter any API key in the program that sent it"
            if _is_web(origin):
                remedy = "add the origin to [serve] cors_origins, and start the server again"
            message = f"pages of {origin[:200]!r} may not ask this server; {remedy}"
        raise invalid(message, status=403, code="origin_not_allowed")

    def _allows(self, origin: str) -> bool:
        return "*" in self._origins or origin in self._origins

    def cors(self, scope: Scope) -> Headers:
        """Returns the CORS headers of a reply; empty if the origin is not allowed."""
        if not self._origins or (origin := header(scope, b"origin")) is None:
            return ()
        if not self._allows(origin):
            return ()
        return (
            (b"access-control-allow-origin", origin.encode("latin-1")),
            (b"access-control-expose-headers", _EXPOSED_HEADERS),
            (b"vary", b"origin"),
        )

    def preflight(self, scope: Scope) -> Headers:
        """Returns the further headers of a preflight; empty if the origin is not allowed."""
        if not self.cors(scope):
            return ()
        return (
            (b"access-control-allow-methods", b"GET, POST, DELETE"),
            (b"access-control-allow-headers", _ALLOWED_HEADERS),
            (b"access-control-max-age", b"600"),
        )


def _is_of_host(origin: str, scope: Scope) -> bool:
    """Whether a page is of the host that was asked, or of this machine, on whichever port."""
    try:
        host = urlsplit(origin).hostname or ""
    except ValueError:
        return False
    is_here = is_loopback(host) or host.endswith(".localhost")
    return _is_web(origin) and (is_here or host == _host_name(header(scope, b"host") or ""))


def _is_of_program(origin: str, scope: Scope) -> bool:
    """Whether a program sent a request from a page of its own, as of ``file://`` or ``app://``.

    Programs also send ``null``, and so do sandboxed frames of any site. What tells them apart is
    the bearer token, which all programs send and a page cannot: a browser asks for permission
    first, and `preflight` refuses it.
    """
    return not _is_web(origin) and bool(_bearer(header(scope, b"authorization")))


def _is_web(origin: str) -> bool:
    return origin.startswith(("http://", "https://"))


def _host_name(text: str) -> str:
    """Returns the host name in a Host header, without the port."""
    if text.startswith("["):
        return text[1:].partition("]")[0].lower()
    return text.rpartition(":")[0].lower() if ":" in text else text.lower()


def _is_address(name: str) -> bool:
    """Whether a host name is an IP address, which cannot be rebound by DNS."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _bearer(text: str | None) -> str:
    scheme, _, key = (text or "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""

"""Access control: Host header checks, client keys, and CORS.

The Host header must be one of the server's names. This prevents DNS rebinding, where a page of a
browser reaches the server through a foreign name that resolves to this machine.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Sequence

from starlette.types import Scope

from runner.app.clients import Client, Clients
from runner.app.refusals import INVALID, Refusal
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
            Problem: A key is required, and this one is missing or unknown.
        """
        key = _bearer(header(scope, b"authorization"))
        client = await self._clients.find(key)
        if client is None:
            message = "this is no key of this server; midnight serve key add NAME makes one"
            raise Problem(Refusal(401, message, INVALID, "invalid_api_key"))
        return client

    def cors(self, scope: Scope) -> Headers:
        """Returns the CORS headers of a reply; empty if the origin is not allowed."""
        if not self._origins or (origin := header(scope, b"origin")) is None:
            return ()
        if "*" not in self._origins and origin not in self._origins:
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

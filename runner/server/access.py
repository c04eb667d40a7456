"""Who may ask: the names under which the server is asked for, keys of clients, pages of browsers.

A page of a browser must not reach the server by a name that somebody else's DNS points at this
machine: so the Host header has to be one of the server's own names.
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


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Access:
    """What is checked of every request.

    Args:
        clients: Recognises keys.
        hosts: Names of the server; None: any address of this machine, since it listens to all.
        origins: Pages whose scripts may ask; ``*`` for any.
    """

    def __init__(
        self, clients: Clients, hosts: Collection[str] | None, origins: Sequence[str] = ()
    ) -> None:
        self._clients = clients
        self._hosts = None if hosts is None else frozenset(hosts) | LOOPBACK_NAMES
        self._origins = frozenset(origins)

    def check_host(self, scope: Scope) -> None:
        """Refuse a request that names another server.

        Raises:
            Problem: It does.
        """
        name = _host_name(header(scope, b"host") or "")
        if self._hosts is not None and name not in self._hosts and not _is_address(name):
            message = f"this server is not called {name!r}; add it to [serve] hosts"
            raise invalid(message, status=421, code="wrong_host")

    async def client(self, scope: Scope) -> Client:
        """Whose request it is.

        Raises:
            Problem: A key is needed, and this is none.
        """
        key = _bearer(header(scope, b"authorization"))
        found = await self._clients.find(key)
        if found is None:
            message = "this is no key of this server; midnight serve key add NAME makes one"
            raise Problem(Refusal(401, message, INVALID, "invalid_api_key"))
        return found

    def cors(self, scope: Scope) -> Headers:
        """What a browser is told of whose scripts may read the reply."""
        if not self._origins or (origin := header(scope, b"origin")) is None:
            return ()
        if "*" not in self._origins and origin not in self._origins:
            return ()
        return (
            (b"access-control-allow-origin", origin.encode("latin-1")),
            (b"access-control-expose-headers", b"retry-after, x-midnight-model"),
            (b"vary", b"origin"),
        )

    def preflight(self, scope: Scope) -> Headers:
        """What a browser is told that asks beforehand; nothing if its page may not ask."""
        allowed = self.cors(scope)
        if not allowed:
            return ()
        return (
            *allowed,
            (b"access-control-allow-methods", b"GET, POST, DELETE"),
            (b"access-control-allow-headers", _ALLOWED_HEADERS),
            (b"access-control-max-age", b"600"),
        )


def _host_name(text: str) -> str:
    """The name of a Host header, without its port."""
    if text.startswith("["):
        return text[1:].partition("]")[0].lower()
    return text.rpartition(":")[0].lower() if ":" in text else text.lower()


def _is_address(name: str) -> bool:
    """Whether it is an address: no DNS points it anywhere else."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _bearer(text: str | None) -> str:
    scheme, _, key = (text or "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""

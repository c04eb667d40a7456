"""Which transport is used, and opening it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from runner.errors import ConfigError
from runner.providers.transport.exchange import Transport
from runner.providers.transport.network import read_network

if TYPE_CHECKING:
    import httpx

AUTO, PYREQWEST, HTTPX = "auto", "pyreqwest", "httpx"
"""Which transport is wanted: the fastest that is installed, or one of the two."""


@asynccontextmanager
async def open_transport(
    transport: httpx.AsyncBaseTransport | None = None,
    *,
    kind: str = AUTO,
    environ: Mapping[str, str] = os.environ,
) -> AsyncIterator[Transport]:
    """A transport over sockets, or over the httpx transport that is given.

    Args:
        transport: Takes the requests instead of sockets, for instance an application mounted in
            this process. It is closed in the end.
        kind: `AUTO`, `PYREQWEST` or `HTTPX`.
        environ: Names proxies and certificates.

    Raises:
        ConfigError: The environment names a proxy or certificates that cannot be used, or `kind`
            is not installed.
    """
    # Loaded here: each implementation loads its library.
    if transport is None and _chosen(kind) == PYREQWEST:
        from runner.providers.transport import over_pyreqwest  # noqa: PLC0415

        async with over_pyreqwest.opened(read_network(environ)) as found:
            yield found
    else:
        from runner.providers.transport import over_httpx  # noqa: PLC0415

        network = read_network(environ) if transport is None else None
        async with over_httpx.opened(transport, network) as over:
            yield over


def _chosen(kind: str) -> str:
    """`PYREQWEST` or `HTTPX`.

    Raises:
        ConfigError: There is no transport called `kind`, or it is not installed.
    """
    installed = find_spec("pyreqwest") is not None
    if kind == AUTO:
        return PYREQWEST if installed else HTTPX
    if kind not in {PYREQWEST, HTTPX}:
        remedy = f"use {AUTO}, {PYREQWEST} or {HTTPX}"
        raise ConfigError(f'there is no transport "{kind}"', remedy=remedy)
    if kind == PYREQWEST and not installed:
        remedy = f"install it (pip install {PYREQWEST}), or use {HTTPX}"
        raise ConfigError(f"the transport {PYREQWEST} is not installed", remedy=remedy)
    return kind

"""Chooses a transport, and opens it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import ModuleType
from typing import TYPE_CHECKING

from runner.errors import ConfigError
from runner.language import _
from runner.providers.transport.exchange import Transport
from runner.providers.transport.network import read_network

if TYPE_CHECKING:
    import httpx

AUTO, PYREQWEST, HTTPX = "auto", "pyreqwest", "httpx"
"""The names of transports; `AUTO` is the fastest that is installed."""


@asynccontextmanager
async def open_transport(
    transport: httpx.AsyncBaseTransport | None = None,
    *,
    kind: str = AUTO,
    environ: Mapping[str, str] = os.environ,
) -> AsyncIterator[Transport]:
    """Opens a transport over sockets, or over the httpx transport that is given.

    Args:
        transport: Takes the requests instead of sockets, for instance an application mounted in
            this process. It is closed in the end.
        kind: `AUTO`, `PYREQWEST` or `HTTPX`.
        environ: Names proxies and certificates.

    Raises:
        ConfigError: The environment names a proxy or certificates that cannot be used, or `kind`
            is not installed.
    """
    if transport is None and (fast := _pyreqwest(kind)) is not None:
        async with fast.opened(read_network(environ)) as over_pyreqwest:
            yield over_pyreqwest
    else:
        from runner.providers.transport import over_httpx as slow  # it loads httpx

        network = read_network(environ) if transport is None else None
        async with slow.opened(transport, network) as over_httpx:
            yield over_httpx


def _pyreqwest(kind: str) -> ModuleType | None:
    """Returns the implementation over pyreqwest, if it is to be used; None for the one over httpx.

    Raises:
        ConfigError: There is no transport called `kind`, or it is not installed.
    """
    if kind not in {AUTO, PYREQWEST, HTTPX}:
        remedy = _("use {auto}, {pyreqwest} or {httpx}").format(
            auto=AUTO, pyreqwest=PYREQWEST, httpx=HTTPX
        )
        raise ConfigError(_('there is no transport "{kind}"').format(kind=kind), remedy=remedy)
    if kind == HTTPX:
        return None
    try:
        from runner.providers.transport import over_pyreqwest  # as above
    except ImportError as error:  # not installed, or built for another system
        if kind == AUTO:
            return None
        what = _("the transport {pyreqwest} cannot be loaded ({error})").format(
            pyreqwest=PYREQWEST, error=error
        )
        remedy = _("install it (pip install {pyreqwest}), or use {httpx}").format(
            pyreqwest=PYREQWEST, httpx=HTTPX
        )
        raise ConfigError(what, remedy=remedy) from error
    return over_pyreqwest

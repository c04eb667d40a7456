"""Which transport is opened."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from runner.errors import ConfigError
from runner.providers import transport as transports
from runner.providers.transport import open_transport, over_httpx


def opened(**how: Any) -> str:
    async def main() -> str:
        async with open_transport(environ={}, **how) as transport:
            return type(transport).__name__

    return asyncio.run(main())


def without_pyreqwest(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a platform for which it has no wheel."""
    monkeypatch.delattr(transports, "over_pyreqwest", raising=False)
    monkeypatch.setitem(sys.modules, f"{transports.__name__}.over_pyreqwest", None)


def test_the_fastest_that_is_installed_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyreqwest")
    assert opened() == "PyreqwestTransport"
    without_pyreqwest(monkeypatch)
    assert opened() == "HttpxTransport"


def test_the_user_may_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    assert opened(kind="httpx") == "HttpxTransport"
    without_pyreqwest(monkeypatch)
    with pytest.raises(ConfigError, match="pyreqwest cannot be loaded"):
        opened(kind="pyreqwest")
    with pytest.raises(ConfigError, match="no transport"):
        opened(kind="curl")


def test_a_socks_proxy_that_httpx_cannot_use_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(proxy: str) -> None:
        async with open_transport(kind="httpx", environ={"ALL_PROXY": proxy}):
            pass

    monkeypatch.setattr(over_httpx, "find_spec", lambda _name: None)
    for proxy in ("socks5://127.0.0.1:1", "socks4://127.0.0.1:1"):
        with pytest.raises(ConfigError, match="socks"):
            asyncio.run(main(proxy))

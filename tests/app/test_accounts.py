"""From the settings of an account to something that can be called."""

from __future__ import annotations

from pathlib import Path

import anyio
import httpx
import pytest
from support.files import settings

from runner.app.accounts.accounts import account_of, open_endpoints
from runner.errors import ConfigError
from runner.settings import AccountLimits, AccountSettings, ProviderTable, Settings


class Network(httpx.AsyncBaseTransport):
    """A server that answers everything, and remembers the headers of the requests."""

    def __init__(self) -> None:
        self.headers: list[httpx.Headers] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.headers.append(request.headers)
        return httpx.Response(200, json={})


def configured(folder: Path, account: AccountSettings, **providers: ProviderTable) -> Settings:
    usual = settings(folder)
    return Settings(usual.db, {"mine": account}, ("mine",), usual.run, None, {}, providers)


def sent(found: Settings, **environ: str) -> httpx.Headers:
    """The headers of a request that an account makes."""
    network = Network()

    async def main() -> None:
        async with open_endpoints(found, environ, network) as [endpoint]:
            await endpoint.get("http://127.0.0.1/v1/models", 5)

    anyio.run(main)
    return network.headers[0]


def test_a_server_of_ones_own_is_called_without_a_token(tmp_path: Path) -> None:
    local = AccountSettings(provider="openai-compatible", base_url="http://127.0.0.1/v1")
    assert "Authorization" not in sent(configured(tmp_path, local))
    described = ProviderTable(base_url="http://127.0.0.1/v1")
    mine = configured(tmp_path, AccountSettings(provider="mine"), mine=described)
    assert "Authorization" not in sent(mine)


def test_a_token_that_is_named_is_sent(tmp_path: Path) -> None:
    local = AccountSettings(
        provider="openai-compatible",
        base_url="http://127.0.0.1/v1",
        token="env:KEY",  # noqa: S106 - its name
    )
    assert sent(configured(tmp_path, local), KEY="secret")["Authorization"] == "Bearer secret"


def test_a_provider_that_is_known_to_need_a_token_is_not_called_without(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="names no token") as caught:
        sent(configured(tmp_path, AccountSettings(provider="groq")))
    add, _, page = (caught.value.remedy or "").partition("\n")
    assert add == 'add token = "env:GROQ_API_KEY" to it'
    assert page.endswith("https://console.groq.com/keys")


def test_the_starts_of_a_server_of_ones_own_are_limited_only_by_the_account(tmp_path: Path) -> None:
    local = AccountSettings(provider="openai-compatible", base_url="http://127.0.0.1/v1")
    assert account_of(configured(tmp_path, local), "mine").calls_per_second is None
    slow = local.model_copy(update={"limits": AccountLimits(calls_per_second=3)})
    assert account_of(configured(tmp_path, slow), "mine").calls_per_second == 3

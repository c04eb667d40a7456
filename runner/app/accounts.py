"""From an account's settings to something that can be called, or only reckoned with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from runner.core.quota import Quota
from runner.errors import ConfigError
from runner.providers.presets import Preset, preset
from runner.settings import AccountSettings, Settings, read_token

if TYPE_CHECKING:
    import httpx

    from runner.providers.endpoint import Endpoint


def chosen(settings: Settings) -> AccountSettings:
    """The settings of the account that is used."""
    return settings.accounts[settings.account]


def preset_of(settings: Settings) -> Preset:
    """The preset of the account that is used.

    Raises:
        ConfigError: There is no such provider, or its table is not whole.
    """
    return preset(chosen(settings).provider, settings.providers)


def quotas_of(settings: Settings) -> tuple[Quota, ...]:
    """The quota rules of the account that is used: the account's own first.

    Raises:
        ConfigError: A limit is set for a quota that the provider does not have.
    """
    account = chosen(settings)
    return preset_of(settings).quotas(account.limits.by_quota(), account.reserve)


def base_url_of(settings: Settings) -> str:
    """Where the account's calls go, without a trailing slash.

    Raises:
        ConfigError: Neither the preset nor the account names a base URL.
    """
    url = chosen(settings).base_url or preset_of(settings).base_url
    if url is None:
        raise ConfigError(
            "this provider needs a base_url",
            where=f"[accounts.{settings.account}]",
            remedy='add base_url = "https://…/v1"',
        )
    return url


@asynccontextmanager
async def open_endpoint(
    settings: Settings,
    environ: Mapping[str, str],
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[Endpoint]:
    """The account that is used, ready to be called.

    Raises:
        ConfigError: Its token or its base URL is missing.
    """
    # Loaded here: a status needs no HTTP client.
    from runner.providers.endpoint import Account, Endpoint  # noqa: PLC0415
    from runner.providers.wire import open_wire  # noqa: PLC0415

    found = preset_of(settings)
    account = Account(
        name=settings.account,
        preset=found,
        base_url=base_url_of(settings),
        quotas=quotas_of(settings),
        calls_per_second=chosen(settings).limits.calls_per_second or found.calls_per_second,
        token=read_token(chosen(settings), environ),
    )
    async with open_wire(transport, connections=settings.run.max_concurrency) as wire:
        yield Endpoint(account, wire)

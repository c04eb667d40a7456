"""Builds accounts, and endpoints to call them, from the settings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, get_args
from zoneinfo import ZoneInfo

from runner.app.accounts.presets import installed_tables, names
from runner.clock import LocalZone
from runner.core.demand import Rules
from runner.core.hours import read_hours
from runner.core.pacing import Pace
from runner.errors import ConfigError
from runner.language import _
from runner.logs import add_secret
from runner.providers.account import Account, QuotaOverrides, quotas_of
from runner.providers.presets import Preset, preset
from runner.settings import AccountSettings, Settings, read_token
from runner.settings.provider import OptionalUrl

OPENAI_COMPATIBLE = "openai-compatible"

if TYPE_CHECKING:
    import httpx

    from runner.providers.endpoint import Endpoint


def chosen(settings: Settings) -> AccountSettings:
    """Returns the settings of the first account in use."""
    return settings.accounts[settings.account]


def account_of(settings: Settings, name: str) -> Account:
    """Returns one account with its quotas and prices, without a token or a connection.

    Raises:
        ConfigError: The provider is unknown, its table is incomplete, or it lacks a quota for
            which the account sets a limit.
    """
    own = settings.accounts[name]
    provider = preset(own.provider, settings.providers, installed_tables())
    overrides = QuotaOverrides(
        limits=own.limits.by_quota(),
        reserve=own.reserved_calls,
        reserve_percent=own.reserved_percent,
        max_calls_per_day=own.max_calls_per_day,
        max_calls=own.max_calls,
    )
    return Account(
        name=name,
        preset=provider,
        base_url=own.base_url or provider.base_url,
        quotas=quotas_of(provider, overrides),
        max_concurrency=own.max_concurrency,
        calls_per_second=own.limits.calls_per_second or provider.calls_per_second,
        models=own.models,
        prices={**provider.prices, **own.prices},
    )


def accounts_of(settings: Settings) -> tuple[Account, ...]:
    """Returns the accounts in use, in order of preference."""
    return tuple(account_of(settings, name) for name in settings.used)


def require_endpoint(settings: Settings, url: str) -> None:
    """Checks that the provider of every account in use offers `url`, a path of OpenAI's API.

    Raises:
        ConfigError: A provider does not offer it; the remedy says how to declare that it does.
    """
    for account in accounts_of(settings):
        preset = account.preset
        if url in get_args(OptionalUrl) and url not in preset.endpoints:
            remedy = _(
                "use another account; or, if it has it, say so in midnight.toml: "
                '[providers.{name}] endpoints = ["{url}"]'
            ).format(name=preset.name, url=url)
            what = _("{title} is not known to have {url}, which the requests name").format(
                title=preset.title, url=url
            )
            raise ConfigError(
                what, where=_("account {name}").format(name=account.name), remedy=remedy
            )


def rules_for(settings: Settings, pace: Pace | None = None) -> Rules:
    """Returns the rules for spending the allowance; `pace` overrides the configured pace."""
    run = settings.run
    zone = ZoneInfo(run.zone) if run.zone else LocalZone()
    return Rules(pace or run.pace, read_hours(run.hours, zone) if run.hours else None)


def needs_token(provider: str) -> bool:
    """Whether accounts at `provider` require a token; a self-hosted server may not."""
    return provider in names() and provider != OPENAI_COMPATIBLE


@asynccontextmanager
async def open_endpoints(
    settings: Settings,
    environ: Mapping[str, str],
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[list[Endpoint]]:
    """Opens an endpoint for each account in use, in order of preference.

    Raises:
        ConfigError: A token or a base URL is missing.
    """
    # Loaded here: a status needs no HTTP client.
    from runner.providers.endpoint import Endpoint
    from runner.providers.transport import open_transport

    kind = settings.run.transport
    async with open_transport(transport, kind=kind, environ=environ) as opened:
        endpoints = []
        for account in accounts_of(settings):
            token = _token(settings.accounts[account.name], account.preset, environ)
            if token:
                add_secret(token)
            endpoint = Endpoint(account, token, opened)
            endpoint.base_url  # noqa: B018 - raises before anything is done
            endpoints.append(endpoint)
        yield endpoints


def _token(own: AccountSettings, preset: Preset, environ: Mapping[str, str]) -> str:
    """Returns an account's token; the error for a missing one says where to create it."""
    try:
        return read_token(own, environ, required=needs_token(preset.name))
    except ConfigError as error:
        if preset.token_url is None or own.base_url is not None:
            raise
        page = _("a token is made on {page}").format(page=preset.token_url)
        remedy = f"{error.remedy}\n  {page}" if error.remedy else page
        raise ConfigError(error.what, where=error.where, remedy=remedy) from error

"""From the accounts' settings to something that can be called, or only reckoned with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, get_args
from zoneinfo import ZoneInfo

from runner.app.presets import installed_tables, names
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
    """The settings of the first account that is used."""
    return settings.accounts[settings.account]


def account_of(settings: Settings, name: str) -> Account:
    """One account, as far as it can be reckoned with.

    Raises:
        ConfigError: There is no such provider, its table is not whole, or it lacks a quota that
            is limited.
    """
    own = settings.accounts[name]
    found = preset(own.provider, settings.providers, installed_tables())
    wishes = QuotaOverrides(
        limits=own.limits.by_quota(),
        reserve=own.reserved_calls,
        reserve_percent=own.reserved_percent,
        max_calls_per_day=own.max_calls_per_day,
        max_calls=own.max_calls,
    )
    return Account(
        name=name,
        preset=found,
        base_url=own.base_url or found.base_url,
        quotas=quotas_of(found, wishes),
        max_concurrency=own.max_concurrency,
        calls_per_second=own.limits.calls_per_second or found.calls_per_second,
        models=own.models,
        prices={**found.prices, **own.prices},
    )


def accounts_of(settings: Settings) -> tuple[Account, ...]:
    """The accounts that are used, the preferred one first."""
    return tuple(account_of(settings, name) for name in settings.used)


def require_endpoint(settings: Settings, url: str) -> None:
    """Check that every account that is used can take requests for `url`, of OpenAI's API.

    Raises:
        ConfigError: A provider has no such address; the remedy says how to correct that.
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


def rules_for(settings: Settings, pace: Pace | None = None, *, waits: bool = False) -> Rules:
    """How the user wants a run to spend; `pace` goes before the configured one."""
    run = settings.run
    zone = ZoneInfo(run.zone) if run.zone else LocalZone()
    hours = read_hours(run.hours, zone) if run.hours else None
    return Rules(pace or run.pace, hours, waits)


def needs_token(provider: str) -> bool:
    """Whether every account at a provider has a token; a server of one's own may need none."""
    return provider in names() and provider != OPENAI_COMPATIBLE


@asynccontextmanager
async def open_endpoints(
    settings: Settings,
    environ: Mapping[str, str],
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[list[Endpoint]]:
    """The accounts that are used, ready to be called, the preferred one first.

    Raises:
        ConfigError: A token or a base URL is missing.
    """
    # Loaded here: a status needs no HTTP client.
    from runner.providers.endpoint import Endpoint  # noqa: PLC0415
    from runner.providers.transport import open_transport  # noqa: PLC0415

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
    """The token of an account; an error names the page where the provider's tokens are made."""
    try:
        return read_token(own, environ, required=needs_token(preset.name))
    except ConfigError as error:
        if preset.token_url is None or own.base_url is not None:
            raise
        page = _("a token is made on {page}").format(page=preset.token_url)
        remedy = f"{error.remedy}\n  {page}" if error.remedy else page
        raise ConfigError(error.what, where=error.where, remedy=remedy) from error

"""Lists the models that the accounts can call, by asking their providers; it spends no calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from runner import invocation
from runner.app.accounts import accounts
from runner.errors import RunnerError
from runner.language import _
from runner.providers.balance import TIMEOUT_S
from runner.providers.endpoint import Endpoint
from runner.providers.transport import Response
from runner.settings import Settings

OK = 200


@dataclass(frozen=True, slots=True)
class Models:
    """The sorted models of one account's provider, or the reason why there are none."""

    account: str
    provider: str
    names: tuple[str, ...]
    why_not: str | None = None


async def list_models(settings: Settings, environ: Mapping[str, str]) -> list[Models]:
    """Requests the model list of every account in use.

    Raises:
        ConfigError: A token or a base URL is missing.
    """
    async with accounts.open_endpoints(settings, environ) as endpoints:
        return [await models_of(endpoint) for endpoint in endpoints]


async def models_of(endpoint: Endpoint) -> Models:
    """Requests the model list of one account."""
    account = endpoint.account
    reply = await endpoint.models(TIMEOUT_S)
    if not isinstance(reply, Response):
        return Models(account.name, account.preset.title, (), reply.why)
    if reply.status != OK:
        return Models(account.name, account.preset.title, (), f"HTTP {reply.status}")
    names = read_names(reply.body)
    return Models(account.name, account.preset.title, names, None if names else _("an empty list"))


def read_names(body: bytes) -> tuple[str, ...]:
    """Returns the sorted ``id`` values of ``{"data": [...]}``; empty if invalid, never raises."""
    try:
        data: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ()
    listed = data.get("data") if isinstance(data, dict) else data
    items = listed if isinstance(listed, list) else []
    names = {entry.get("id") for entry in items if isinstance(entry, dict)}
    return tuple(sorted(name for name in names if isinstance(name, str) and name))


def nothing_listed(lists: list[Models]) -> RunnerError | None:
    """Returns the error to raise if no account lists any model; None if one does."""
    if any(each.names for each in lists):
        return None
    reasons = "; ".join(f"{each.account}: {each.why_not}" for each in lists)
    return RunnerError(
        _("no models are listed"), where=reasons, remedy=invocation.command("doctor")
    )

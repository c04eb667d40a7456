"""The ``[serve]`` table of midnight.toml: `midnight serve` and its clients."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from runner.core.period import read_length
from runner.language import _
from runner.settings.fields import Name
from runner.tomlfile import TomlTable, problem

LONGEST_WAIT_MS = 7 * 24 * 3_600_000


def _wait(text: str) -> str:
    try:
        length = read_length(text)
    except ValueError as error:
        raise problem(_(str(error)), _('write how long a request waits as "10m"')) from None
    if length > LONGEST_WAIT_MS:
        raise problem(_("a request cannot wait longer than 7 days"))
    return text


def _several(names: object) -> object:
    """Converts a single name to a list of it."""
    return (names,) if isinstance(names, str) else names


def _origin(text: str) -> str:
    scheme, separator, host = text.partition("://")
    if text != "*" and not (scheme and separator):
        what = _("an origin starts with http:// or https://, a program's with a scheme as app://")
        raise problem(what, _('or write "*" for any'))
    return f"{scheme}{separator}{host.rstrip('/')}"  # an origin of files is file:// alone


Wait = Annotated[str, AfterValidator(_wait)]
Models = Annotated[
    tuple[Name, ...], BeforeValidator(_several), Field(strict=False, min_length=1, max_length=64)
]


class ClientSettings(TomlTable):
    """``[serve.clients.NAME]``: the permissions of one client.

    Attributes:
        max_calls_per_day: The most calls a day, those of its batches included; by default as many
            as the accounts allow.
        models: The models that it may request, each with the models that answer for it, the
            preferred one first; if there are any, no others are served to it.
        wait: The longest wait of its requests for allowance, as ``10m``; by default that of
            ``[serve]``.
        dashboard: Whether its key opens the dashboard, which shows and changes everything.
    """

    max_calls_per_day: Annotated[int, Field(ge=1)] | None = None
    models: dict[Name, Models] = Field(default_factory=dict)
    wait: Wait | None = None
    dashboard: bool = True


class ServeSettings(TomlTable):
    """``[serve]``: the options of ``midnight serve``.

    Attributes:
        models: Aliases of models, as ``auto``: each with the models that answer for it, the
            preferred one first.
        wait: The longest wait of requests for allowance, as ``10m``; by default they are refused
            immediately.
        timeout: The time-out of an answer, as ``10m``; for a stream, of each piece of it.
        hosts: Additional host names under which the server accepts requests.
        cors_origins: The origins whose scripts may send requests, as ``https://example.org`` or a
            program's ``app://its-name``; ``*`` for any.
        remember_checks: Whether a client's connection check that is repeated within five minutes
            is answered from a cache.
        clients: The permissions of each client, by name.
    """

    models: dict[Name, Models] = Field(default_factory=dict)
    wait: Wait | None = None
    timeout: Wait = "10m"
    hosts: Annotated[tuple[Name, ...], Field(strict=False)] = ()
    cors_origins: Annotated[
        tuple[Annotated[str, AfterValidator(_origin)], ...], Field(strict=False)
    ] = ()
    remember_checks: bool = True
    clients: dict[Name, ClientSettings] = Field(default_factory=dict)

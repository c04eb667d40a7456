"""Installs newer presets from a file or a URL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from runner import invocation
from runner.errors import ConfigError, OutputError
from runner.files.target import atomic_write
from runner.language import _
from runner.providers.installed_presets import InstalledPreset, load_installed, pack
from runner.providers.preset_files import MOST_BYTES, read_presets
from runner.providers.presets import is_current, preset, shipped
from runner.providers.transport import Response, TooLarge, open_transport
from runner.settings import ProviderTable, presets_path

TIMEOUT_S = 30.0

Change = Literal["new", "changed", "unchanged", "older"]
"""The effect of an update on a preset; one older than the shipped preset is stored but not used."""


@dataclass(frozen=True, slots=True)
class Update:
    """The result of an update.

    Attributes:
        path: The file of the installed presets.
        changes: The effect on each preset of the source, by name.
        moved: The new URLs of known providers whose URLs have changed, by name; the tokens of
            their accounts are sent there.
    """

    path: Path
    changes: Mapping[str, Change]
    moved: Mapping[str, str]


async def update_presets(
    source: str, environ: Mapping[str, str], *, allow_moved: bool = False
) -> Update:
    """Installs the presets of the file or https URL `source`.

    All of it is validated before anything is stored. Presets with other names are unchanged.

    Args:
        source: The path or the URL.
        environ: Environment variables for proxies and certificates.
        allow_moved: Whether the tokens of a known provider may be sent to another URL than now.

    Raises:
        ConfigError: It cannot be read, is not a valid file of presets, or moves a URL without
            `allow_moved`.
        OutputError: The presets cannot be stored.
    """
    if "://" in source:
        data, origin = await _fetch(source, environ), source
    else:
        data, origin = _read(Path(source)), str(Path(source).absolute())  # noqa: ASYNC240
    return _install(data, source, origin, allow_moved=allow_moved)


def _install(data: bytes, source: str, origin: str, *, allow_moved: bool) -> Update:
    """Stores the presets in `data`; `source` names it in errors, `origin` is stored with them."""
    path = presets_path()
    received, installed = read_presets(data, source), load_installed(path)
    before = {name: one.table for name, one in installed.items()}
    moved = _moved(received, before)
    if moved and not allow_moved:
        raise _not_allowed(moved, source)
    updates = {name: replace(one, source=origin) for name, one in received.items()}
    _keep(path, pack({**installed, **updates}))
    changes = {name: _change(name, one, before) for name, one in received.items()}
    return Update(path, changes, moved)


def _not_allowed(moved: Mapping[str, str], source: str) -> ConfigError:
    where_to = "; ".join(f"{name}: {urls}" for name, urls in sorted(moved.items()))
    what = _(
        "this would send the tokens of accounts to other URLs than now ({moved}); nothing was "
        "stored"
    ).format(moved=where_to)
    command = invocation.command("presets", "update", source, "--allow-moved")
    remedy = _("if the provider itself announces the URL: {command}").format(command=command)
    return ConfigError(what, where=source, remedy=remedy)


def _keep(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        what = _("the folder of the presets cannot be made ({reason})").format(
            reason=error.strerror or error
        )
        raise OutputError(
            what, where=str(path.parent), remedy=_("check its permissions")
        ) from error
    with atomic_write(path) as file:
        file.write(content)


def _change(name: str, received: InstalledPreset, before: Mapping[str, ProviderTable]) -> Change:
    if not is_current(received.table, name):
        return "older"
    if name not in shipped() and name not in before:
        return "new"
    installed = {name: received.table}
    return "unchanged" if preset(name, {}, installed) == preset(name, {}, before) else "changed"


def _moved(
    received: Mapping[str, InstalledPreset], before: Mapping[str, ProviderTable]
) -> dict[str, str]:
    moved = {}
    for name in received.keys() & {*shipped(), *before}:
        old = preset(name, {}, before)
        new = preset(name, {}, {name: received[name].table})
        addresses = [
            url
            for url in (new.base_url, new.balance_url, new.price_url)
            if url and url not in (old.base_url, old.balance_url, old.price_url)
        ]
        if addresses:
            moved[name] = ", ".join(addresses)
    return moved


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        what = _("the preset file cannot be read ({reason})").format(
            reason=getattr(error, "strerror", None) or error
        )
        raise ConfigError(
            what, where=str(path), remedy=_("name a file, or an https URL")
        ) from error
    if len(data) > MOST_BYTES:
        raise _too_large(str(path))
    return data


async def _fetch(url: str, environ: Mapping[str, str]) -> bytes:
    """Downloads the content of a URL, without a token and without following redirects.

    Raises:
        ConfigError: It is not an https URL, or the download fails.
    """
    if not url.startswith("https://") or not _host(url):
        what = _("presets say where tokens are sent: they are read over https only")
        raise ConfigError(what, where=url, remedy=_("name an https URL, or a file"))
    async with open_transport(environ=environ) as transport:
        reply = await transport.download(url, MOST_BYTES, TIMEOUT_S)
    if isinstance(reply, TooLarge):
        raise _too_large(url)
    if not isinstance(reply, Response):
        remedy = _("check the URL and the network, or name a file")
        raise ConfigError(
            _("the URL cannot be read ({why})").format(why=reply.why), where=url, remedy=remedy
        )
    if target := reply.headers.get("location"):
        what = _("the URL redirects to {target}").format(target=target[:200])
        raise ConfigError(what, where=url, remedy=_("name that URL, if you trust it"))
    if reply.status != 200:  # noqa: PLR2004
        what = _("the URL answers with HTTP {status}").format(status=reply.status)
        raise ConfigError(what, where=url, remedy=_("check the URL, or name a file"))
    return reply.body


def _host(url: str) -> str | None:
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return None if "@" in parts.netloc else parts.hostname


def _too_large(where: str) -> ConfigError:
    what = _("a preset file has at most {most:,} bytes, and this has more").format(most=MOST_BYTES)
    return ConfigError(what, where=where, remedy=_("name a file of presets"))

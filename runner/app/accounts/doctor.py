"""Checks the set-up without spending a call."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

from runner.app.accounts import accounts, presets
from runner.app.accounts.data_use import sentence
from runner.clock import Clock, SystemClock
from runner.core import answer_formats
from runner.core.renewal import CLOCK_TOLERANCE_MS
from runner.core.window import CREDIT
from runner.errors import RunnerError
from runner.language import _
from runner.providers.balance import Balance, balance_url, read_balance
from runner.providers.endpoint import Endpoint
from runner.providers.headers import read_date
from runner.providers.transport import Response
from runner.settings import Settings
from runner.store import refused_formats
from runner.store.opening import open_database
from runner.store.refused_formats import RefusedFormat
from runner.tomlfile import did_you_mean

TIMEOUT_S = 20.0
# Versions with the fix of a WAL-reset bug, which can corrupt a database that several connections
# checkpoint; ours has one such connection.
SQLITE_FIXED = ((3, 51, 3), (3, 50, 7), (3, 44, 6))
LOW_DISK_MB = 256
# Free tiers change within weeks; an older preset is probably wrong in some detail.
OLD_MONTHS = 6
LOG_IN = _("log in on the provider's site: free credits are granted there, and nowhere else")


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check; `ok` is None if it is inconclusive."""

    name: str
    ok: bool | None
    detail: str
    remedy: str | None = None


async def examine(
    settings: Settings, environ: Mapping[str, str], clock: Clock | None = None
) -> list[Check]:
    """Checks the configuration, the database, the tokens, the network and the clock."""
    checks = [_configuration(settings), *idle_providers(settings)]
    checks += [_sqlite(), await _database(settings), _disk(settings)]
    for name in settings.used:
        checks += await _account(settings, name, environ, clock or SystemClock())
    return checks + await _refused_formats(settings)


def idle_providers(settings: Settings) -> list[Check]:
    """Reports providers that are described but not used by any account, perhaps misspelt."""
    used = {account.provider for account in settings.accounts.values()}
    return [_idle(name, used) for name in settings.providers if name not in used]


def _idle(name: str, used: Collection[str]) -> Check:
    known = presets.names()
    near = None if name in known else did_you_mean(name, {*used, *known})
    remedy = near or _('name it in an account: provider = "{name}"').format(name=name)
    return Check(
        _("provider {name}").format(name=name), None, _("described, but no account uses it"), remedy
    )


async def _account(
    settings: Settings, name: str, environ: Mapping[str, str], clock: Clock
) -> list[Check]:
    alone = replace(settings, used=(name,))
    try:
        async with accounts.open_endpoints(alone, environ) as [endpoint]:
            named = settings.accounts[name].token is not None
            detail = (
                _("found") if named else _("none is named; a server of one's own may need none")
            )
            token = Check(_("token of {name}").format(name=name), True, detail)
            about = _preset(settings, settings.accounts[name].provider, clock)
            return [token, *about, *await _provider(endpoint, clock)]
    except RunnerError as error:
        return [Check(_("token of {name}").format(name=name), False, error.what, error.remedy)]


def _preset(settings: Settings, name: str, clock: Clock) -> list[Check]:
    """Reports the age of the provider's preset, and its policy on submitted data."""
    known = presets.known_preset(name, settings)
    checks = []
    if (about := known.preset).as_of:
        age = months_since(about.as_of, clock.now())
        detail = (
            _("as of {as_of}, {origin}").format(as_of=about.as_of, origin=_(known.origin))
            + _(", corrected") * known.corrected
        )
        remedy = _("providers change their rules: midnight presets update FILE|URL")
        fresh = True if age <= OLD_MONTHS else None
        checks.append(Check(_("preset {name}").format(name=name), fresh, detail, remedy))
    if (policy := sentence(about)) is not None:
        private = about.data_use == "no-training"
        remedy = _("read its terms before you send private data")
        checks.append(Check(_("data use"), True if private else None, policy, remedy))
    return checks


def months_since(as_of: str, now: int) -> int:
    """Returns the number of months from `as_of`, YYYY-MM, to `now` (ms since the epoch)."""
    today = datetime.fromtimestamp(now / 1000, UTC)
    year, month = map(int, as_of.split("-"))
    return (today.year - year) * 12 + today.month - month


def _configuration(settings: Settings) -> Check:
    origins = ", ".join(
        _("{key} from {origin}").format(key=key, origin=_(origin))
        for key, origin in settings.origins.items()
    )
    return Check(_("configuration"), True, origins or _("defaults"))


def _sqlite() -> Check:
    version = sqlite3.sqlite_version_info
    fixed = version >= SQLITE_FIXED[0] or any(
        version[:2] == good[:2] and version >= good for good in SQLITE_FIXED[1:]
    )
    note = (
        ""
        if fixed
        else _(" (before the WAL-reset fix of 3.51.3; safe here: one connection writes)")
    )
    return Check(_("sqlite"), True, f"{sqlite3.sqlite_version}{note}")


async def _database(settings: Settings) -> Check:
    try:
        async with open_database(settings.db):
            return Check(_("database"), True, str(settings.db))
    except RunnerError as error:
        return Check(_("database"), False, f"{settings.db}: {error.what}", error.remedy)


async def _refused_formats(settings: Settings) -> list[Check]:
    """Reports the kinds of ``response_format`` that models refused, and when they are retried."""
    if not settings.db.is_file():
        return []
    try:
        async with open_database(settings.db) as database, database.read() as connection:
            refused = await refused_formats.read(connection, settings.used)
    except RunnerError:
        return []  # the check of the database reports it
    return [_refused_format(settings, each) for each in refused]


def _refused_format(settings: Settings, refused: RefusedFormat) -> Check:
    about = presets.known_preset(settings.accounts[refused.account].provider, settings).preset
    template = _("refuses {name} since {when}, asked for in words; tried again from {again} on")
    again = answer_formats.retried_at(refused.at, about.as_of)
    detail = template.format(name=refused.type, when=_day(refused.at), again=_day(again))
    name = _("format of {model} on {account}").format(model=refused.model, account=refused.account)
    return Check(name, True, detail)


def _day(moment: int) -> str:
    return f"{datetime.fromtimestamp(moment / 1000, UTC):%Y-%m-%d}"


def _disk(settings: Settings) -> Check:
    folder = settings.db.parent
    if not folder.is_dir():
        return Check(_("disk"), None, _("{folder} does not exist yet").format(folder=folder))
    free = shutil.disk_usage(folder).free // 1024**2
    return Check(
        _("disk"),
        free >= LOW_DISK_MB,
        _("{free:,} MB free").format(free=free),
        _("free some space"),
    )


async def _provider(endpoint: Endpoint, clock: Clock) -> list[Check]:
    """Requests the balance, or else the model list, and checks the reply."""
    url, sent_at = balance_url(endpoint), clock.now()
    asking = endpoint.get(url, TIMEOUT_S) if url else endpoint.models(TIMEOUT_S)
    reply = await asking
    if not isinstance(reply, Response):
        remedy = _("check the network and the account's base_url")
        return [Check(_("network"), False, reply.why, remedy)]
    checks = [
        Check(
            _("network"),
            True,
            _("{host} answers").format(host=urlsplit(endpoint.base_url).netloc),
        ),
        _token(reply, conclusive=url is not None),
        _clock(reply, sent_at, clock.now()),
    ]
    if (balance := read_balance(reply.body)) is not None:
        checks.append(Check(_("credits"), balance.available > 0, _credits(balance), LOG_IN))
    return checks


def _credits(balance: Balance) -> str:
    frozen = (
        _(", {frozen:g} frozen").format(frozen=balance.frozen / CREDIT) if balance.frozen else ""
    )
    return _("{available:g} to spend{frozen}").format(
        available=balance.available / CREDIT, frozen=frozen
    )


def _token(reply: Response, *, conclusive: bool) -> Check:
    if reply.status in (401, 403):
        remedy = _("make a new token and set the variable that the account names")
        return Check(_("token accepted"), False, f"HTTP {reply.status}", remedy)
    if reply.status != 200 or not conclusive:  # noqa: PLR2004
        return Check(
            _("token accepted"),
            None,
            _("HTTP {status}; only a call can tell").format(status=reply.status),
        )
    return Check(
        _("token accepted"), True, _("the balance was shown; only a call can tell the rest")
    )


def _clock(reply: Response, sent_at: int, now: int) -> Check:
    date = read_date(reply.headers)
    if date is None:
        return Check(_("clock"), None, _("the provider's reply has no Date"))
    skew = date - (sent_at + now) // 2
    template = _("{skew:.0f} s behind the provider's")
    if skew <= 0:
        template = _("{skew:.0f} s ahead of the provider's")
    detail = template.format(skew=abs(skew) / 1000)
    return Check(_("clock"), abs(skew) <= CLOCK_TOLERANCE_MS, detail, _("set this machine's clock"))

"""Is everything set up? Answered at no cost in calls."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from runner.app import accounts
from runner.clock import Clock, SystemClock
from runner.core.outcome import CLOCK_TOLERANCE_MS
from runner.errors import RunnerError
from runner.providers.endpoint import Endpoint, read_date
from runner.providers.wire import Response
from runner.settings import Settings
from runner.store.database import open_database

TIMEOUT_S = 20.0
# A WAL-reset bug can corrupt a database on several checkpointing connections; ours has one.
SQLITE_FIXED = ((3, 51, 3), (3, 50, 7), (3, 44, 6))
LOW_DISK_MB = 256


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; `ok` is None where it could not be told."""

    name: str
    ok: bool | None
    detail: str
    remedy: str | None = None


async def examine(
    settings: Settings, environ: Mapping[str, str], clock: Clock | None = None
) -> list[Check]:
    """Look at the configuration, the database, the token, the network and the clock."""
    checks = [_configuration(settings), _sqlite(), await _database(settings), _disk(settings)]
    try:
        async with accounts.open_endpoint(settings, environ) as endpoint:
            checks.append(Check("token", True, f"found for account {settings.account}"))
            checks += await _provider(settings, endpoint, clock or SystemClock())
    except RunnerError as error:
        checks.append(Check("token", False, error.what, error.remedy))
    return checks


def _configuration(settings: Settings) -> Check:
    origins = ", ".join(f"{key} from {origin}" for key, origin in settings.origins.items())
    return Check("configuration", True, origins or "defaults")


def _sqlite() -> Check:
    version = sqlite3.sqlite_version_info
    fixed = version >= SQLITE_FIXED[0] or any(
        version[:2] == good[:2] and version >= good for good in SQLITE_FIXED[1:]
    )
    note = (
        "" if fixed else " (before the WAL-reset fix of 3.51.3; safe here: one connection writes)"
    )
    return Check("sqlite", True, f"{sqlite3.sqlite_version}{note}")


async def _database(settings: Settings) -> Check:
    try:
        async with open_database(settings.db):
            return Check("database", True, str(settings.db))
    except RunnerError as error:
        return Check("database", False, f"{settings.db}: {error.what}", error.remedy)


def _disk(settings: Settings) -> Check:
    folder = settings.db.parent
    if not folder.is_dir():
        return Check("disk", None, f"{folder} does not exist yet")
    free = shutil.disk_usage(folder).free // 1024**2
    return Check("disk", free >= LOW_DISK_MB, f"{free:,} MB free", "free some space")


async def _provider(settings: Settings, endpoint: Endpoint, clock: Clock) -> list[Check]:
    url = _balance_url(settings)
    sent_at = clock.now()
    if url is None:
        reply = await endpoint.get(f"{endpoint.account.base_url}/models", TIMEOUT_S)
    else:
        reply = await endpoint.get(url, TIMEOUT_S)
    if not isinstance(reply, Response):
        remedy = "check the network and the account's base_url"
        return [Check("network", False, reply.why, remedy)]
    return [
        Check("network", True, f"{urlsplit(endpoint.account.base_url).netloc} answers"),
        _token(reply, conclusive=url is not None),
        _clock(reply, sent_at, clock.now()),
    ]


def _token(reply: Response, *, conclusive: bool) -> Check:
    if reply.status in (401, 403):
        remedy = "make a new token and set the variable that the account names"
        return Check("token accepted", False, f"HTTP {reply.status}", remedy)
    if reply.status != 200 or not conclusive:  # noqa: PLR2004
        return Check("token accepted", None, f"HTTP {reply.status}; only a call can tell")
    return Check("token accepted", True, "the balance was shown")


def _clock(reply: Response, sent_at: int, now: int) -> Check:
    date = read_date(reply.headers)
    if date is None:
        return Check("clock", None, "the provider's reply has no Date")
    skew = date - (sent_at + now) // 2
    detail = f"{abs(skew) / 1000:.0f} s {'behind' if skew > 0 else 'ahead of'} the provider's"
    return Check("clock", abs(skew) <= CLOCK_TOLERANCE_MS, detail, "set this machine's clock")


def _balance_url(settings: Settings) -> str | None:
    """The balance endpoint; at the account's own host where its base URL was overridden."""
    url = accounts.preset_of(settings).balance_url
    own = accounts.chosen(settings).base_url
    if url is None or own is None:
        return url
    host = urlsplit(own)
    return urlunsplit((host.scheme, host.netloc, urlsplit(url).path, "", ""))

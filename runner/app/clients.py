"""The clients of `midnight serve`: who they are by their keys, and what each may do today."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import anyio

from runner.clock import Clock, LocalZone, moment
from runner.core.period import read_length
from runner.errors import ConfigError, NotFoundError
from runner.language import _
from runner.settings import ClientSettings, Settings
from runner.store import client_keys
from runner.store.client_keys import ClientKey
from runner.store.database import Database

# Who asks where no key is needed.
NOBODY = "local"
PREFIX = "mn-"
LONGEST_NAME = 64
# Keys are made and removed while a server runs; it sees that after so long.
REREAD_S = 0.5


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks, and what they may do."""

    name: str
    settings: ClientSettings = field(default_factory=ClientSettings)


def hashed(key: str) -> str:
    """What is stored of a key: it is drawn from 256 bits, so that nobody finds it by its hash."""
    return hashlib.sha256(key.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ClientUse:
    """How many calls a client has made today, and how many it may make; None: any number."""

    name: str
    calls: int
    most: int | None


class Clients:
    """Recognises clients by their keys; without any key in the database, everybody is `NOBODY`."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings.serve.clients
        self._database = database
        self._by_hash: Mapping[str, str] = {}
        self._known: dict[str, Client] = {}
        self._read_at = float("-inf")

    @property
    def need_keys(self) -> bool:
        """Whether only those with a key are served."""
        return bool(self._by_hash)

    async def add_key(self, name: str, now: int) -> str:
        """Make a key for a client, instead of its old one; returned here, and stored nowhere.

        Raises:
            ConfigError: The name cannot be one.
        """
        if not _is_name(name):
            what = _(
                'a client\'s name is a line of up to {most} characters, not "{nobody}"'
            ).format(most=LONGEST_NAME, nobody=NOBODY)
            raise ConfigError(what, where=name[:LONGEST_NAME], remedy=_("name it as laptop"))
        key = PREFIX + secrets.token_urlsafe(32)
        async with self._database.write() as connection:
            await client_keys.keep(connection, ClientKey(name, hashed(key), now))
        return key

    async def remove_key(self, name: str) -> None:
        """Accept a client's key no more.

        Raises:
            NotFoundError: It has none.
        """
        async with self._database.write() as connection:
            removed = await client_keys.forget(connection, name)
        if not removed:
            raise NotFoundError(
                _('no client "{name}" has a key').format(name=name),
                remedy="midnight serve key list",
            )

    async def keys(self) -> list[ClientKey]:
        """The keys, by their clients' names."""
        async with self._database.read() as connection:
            return await client_keys.read(connection)

    async def read(self) -> None:
        """Read which keys there are."""
        self._read_at = anyio.current_time()
        self._by_hash = {key.key_hash: key.client for key in await self.keys()}
        self._known = {}

    def named(self, name: str) -> Client:
        """The client of this name."""
        return Client(name, self._settings.get(name) or ClientSettings())

    def name_of(self, key: str) -> str | None:
        """The name of the client with this key, as far as was read; None: there is none."""
        return self._by_hash.get(hashed(key))

    async def find(self, key: str) -> Client | None:
        """The client with this key; None: there is none."""
        if anyio.current_time() - self._read_at > REREAD_S:
            await self.read()
        if (known := self._known.get(key)) is not None:
            return known
        name = self._by_hash.get(hashed(key)) if self._by_hash else NOBODY
        if name is None:
            return None
        client = self.named(name)
        if self._by_hash:  # others are as many as anybody makes up
            self._known[key] = client
        return client


def _is_name(name: str) -> bool:
    fits = name == name.strip() and name.isprintable() and 0 < len(name) <= LONGEST_NAME
    return fits and name != NOBODY


@dataclass(frozen=True, slots=True)
class _Day:
    """One client's calls of a day (ms since the epoch)."""

    ends_at: int
    calls: int


class DailyCalls:
    """How many calls each client has made today, as long as it may make only so many.

    The day is that of the user's zone. What the ledger holds is read once a day.
    """

    def __init__(self, settings: Settings, database: Database, clock: Clock) -> None:
        self._zone: tzinfo = ZoneInfo(settings.run.zone) if settings.run.zone else LocalZone()
        self._database = database
        self._clock = clock
        self._days: dict[str, _Day] = {}
        self._reading = anyio.Lock()

    async def take(self, client: Client) -> int | None:
        """Count one more call; None, or when the next day begins if no more are allowed."""
        most = client.settings.max_calls_per_day
        if most is None:
            return None
        async with self._reading:
            day = await self._today(client.name)
            if day.calls >= most:
                return day.ends_at
            self._days[client.name] = replace(day, calls=day.calls + 1)
        return None

    async def used(self, clients: Iterable[Client]) -> list[ClientUse]:
        """What each of these has used today, by the ledger."""
        begins = _ms(_day(moment(self._clock.now(), self._zone))[0])
        async with self._database.read() as connection:
            return [
                ClientUse(
                    client.name,
                    await client_keys.calls_since(connection, client.name, begins),
                    client.settings.max_calls_per_day,
                )
                for client in clients
            ]

    def give_back(self, client: Client) -> None:
        """A call that was counted was none."""
        day = self._days.get(client.name)
        if day is not None and client.settings.max_calls_per_day is not None:
            self._days[client.name] = replace(day, calls=max(0, day.calls - 1))

    async def _today(self, name: str) -> _Day:
        now = self._clock.now()
        known = self._days.get(name)
        if known is not None and now < known.ends_at:
            return known
        begins, ends = _day(moment(now, self._zone))
        async with self._database.read() as connection:
            made = await client_keys.calls_since(connection, name, _ms(begins))
        self._days[name] = found = _Day(_ms(ends), made)
        return found


def _day(now: datetime) -> tuple[datetime, datetime]:
    begins = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return begins, begins + timedelta(days=1)


def _ms(moment_: datetime) -> int:
    return round(moment_.timestamp() * 1000)


def wait_ms(client: Client, settings: Settings) -> int:
    """How long the requests of a client wait for allowance, unless they ask for less or more."""
    text = client.settings.wait or settings.serve.wait
    return read_length(text) if text else 0

"""The clients of `midnight serve`: identification by keys, and daily caps."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from zoneinfo import ZoneInfo

import anyio

from runner import invocation
from runner.clock import LocalZone
from runner.core.period import read_length
from runner.engine.client_caps import ClientCaps, day_of
from runner.errors import ConfigError, NotFoundError
from runner.language import _
from runner.one_line import is_one_line
from runner.settings import ClientSettings, Settings
from runner.store import client_keys
from runner.store.client_keys import ClientKey
from runner.store.database import Database

# The client of all requests when no keys are required.
NOBODY = "local"
PREFIX = "mn-"
LONGEST_NAME = 64
# Keys are added and removed while a server runs; it notices within this time.
REREAD_S = 0.5


@dataclass(frozen=True, slots=True)
class Client:
    """A client, with its settings."""

    name: str
    settings: ClientSettings = field(default_factory=ClientSettings)


def hashed(key: str) -> str:
    """Returns the hash stored for a key. A key has 256 random bits, so a plain SHA-256 is safe."""
    return hashlib.sha256(key.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ClientUse:
    """The calls that a client has made today, and its daily cap; None: unlimited."""

    name: str
    calls: int
    most: int | None


class Clients:
    """Identifies clients by their keys; as long as there has been no key, everybody is `NOBODY`.

    Once a key has been read, one is required until the process ends: removing the last key
    must not open a server that other machines can reach.
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings.serve.clients
        self._database = database
        self._by_hash: Mapping[str, str] = {}
        self._need_keys = False
        self._known: dict[str, Client] = {}
        self._read_at = float("-inf")

    @property
    def need_keys(self) -> bool:
        """Whether a key is required."""
        return self._need_keys

    async def add_key(self, name: str, now: int) -> str:
        """Creates a key for a client, replacing its old one; only its hash is stored.

        Raises:
            ConfigError: The name is not valid.
        """
        if not _is_name(name):
            what = _(
                'a client\'s name is a line of up to {most} characters, not "{nobody}"'
            ).format(most=LONGEST_NAME, nobody=NOBODY)
            raise ConfigError(
                what, where=name[:LONGEST_NAME], remedy=_("use a name such as laptop")
            )
        key = PREFIX + secrets.token_urlsafe(32)
        async with self._database.write() as connection:
            await client_keys.keep(connection, ClientKey(name, hashed(key), now))
        return key

    async def remove_key(self, name: str) -> int:
        """Revokes a client's key; returns the number of keys that are left.

        Raises:
            NotFoundError: The client has no key.
        """
        async with self._database.write() as connection:
            removed = await client_keys.forget(connection, name)
            left = await client_keys.read(connection)
        if not removed:
            raise NotFoundError(
                _('no client "{name}" has a key').format(name=name),
                remedy=invocation.command("serve", "key", "list"),
            )
        return len(left)

    async def keys(self) -> list[ClientKey]:
        """Returns all keys, sorted by client name."""
        async with self._database.read() as connection:
            return await client_keys.read(connection)

    async def read(self) -> None:
        """Reloads the keys from the database."""
        self._read_at = anyio.current_time()
        self._by_hash = {key.key_hash: key.client for key in await self.keys()}
        self._need_keys = self._need_keys or bool(self._by_hash)
        self._known = {}

    def named(self, name: str) -> Client:
        """Returns the client with this name."""
        return Client(name, self._settings.get(name) or ClientSettings())

    def name_of(self, key: str) -> str | None:
        """Returns the name of the client with this key, as last read; None if there is none."""
        return self._by_hash.get(hashed(key))

    async def find(self, key: str) -> Client | None:
        """Returns the client with this key; None if there is none."""
        if anyio.current_time() - self._read_at > REREAD_S:
            await self.read()
        if (known := self._known.get(key)) is not None:
            return known
        name = self._by_hash.get(hashed(key)) if self._need_keys else NOBODY
        if name is None:
            return None
        client = self.named(name)
        if self._need_keys:  # without keys, any text is accepted and the cache would be unbounded
            self._known[key] = client
        return client


def _is_name(name: str) -> bool:
    fits = name == name.strip() and is_one_line(name) and 0 < len(name) <= LONGEST_NAME
    return fits and name != NOBODY


def client_caps(settings: Settings) -> ClientCaps:
    """Returns each client's cap on calls per day, in the user's time zone."""
    most = {
        name: own.max_calls_per_day
        for name, own in settings.serve.clients.items()
        if own.max_calls_per_day is not None
    }
    zone: tzinfo = ZoneInfo(settings.run.zone) if settings.run.zone else LocalZone()
    return ClientCaps(most, zone)


async def used_today(
    database: Database, settings: Settings, clients: Iterable[str], now: int
) -> list[ClientUse]:
    """Returns each client's calls of today, from the ledger."""
    caps = client_caps(settings)
    own, (begins, _) = list(clients), day_of(now, caps.zone)
    async with database.read() as connection:
        made = await client_keys.calls_since(connection, own, begins)
    return [ClientUse(name, made[name], caps.most.get(name)) for name in own]


def wait_ms(client: Client, settings: Settings) -> int:
    """Returns how long a client's requests wait for allowance by default, in ms."""
    text = client.settings.wait or settings.serve.wait
    return read_length(text) if text else 0

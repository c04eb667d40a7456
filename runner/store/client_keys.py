"""Queries on the keys of clients, stored as hashes, and on the number of their calls.

Functions take a connection inside the caller's transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, func, insert, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.charging import UNCHARGED
from runner.store.api_tables import client_keys
from runner.store.expressions import OneOf, listed
from runner.store.statement import Statement
from runner.store.tables import calls

_CALLS_SINCE = Statement(
    select(calls.c.client, func.count().label("number"))
    .where(
        OneOf(calls.c.client, "clients"),
        calls.c.reserved_at_ms >= bindparam("since"),
        calls.c.state.not_in([literal_column(f"'{kind}'") for kind in sorted(UNCHARGED)]),
    )
    .group_by(calls.c.client)
)
# The server reads them often, while a request waits.
_ALL = Statement(select(client_keys).order_by(client_keys.c.client))


@dataclass(frozen=True, slots=True)
class ClientKey:
    """The key of one client."""

    client: str
    key_hash: str
    created_at: int


async def keep(connection: AsyncConnection, key: ClientKey) -> None:
    """Stores a key, which replaces the client's previous one."""
    await forget(connection, key.client)
    values = {"client": key.client, "key_hash": key.key_hash, "created_at_ms": key.created_at}
    await connection.execute(insert(client_keys).values(values))


async def forget(connection: AsyncConnection, client: str) -> bool:
    """Deletes the key of a client; whether it had one."""
    deleted = await connection.execute(delete(client_keys).where(client_keys.c.client == client))
    return deleted.rowcount > 0


async def read(connection: AsyncConnection) -> list[ClientKey]:
    """Returns every key, by the client's name."""
    rows = await _ALL.fetch(connection)
    return [ClientKey(row.client, row.key_hash, row.created_at_ms) for row in rows]


async def calls_since(
    connection: AsyncConnection, clients: Collection[str], since: int
) -> Counter[str]:
    """Returns the number of calls for each client since a moment that may have been charged."""
    rows = await _CALLS_SINCE.fetch(connection, clients=listed(list(clients)), since=since)
    return Counter({row.client: row.number for row in rows})

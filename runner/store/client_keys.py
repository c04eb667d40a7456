"""Queries on the keys of clients, stored as hashes, and on the number of their calls.

Functions take a connection inside the caller's transaction.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.charging import UNCHARGED
from runner.store.api_tables import client_keys
from runner.store.statement import Statement
from runner.store.tables import calls

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


async def calls_since(connection: AsyncConnection, client: str, since: int) -> int:
    """Returns the number of calls for a client since a moment that may have been charged."""
    free = [kind.value for kind in UNCHARGED]
    query = select(func.count()).where(
        calls.c.client == client,
        calls.c.reserved_at_ms >= since,
        calls.c.state.not_in(free),
    )
    number: int = await connection.scalar(query) or 0
    return number

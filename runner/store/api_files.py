"""Queries on files of the OpenAI Batch API, whose bytes are stored beside the database.

Functions take a connection inside the caller's transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, delete, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.store.api_tables import api_files


@dataclass(frozen=True, slots=True)
class ApiFile:
    """One file. Moments are ms since the epoch."""

    id: str
    client: str
    purpose: str
    filename: str
    bytes: int
    created_at: int
    expires_at: int | None


@dataclass(frozen=True, slots=True)
class Paging:
    """A page of a list: keyset pagination by id.

    Attributes:
        limit: The largest number of items.
        after: The id after which the page begins; None for the first page.
        newest_first: Whether the order is descending.
    """

    limit: int
    after: str | None = None
    newest_first: bool = True


async def add(connection: AsyncConnection, file: ApiFile) -> None:
    """Stores a file; one with the same id is replaced, since its content has been."""
    values = {
        "id": file.id,
        "client": file.client,
        "purpose": file.purpose,
        "filename": file.filename,
        "bytes": file.bytes,
        "created_at_ms": file.created_at,
        "expires_at_ms": file.expires_at,
    }
    query = insert(api_files).values(values)
    await connection.execute(query.on_conflict_do_update(index_elements=["id"], set_=values))


async def get(connection: AsyncConnection, file_id: str, client: str) -> ApiFile | None:
    """Returns this client's file with this id; None if it has none."""
    query = select(api_files).where(api_files.c.id == file_id, api_files.c.client == client)
    row = (await connection.execute(query)).first()
    return _file(row) if row else None


async def page(
    connection: AsyncConnection, client: str, paging: Paging, purpose: str | None
) -> list[ApiFile]:
    """Returns a client's files, with one extra if there are more than the limit."""
    number, own = api_files.c.number, api_files.c.client == client
    query = select(api_files).where(own)
    if purpose is not None:
        query = query.where(api_files.c.purpose == purpose)
    if paging.after is not None:
        behind = select(number).where(own, api_files.c.id == paging.after).scalar_subquery()
        query = query.where(number < behind if paging.newest_first else number > behind)
    query = query.order_by(number.desc() if paging.newest_first else number)
    rows = await connection.execute(query.limit(paging.limit + 1))
    return [_file(row) for row in rows]


async def forget(connection: AsyncConnection, file_id: str) -> None:
    """Deletes a file."""
    await connection.execute(delete(api_files).where(api_files.c.id == file_id))


async def expired(connection: AsyncConnection, now: int) -> list[ApiFile]:
    """Returns the files that have expired."""
    query = select(api_files).where(api_files.c.expires_at_ms <= now)
    return [_file(row) for row in await connection.execute(query)]


async def created_at(connection: AsyncConnection) -> dict[str, int]:
    """Returns when each file of all clients was created, by id."""
    rows = await connection.execute(select(api_files.c.id, api_files.c.created_at_ms))
    return {row.id: row.created_at_ms for row in rows}


def _file(row: Row[Any]) -> ApiFile:
    return ApiFile(
        row.id,
        row.client,
        row.purpose,
        row.filename,
        row.bytes,
        row.created_at_ms,
        row.expires_at_ms,
    )

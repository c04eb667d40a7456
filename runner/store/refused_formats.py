"""Queries on the types of ``response_format`` that models have refused.

Functions take a connection inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.store.expressions import OneOf, listed
from runner.store.statement import Statement, Upsert
from runner.store.tables import refused_formats

_KEEP = Statement(Upsert(refused_formats, ("account", "model", "type"), ("refused_at_ms",)))
_OF_ACCOUNTS = Statement(
    select(refused_formats)
    .where(OneOf(refused_formats.c.account, "accounts"))
    .order_by(refused_formats.c.account, refused_formats.c.model, refused_formats.c.type)
)


class RefusedFormat(NamedTuple):
    """A type of ``response_format`` that a model refused last at `at` (ms since the epoch)."""

    account: str
    model: str
    type: str
    at: int


async def keep(connection: AsyncConnection, refused: Sequence[RefusedFormat]) -> None:
    """Stores refusals; the moment of an earlier refusal of the same type is replaced."""
    rows = [
        {"account": each.account, "model": each.model, "type": each.type, "refused_at_ms": each.at}
        for each in refused
    ]
    await _KEEP.run(connection, rows)


async def read(connection: AsyncConnection, accounts: Sequence[str]) -> list[RefusedFormat]:
    """Returns the refusals of the models of these accounts."""
    rows = await _OF_ACCOUNTS.fetch(connection, accounts=listed(list(accounts)))
    return [RefusedFormat(*row) for row in rows]

"""Which types of ``response_format`` a model has refused, and when: one row for each.

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
    """A type of ``response_format`` that a model has refused, and the moment of the last time."""

    account: str
    model: str
    type: str
    at: int


async def keep(connection: AsyncConnection, refused: Sequence[RefusedFormat]) -> None:
    """Store refusals; a type that was refused before has the moment of the new refusal."""
    rows = [
        {"account": one.account, "model": one.model, "type": one.type, "refused_at_ms": one.at}
        for one in refused
    ]
    await _KEEP.run(connection, rows)


async def read(connection: AsyncConnection, accounts: Sequence[str]) -> list[RefusedFormat]:
    """What the models of these accounts have refused."""
    found = await _OF_ACCOUNTS.fetch(connection, accounts=listed(list(accounts)))
    return [RefusedFormat(*row) for row in found]

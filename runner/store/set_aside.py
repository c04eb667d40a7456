"""Settlements that could not be stored as they were: kept whole, for a person to look at."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.settlement import Call
from runner.store.statement import Statement, Upsert
from runner.store.tables import set_aside

_KEEP = Statement(Upsert(set_aside, ("call_id",)))


@dataclass(frozen=True, slots=True)
class SetAside:
    """A settlement that could not be stored.

    Attributes:
        call_id: The call that it settles.
        batch_id: The batch that the call was made for, if any.
        error: Why it could not be stored.
        settlement: What was to be stored, the replies included, as JSON values.
        at: When that was (ms since the epoch).
    """

    call_id: int
    batch_id: int | None
    error: str
    settlement: Any
    at: int


async def keep(
    connection: AsyncConnection, call: Call, settlement: Any, error: str, now: int
) -> None:
    """Keep `settlement`, whatever is in it: JSON with escapes holds any text and any number."""
    text = json.dumps(settlement, ensure_ascii=True, default=repr)
    row = {
        "call_id": call.id,
        "batch_id": call.batch_id,
        "error": error.encode("ascii", "backslashreplace").decode(),
        "settlement_json": text,
        "at_ms": now,
    }
    await _KEEP.run(connection, [row])


async def count(connection: AsyncConnection) -> int:
    """How many there are."""
    return await connection.scalar(select(func.count()).select_from(set_aside)) or 0


async def read(connection: AsyncConnection) -> list[SetAside]:
    """All of them, oldest first."""
    found = await connection.execute(select(set_aside).order_by(set_aside.c.call_id))
    return [
        SetAside(row.call_id, row.batch_id, row.error, json.loads(row.settlement_json), row.at_ms)
        for row in found
    ]


async def forget(connection: AsyncConnection, call_ids: list[int]) -> None:
    """Delete the settlements of these calls: somebody has looked at them."""
    await connection.execute(delete(set_aside).where(set_aside.c.call_id.in_(call_ids)))

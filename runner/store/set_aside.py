"""Settlements that could not be stored as they were: kept whole, for a person to look at."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkstemp
from typing import Any, BinaryIO

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.clock import moment
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

    def as_json(self) -> dict[str, Any]:
        """It as a JSON object; its moment in ISO 8601."""
        return {
            "call": self.call_id,
            "batch": self.batch_id,
            "at": moment(self.at).isoformat(timespec="milliseconds"),
            "error": self.error,
            "settlement": self.settlement,
        }


async def keep(connection: AsyncConnection, one: SetAside) -> None:
    """Keep it in the database."""
    row = {
        "call_id": one.call_id,
        "batch_id": one.batch_id,
        "error": one.error.encode("ascii", "backslashreplace").decode(),
        "settlement_json": _to_json(one.settlement),
        "at_ms": one.at,
    }
    await _KEEP.run(connection, [row])


def write_lines(file: BinaryIO, found: Sequence[SetAside]) -> None:
    """Write one JSON object a line."""
    file.writelines(_to_json(each.as_json()).encode() + b"\n" for each in found)


def write_beside(database: Path, found: Sequence[SetAside]) -> Path:
    """Write them to a new file beside the database, which does not take them; the file.

    Raises:
        OSError: No file can be written there, nor in the folder for temporary files.
    """
    name, suffix = f"{database.name}.unstored-", ".jsonl"
    try:
        handle, path = mkstemp(suffix, name, database.parent)
    except OSError:
        handle, path = mkstemp(suffix, name)
    with os.fdopen(handle, "wb") as file:
        write_lines(file, found)
        file.flush()
        os.fsync(handle)
    return Path(path)


def _to_json(value: Any) -> str:
    """JSON with escapes: it holds any text and any number."""
    return json.dumps(value, ensure_ascii=True, default=repr)


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

"""Settlements that could not be stored, kept whole for inspection (a dead-letter queue)."""

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
        settlement: What was to be stored, with the replies, as JSON values.
        at: When it was set aside (ms since the epoch).
    """

    call_id: int
    batch_id: int | None
    error: str
    settlement: Any
    at: int

    def as_json(self) -> dict[str, Any]:
        """Returns a JSON object, with the moment in ISO 8601."""
        return {
            "call": self.call_id,
            "batch": self.batch_id,
            "at": moment(self.at).isoformat(timespec="milliseconds"),
            "error": self.error,
            "settlement": self.settlement,
        }


async def keep(connection: AsyncConnection, item: SetAside) -> None:
    """Stores it in the database."""
    row = {
        "call_id": item.call_id,
        "batch_id": item.batch_id,
        "error": item.error.encode("ascii", "backslashreplace").decode(),
        "settlement_json": _to_json(item.settlement),
        "at_ms": item.at,
    }
    await _KEEP.run(connection, [row])


def write_lines(file: BinaryIO, items: Sequence[SetAside]) -> None:
    """Writes the settlements as JSON Lines."""
    file.writelines(_to_json(item.as_json()).encode() + b"\n" for item in items)


def write_beside(database: Path, items: Sequence[SetAside]) -> Path:
    """Writes settlements that the database refuses to a new file beside it; returns its path.

    Raises:
        OSError: No file can be written there, nor in the folder for temporary files.
    """
    name, suffix = f"{database.name}.unstored-", ".jsonl"
    try:
        handle, path = mkstemp(suffix, name, database.parent)
    except OSError:
        handle, path = mkstemp(suffix, name)
    with os.fdopen(handle, "wb") as file:
        write_lines(file, items)
        file.flush()
        os.fsync(handle)
    return Path(path)


def _to_json(value: Any) -> str:
    """Returns JSON with escapes, which can encode lone surrogates and huge integers."""
    return json.dumps(value, ensure_ascii=True, default=repr)


async def count(connection: AsyncConnection) -> int:
    """Returns the number of settlements set aside."""
    return await connection.scalar(select(func.count()).select_from(set_aside)) or 0


async def read(connection: AsyncConnection) -> list[SetAside]:
    """Returns all settlements set aside, by call."""
    rows = await connection.execute(select(set_aside).order_by(set_aside.c.call_id))
    return [
        SetAside(row.call_id, row.batch_id, row.error, json.loads(row.settlement_json), row.at_ms)
        for row in rows
    ]


async def forget(connection: AsyncConnection, call_ids: list[int]) -> None:
    """Deletes the settlements of these calls, after inspection."""
    await connection.execute(delete(set_aside).where(set_aside.c.call_id.in_(call_ids)))

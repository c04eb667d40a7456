"""Every statement on its way to the database, whichever way it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.store.statement import drivers


@contextmanager
def watched(engine: Engine, note: Callable[[str, Any], None]) -> Iterator[None]:
    """Call `note` before each statement on `engine`, with its text and the values of a row."""
    name = engine.dialect.name
    driver = drivers[name]

    def by_sqlalchemy(_connection: Any, _cursor: Any, text: str, values: Any, *_: Any) -> None:
        note(text, values[0] if isinstance(values, list) else values)

    def noted(connection: AsyncConnection, text: str, values: Any) -> None:
        if connection.engine.sync_engine is engine:
            note(text, values)

    async def run(
        connection: AsyncConnection, text: str, rows: Any, missing: Exception | None
    ) -> None:
        noted(connection, text, rows[0])
        await driver.run(connection, text, rows, missing)

    async def fetch(connection: AsyncConnection, text: str, values: Any) -> Any:
        noted(connection, text, values)
        return await driver.fetch(connection, text, values)

    event.listen(engine, "before_cursor_execute", by_sqlalchemy)
    drivers[name] = replace(driver, run=run, fetch=fetch)
    try:
        yield
    finally:
        drivers[name] = driver
        event.remove(engine, "before_cursor_execute", by_sqlalchemy)

"""Precompiled statements, written once in SQLAlchemy's language and run very often.

SQLAlchemy compiles a statement once for each kind of database; after that its text goes straight to
the driver, with the values of one row or of thousands. So the cost of a turn depends on the number
of its statements, not on the number of its rows. A statement costs one round trip to the driver's
thread; after `defer_writes`, a write costs none.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Dialect, Executable, Table
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Driver:
    """The driver of one kind of database.

    Attributes:
        insert: SQLAlchemy's INSERT with ON CONFLICT.
        run: Executes a text once for each row of values; raises the last argument, unless it is
            None, if fewer rows are changed.
        defer: Has the further `run` of a transaction wait for its next `fetch`, or its commit.
        fetch: Executes a text once with these values; returns all rows.
    """

    insert: Callable[[Table], Any]
    run: Callable[
        [AsyncConnection, str, Sequence[tuple[Any, ...]], Exception | None], Awaitable[None]
    ]
    defer: Callable[[AsyncConnection], None]
    fetch: Callable[[AsyncConnection, str, tuple[Any, ...]], Awaitable[Iterable[Any]]]


drivers: dict[str, Driver] = {}
"""The drivers by the name of SQLAlchemy's dialect; each database's module adds its own."""


@dataclass(frozen=True, slots=True)
class Upsert:
    """An upsert: a row whose `keys` exist gets the new values of `changed`, or is left as it is."""

    table: Table
    keys: tuple[str, ...]
    changed: tuple[str, ...] = ()

    def built_for(self, dialect: Dialect) -> Executable:
        """Returns the statement in this dialect."""
        insert: Any = drivers[dialect.name].insert(self.table)
        if not self.changed:
            built = insert.on_conflict_do_nothing(index_elements=self.keys)
        else:
            new = {name: insert.excluded[name] for name in self.changed}
            built = insert.on_conflict_do_update(index_elements=self.keys, set_=new)
        assert isinstance(built, Executable)  # noqa: S101 - whatever inserts is
        return built


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A statement compiled for one kind of database.

    Attributes:
        text: The SQL text.
        names: The names of its parameters, in the order of the text.
        fixed: The values of the parameters that are part of the statement.
        row: Converts a tuple of the driver into a named tuple.
    """

    text: str
    names: tuple[str, ...]
    fixed: Values
    row: Callable[[Iterable[Any]], Any]


class Statement:
    """A statement that is compiled once for each kind of database, and run by its text."""

    def __init__(self, statement: Executable | Upsert) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    async def run(
        self,
        connection: AsyncConnection,
        rows: Sequence[Values],
        *,
        missing: Exception | None = None,
    ) -> None:
        """Executes it once for each of `rows`, by parameter.

        Raises `missing`, if it is given and fewer rows are changed. After `defer_writes` all errors
        come later.
        """
        if not rows:
            return
        own = self._for(connection.dialect)
        if own.fixed:
            rows = [{**own.fixed, **row} for row in rows]
        values = [tuple([row[n] for n in own.names]) for row in rows]
        await drivers[connection.dialect.name].run(connection, own.text, values, missing)

    async def fetch(self, connection: AsyncConnection, **values: Any) -> list[Any]:
        """Executes it once; returns all its rows, with an attribute for each column."""
        own = self._for(connection.dialect)
        bound = {**own.fixed, **values}
        fetch = drivers[connection.dialect.name].fetch
        rows = await fetch(connection, own.text, tuple([bound[n] for n in own.names]))
        return list(map(own.row, rows))

    def _for(self, dialect: Dialect) -> _Compiled:
        if (known := self._compiled.get(dialect.name)) is None:
            known = self._compiled[dialect.name] = _compiled(self._statement, dialect)
        return known


def defer_writes(connection: AsyncConnection) -> None:
    """Has the further `Statement.run` of a transaction executed with its next read, or its commit.

    Their errors are raised there.
    """
    drivers[connection.dialect.name].defer(connection)


def _compiled(statement: Executable | Upsert, dialect: Dialect) -> _Compiled:
    if isinstance(statement, Upsert):
        statement = statement.built_for(dialect)
    assert isinstance(statement, ClauseElement)  # noqa: S101 - every statement is
    compiled = statement.compile(dialect=dialect)
    assert isinstance(compiled, SQLCompiler)  # noqa: S101 - and is compiled to SQL
    if compiled.positiontup is None:
        raise ValueError(f"the driver of {dialect.name} must take parameters by their position")
    selected = getattr(statement, "selected_columns", None)
    columns: list[str] = [] if selected is None else list(selected.keys())
    row: Any = namedtuple("Row", columns, rename=True)  # type: ignore[misc]  # noqa: PYI024
    return _Compiled(
        compiled.string,
        tuple(compiled.positiontup),
        {key: value for key, value in compiled.params.items() if value is not None},
        row._make,
    )

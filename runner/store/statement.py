"""Statements that are written once in SQLAlchemy's language and run very often.

SQLAlchemy compiles a statement for the database at hand once; after that its text goes straight to
the driver, with the values of one row or of thousands. The cost of a turn is then the number of
its statements, not the number of its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Dialect, Executable, Table
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement

Values = Mapping[str, Any]

inserts: dict[str, Callable[[Table], Any]] = {}
"""By database, SQLAlchemy's INSERT with ON CONFLICT; each database's file enters its own."""


@dataclass(frozen=True, slots=True)
class Upsert:
    """Insert rows; of one whose `keys` are there, set what is `changed`, or leave it as it is."""

    table: Table
    keys: tuple[str, ...]
    changed: tuple[str, ...] = ()

    def built_for(self, dialect: Dialect) -> Executable:
        """The statement as the database at hand words it."""
        insert: Any = inserts[dialect.name](self.table)
        if not self.changed:
            built = insert.on_conflict_do_nothing(index_elements=self.keys)
        else:
            new = {name: insert.excluded[name] for name in self.changed}
            built = insert.on_conflict_do_update(index_elements=self.keys, set_=new)
        assert isinstance(built, Executable)  # noqa: S101 - whatever inserts is
        return built


class Statement:
    """A statement that is compiled once for each kind of database, and run by its text."""

    def __init__(self, statement: Executable | Upsert) -> None:
        self._statement = statement
        self._compiled: dict[str, tuple[str, tuple[str, ...], Values]] = {}

    async def run(self, connection: AsyncConnection, rows: Sequence[Values]) -> int:
        """Run it once for each of `rows`, which name its parameters; returns the rows changed."""
        if not rows:
            return 0
        text, names, fixed = self._for(connection.dialect)
        if fixed:
            rows = [{**fixed, **row} for row in rows]
        values = [tuple([row[n] for n in names]) for row in rows]
        return (await connection.exec_driver_sql(text, values)).rowcount

    async def fetch(self, connection: AsyncConnection, **values: Any) -> Sequence[Any]:
        """Run it once, and fetch all its rows."""
        text, names, fixed = self._for(connection.dialect)
        bound = {**fixed, **values}
        found = await connection.exec_driver_sql(text, tuple([bound[n] for n in names]))
        return found.all()

    def _for(self, dialect: Dialect) -> tuple[str, tuple[str, ...], Values]:
        if (known := self._compiled.get(dialect.name)) is None:
            built = self._statement
            if isinstance(built, Upsert):
                built = built.built_for(dialect)
            assert isinstance(built, ClauseElement)  # noqa: S101 - every statement is
            compiled = built.compile(dialect=dialect)
            assert isinstance(compiled, SQLCompiler)  # noqa: S101 - and is compiled to SQL
            names = tuple(compiled.positiontup or ())
            fixed = {key: value for key, value in compiled.params.items() if value is not None}
            known = self._compiled[dialect.name] = (compiled.string, names, fixed)
        return known

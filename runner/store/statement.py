"""Statements that are written once in SQLAlchemy's language and run very often.

SQLAlchemy compiles a statement for the database at hand once; after that its text goes straight to
the driver, with the values of one row or of thousands. The cost of a turn is then the number of
its statements, not the number of its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Dialect, Executable, Table, Text, bindparam
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.sqltypes import NULLTYPE
from sqlalchemy.types import TypeEngine

Values = Mapping[str, Any]

inserts: dict[str, Callable[[Table], Any]] = {}
"""By database, SQLAlchemy's INSERT with ON CONFLICT; each database's file enters its own."""


class OneOf(FunctionElement[Any]):
    """``column IN (any number of values)``, bound as one value: its text never changes.

    Each database compiles it in its own file. `listed` makes the value.
    """

    inherit_cache = True
    type: TypeEngine[Any] = (
        NULLTYPE  # a boolean would be compared with 1, and no index would serve it
    )

    def __init__(self, column: ColumnElement[Any], name: str) -> None:
        super().__init__(column, bindparam(name, type_=Text))


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


def listed(values: Sequence[int | str]) -> str:
    """`values` as `OneOf` takes them."""
    return orjson.dumps(values).decode()


class Statement:
    """A statement that is compiled once for each kind of database, and run by its text."""

    def __init__(self, statement: Executable | Upsert) -> None:
        self._statement = statement
        self._compiled: dict[str, tuple[str, tuple[str, ...], Values]] = {}

    async def run(self, connection: AsyncConnection, rows: Sequence[Values]) -> None:
        """Run it once for each of `rows`, which name its parameters."""
        if not rows:
            return
        text, names, fixed = self._for(connection.dialect)
        if fixed:
            rows = [{**fixed, **row} for row in rows]
        await connection.exec_driver_sql(text, [tuple([row[n] for n in names]) for row in rows])

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

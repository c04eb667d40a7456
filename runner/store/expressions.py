"""SQL expressions that each database compiles in its own way, as in sqlite.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import BigInteger, ColumnElement, TableValuedAlias, Text, bindparam, literal
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.sqltypes import NULLTYPE
from sqlalchemy.types import TypeEngine


class OneOf(FunctionElement[Any]):
    """``column IN (any number of values)``, bound as one value, so that the text never changes.

    `listed` returns the value.
    """

    inherit_cache = True
    # A boolean expression would be compared with 1, which uses no index.
    type: TypeEngine[Any] = NULLTYPE

    def __init__(self, column: ColumnElement[Any], name: str) -> None:
        super().__init__(column, bindparam(name, type_=Text))


def listed(values: Sequence[int | str]) -> str:
    """Returns `values` as a bound value of `OneOf` and `Elements`."""
    return orjson.dumps(values).decode()


class Elements(FunctionElement[Any]):
    """A table of any number of values, bound as one value that `listed` returns.

    Its columns are `key`, the index of the value from 0 on, and `value`. One statement can insert
    thousands of rows from it, during which other threads run.
    """

    inherit_cache = True
    type: TypeEngine[Any] = NULLTYPE

    def __init__(self, name: str) -> None:
        super().__init__(bindparam(name, type_=Text))

    def table(self) -> TableValuedAlias:
        """Returns the table for a FROM clause."""
        return self.table_valued("key", "value")


class ByteLength(FunctionElement[int]):
    """The length of a text in bytes of UTF-8."""

    inherit_cache = True
    type = BigInteger()

    def __init__(self, column: ColumnElement[str]) -> None:
        super().__init__(column)


class ReservedAmount(FunctionElement[int]):
    """The amount that a call has reserved of a quota, from ``{quota: [period, amount]}``."""

    inherit_cache = True
    type = BigInteger()

    def __init__(self, column: ColumnElement[str], quota: str) -> None:
        super().__init__(column, literal(quota))

"""SQL expressions that each database spells its own way; its file says how."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import BigInteger, ColumnElement, TableValuedAlias, Text, bindparam, literal
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.sqltypes import NULLTYPE
from sqlalchemy.types import TypeEngine


class OneOf(FunctionElement[Any]):
    """``column IN (any number of values)``, bound as one value: its text never changes.

    `listed` makes the value.
    """

    inherit_cache = True
    # As a boolean it would be compared with 1, and no index would serve it.
    type: TypeEngine[Any] = NULLTYPE

    def __init__(self, column: ColumnElement[Any], name: str) -> None:
        super().__init__(column, bindparam(name, type_=Text))


def listed(values: Sequence[int | str]) -> str:
    """`values` as `OneOf` and `Elements` take them."""
    return orjson.dumps(values).decode()


class Elements(FunctionElement[Any]):
    """A table of any number of values, bound as one value that `listed` makes.

    Its columns are `key`, the place of the value from 0 on, and `value`. One statement inserts
    thousands of rows from it, while other threads run.
    """

    inherit_cache = True
    type: TypeEngine[Any] = NULLTYPE

    def __init__(self, name: str) -> None:
        super().__init__(bindparam(name, type_=Text))

    def table(self) -> TableValuedAlias:
        """The table, to select from."""
        return self.table_valued("key", "value")


class ByteLength(FunctionElement[int]):
    """How many bytes a text has in UTF-8."""

    inherit_cache = True
    type = BigInteger()

    def __init__(self, column: ColumnElement[str]) -> None:
        super().__init__(column)


class ReservedAmount(FunctionElement[int]):
    """How much a call has reserved of a quota: that of ``{quota: [period, amount]}``."""

    inherit_cache = True
    type = BigInteger()

    def __init__(self, column: ColumnElement[str], quota: str) -> None:
        super().__init__(column, literal(quota))

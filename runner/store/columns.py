"""Types, checks and indexes that several tables use."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, MetaData, text

metadata = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s",
        "pk": "%(table_name)s_pkey",
    }
)

# SQLite's integers have 64 bits under any name, and only INTEGER names its row ids.
Int64 = BigInteger().with_variant(Integer, "sqlite")


def one_of(column: str, states: type[StrEnum]) -> CheckConstraint:
    """Returns a check that a column has one of these words.

    SQLite would build a table of the words for each row written if the check used `IN`.
    """
    rule = " OR ".join(f"{column} = '{state.value}'" for state in states)
    return CheckConstraint(rule, name=f"known_{column}")


def not_negative(*columns: str) -> CheckConstraint:
    """Returns a check that no count is below 0."""
    rule = " AND ".join(f"{column} >= 0" for column in columns)
    return CheckConstraint(rule, name="counts_not_negative")


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """Returns an index of the rows that meet a condition; the other rows do not add to its cost."""
    # An option of another dialect here would load all of that dialect, which takes 25 ms; the
    # module of another database takes the condition from `info` before it creates the table.
    return Index(name, *columns, unique=unique, sqlite_where=text(where), info={"where": where})


def count_column(name: str) -> Column[int]:
    """Returns a column for a count that starts at 0."""
    return Column(name, Int64, nullable=False, server_default="0")

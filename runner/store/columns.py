"""What tables are made of: types, checks and indexes that several of them have."""

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
    """Check that a column has one of these words.

    For `IN`, SQLite would build a table of the words for each row that is written.
    """
    rule = " OR ".join(f"{column} = '{state.value}'" for state in states)
    return CheckConstraint(rule, name=f"known_{column}")


def not_negative(*columns: str) -> CheckConstraint:
    """Check that no count is below 0."""
    rule = " AND ".join(f"{column} >= 0" for column in columns)
    return CheckConstraint(rule, name="counts_not_negative")


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """Make an index over some of the rows: its cost does not grow with the others."""
    # Naming another dialect's option here would load all of that dialect, which takes 25 ms.
    return Index(name, *columns, unique=unique, sqlite_where=text(where), info={"where": where})


def count_column(name: str) -> Column[int]:
    """Make a column that counts, from 0."""
    return Column(name, Int64, nullable=False, server_default="0")

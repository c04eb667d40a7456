"""The tables with the stored sums over the ledger."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, Table, Text

from runner.store.columns import Int64, metadata

# The blocks of consecutive ended calls whose sums are stored (call_totals.py), so that a report
# need not read every call. A block is added up again if one of its calls changes.
call_blocks = Table(
    "call_blocks",
    metadata,
    Column("block", Int64, primary_key=True),
    Column("basis", Text, nullable=False),  # the time zones and quotas of credits of its sums
)

# Sums over the calls of a block, by hour of the account's calendar, with the fields of Figures.
call_totals = Table(
    "call_totals",
    metadata,
    Column("day", Text, primary_key=True),  # YYYY-MM-DD
    Column("hour", Integer, primary_key=True),
    Column("block", Int64, primary_key=True),
    Column("number", Integer, primary_key=True),  # number of the cell in the block
    Column("period_key", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("batch_id", Int64),
    Column("client", Text, nullable=False),
    Column("calls", Int64, nullable=False),
    Column("answered", Int64, nullable=False),
    Column("wasted", Int64, nullable=False),
    Column("failed", Int64, nullable=False),
    Column("throttled", Int64, nullable=False),
    Column("refused", Int64, nullable=False),
    Column("in_flight", Int64, nullable=False),
    Column("unseen", Int64, nullable=False),
    Column("charged", Int64, nullable=False),
    Column("rows", Int64, nullable=False),
    Column("prompt_tokens", Int64, nullable=False),
    Column("completion_tokens", Int64, nullable=False),
    Column("uncounted", Int64, nullable=False),
    Column("credits", Int64, nullable=False),
    Column("latency_ms", Int64, nullable=False),
    Index("call_totals_block", "block"),
)

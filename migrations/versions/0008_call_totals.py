"""The ledger is kept added up, so that a report need not read every call."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

FIGURES = (
    "calls",
    "answered",
    "wasted",
    "failed",
    "throttled",
    "refused",
    "in_flight",
    "unseen",
    "charged",
    "rows",
    "prompt_tokens",
    "completion_tokens",
    "uncounted",
    "credits",
    "latency_ms",
)


def upgrade() -> None:
    op.create_table(
        "call_blocks",
        _number("block"),
        _text("basis"),
        sa.PrimaryKeyConstraint("block", name=op.f("call_blocks_pkey")),
    )
    op.create_table(
        "call_totals",
        _text("day"),
        _number("hour"),
        _number("block"),
        _number("number"),
        _text("period_key"),
        _text("account"),
        _text("model"),
        sa.Column("batch_id", sa.Integer(), nullable=True),
        _text("client"),
        *map(_number, FIGURES),
        sa.PrimaryKeyConstraint("day", "hour", "block", "number", name=op.f("call_totals_pkey")),
    )
    op.create_index("call_totals_block", "call_totals", ["block"])


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)

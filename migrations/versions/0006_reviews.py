"""Answers that people have given to rows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "reviews",
        _number("id"),
        _number("job_id"),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=False),
        _number("reviewed_at_ms"),
        sa.Column("taken_back_at_ms", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("reviews_pkey")),
    )
    op.create_index("reviews_job_id_id", "reviews", ["job_id", "id"])
    op.add_column("batch_counts", _number("reviews_made", "0"))


def _number(name: str, default: str | None = None) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), server_default=default, nullable=False)

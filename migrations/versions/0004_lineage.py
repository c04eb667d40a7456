"""Batches know their job file, their output and what replaces them; calls know their jobs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    for column in (
        _text("job_path"),
        _text("selection"),
        sa.Column("output", sa.Text(), nullable=True),
        sa.Column("error_output", sa.Text(), nullable=True),
        sa.Column("is_trial", sa.Integer(), server_default="0", nullable=False),
        sa.Column("replaced_by", sa.Integer(), nullable=True),
        sa.Column("deleted_at_ms", sa.Integer(), nullable=True),
    ):
        op.add_column("batches", column)
    op.add_column("calls", _text("jobs_asked"))
    op.execute("UPDATE batches SET is_trial = 1 WHERE name LIKE 'try: %'")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)

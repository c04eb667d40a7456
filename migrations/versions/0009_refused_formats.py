"""Types of ``response_format`` that models have refused are remembered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "refused_formats",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("refused_at_ms", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("account", "model", "type", name=op.f("refused_formats_pkey")),
    )

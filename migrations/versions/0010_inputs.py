"""A batch keeps all files of its input, and how they were read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    column = sa.Column("input_json", sa.Text(), server_default="", nullable=False)
    op.add_column("batches", column)

"""The calls of a row are found without reading all calls of its batch."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    for name, where in (("calls_single", "rows_asked = 1"), ("calls_packed", "rows_asked > 1")):
        op.create_index(name, "calls", ["batch_id", "jobs_asked"], sqlite_where=sa.text(where))

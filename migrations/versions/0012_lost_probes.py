"""Windows with a probe in flight are found; those whose probe was lost wait for it no longer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.execute("""
        UPDATE windows SET probe_in_flight = 0
        WHERE probe_in_flight = 1 AND NOT EXISTS (
            SELECT * FROM calls WHERE calls.state = 'reserved' AND calls.probe = 1
            AND calls.account = windows.account AND windows.model IN ('', calls.model)
        )
    """)
    op.drop_index("windows_reserved", table_name="windows")
    in_use = sa.text("reserved > 0 OR probe_in_flight = 1")
    op.create_index("windows_in_use", "windows", ["account"], sqlite_where=in_use)

"""Calls that never left this machine do not count for a batch: those so far are subtracted."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.execute("""
        WITH unsent (batch_id, number) AS MATERIALIZED (
            SELECT batch_id, count(*) FROM calls
            WHERE state = 'local' AND batch_id IS NOT NULL GROUP BY batch_id
        )
        UPDATE batch_counts SET calls_made = max(0, calls_made - (
            SELECT coalesce(sum(number), 0) FROM unsent JOIN batches ON batches.id = unsent.batch_id
            WHERE batch_counts.batch_id IN (batches.id, batches.part_of)
        ))
        WHERE EXISTS (SELECT * FROM unsent)
    """)

"""The first schema: batches, jobs, payloads, results, the ledger and its windows, runners."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "batches",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("priority", sa.Integer(), server_default="0", nullable=False),
        sa.Column("models_json", sa.Text(), nullable=False),
        sa.Column("rotate", sa.Text(), server_default="prefer", nullable=False),
        sa.Column("max_calls", sa.Integer(), nullable=True),
        sa.Column("calls", sa.Integer(), server_default="0", nullable=False),
        sa.Column("job_json", sa.Text(), nullable=False),
        sa.Column("input", sa.Text(), nullable=False),
        sa.Column("columns_json", sa.Text(), nullable=False),
        sa.Column("first_job", sa.Integer(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("loaded", sa.Integer(), server_default="0", nullable=False),
        sa.Column("ready", sa.Integer(), server_default="0", nullable=False),
        sa.Column("waiting", sa.Integer(), server_default="0", nullable=False),
        sa.Column("running", sa.Integer(), server_default="0", nullable=False),
        sa.Column("succeeded", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at_ms", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "state IN ('loading', 'active', 'paused', 'cancelled')",
            name=op.f("batches_known_state"),
        ),
        sa.CheckConstraint("rotate IN ('prefer', 'spread')", name=op.f("batches_known_rotate")),
        sa.CheckConstraint("loaded BETWEEN 0 AND rows", name=op.f("batches_loaded_within_rows")),
        sa.CheckConstraint(
            "ready + waiting + running + succeeded + failed = loaded",
            name=op.f("batches_every_row_counted_once"),
        ),
        sa.CheckConstraint(
            "ready >= 0 AND waiting >= 0 AND running >= 0 AND succeeded >= 0 AND failed >= 0 "
            "AND calls >= 0",
            name=op.f("batches_counts_not_negative"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("batches_pkey")),
        sa.UniqueConstraint("digest", name=op.f("batches_digest_key")),
    )
    op.create_table(
        "calls",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("runner_id", sa.Integer(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("held_json", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("probe", sa.Integer(), server_default="0", nullable=False),
        sa.Column("rows", sa.Integer(), server_default="0", nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("why", sa.Text(), server_default="", nullable=False),
        sa.Column("prompt_tokens", sa.Integer(), nullable=True),
        sa.Column("completion_tokens", sa.Integer(), nullable=True),
        sa.Column("reserved_at_ms", sa.Integer(), nullable=False),
        sa.Column("settled_at_ms", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "(state = 'reserved') = (settled_at_ms IS NULL)", name=op.f("calls_settled_once")
        ),
        sa.CheckConstraint(
            "state IN ('reserved', 'unseen', 'done', 'throttled', 'spent', 'transient', "
            "'rejected', 'unauthorised', 'gone', 'local')",
            name=op.f("calls_known_state"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("calls_pkey")),
    )
    op.create_index("calls_day", "calls", ["day"], unique=False)
    op.create_index(
        "calls_reserved",
        "calls",
        ["runner_id"],
        unique=False,
        sqlite_where=sa.text("state = 'reserved'"),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("claims", sa.Integer(), server_default="0", nullable=False),
        sa.Column("faults", sa.Integer(), server_default="0", nullable=False),
        sa.Column("asks", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at_ms", sa.Integer(), nullable=True),
        sa.Column("runner_id", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "(state = 'running') = (runner_id IS NOT NULL)", name=op.f("jobs_owned_while_running")
        ),
        sa.CheckConstraint(
            "(state = 'waiting') = (due_at_ms IS NOT NULL)", name=op.f("jobs_due_while_waiting")
        ),
        sa.CheckConstraint(
            "state IN ('ready', 'waiting', 'running', 'succeeded', 'failed')",
            name=op.f("jobs_known_state"),
        ),
        sa.CheckConstraint(
            "claims >= 0 AND faults >= 0 AND asks >= 0", name=op.f("jobs_counts_not_negative")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("jobs_pkey")),
    )
    op.create_index(
        "jobs_failed", "jobs", ["id"], unique=False, sqlite_where=sa.text("state = 'failed'")
    )
    op.create_index(
        "jobs_ready", "jobs", ["id"], unique=False, sqlite_where=sa.text("state = 'ready'")
    )
    op.create_index(
        "jobs_running",
        "jobs",
        ["runner_id"],
        unique=False,
        sqlite_where=sa.text("state = 'running'"),
    )
    op.create_index(
        "jobs_waiting",
        "jobs",
        ["due_at_ms"],
        unique=False,
        sqlite_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "payloads",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", name=op.f("payloads_pkey")),
    )
    op.create_table(
        "results",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.Integer(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("reply", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("recorded_at_ms", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "(answer IS NULL) = (error IS NOT NULL)", name=op.f("results_answer_or_error")
        ),
        sa.PrimaryKeyConstraint("job_id", name=op.f("results_pkey")),
    )
    op.create_table(
        "runners",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("started_at_ms", sa.Integer(), nullable=False),
        sa.Column("ended_at_ms", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("runners_pkey")),
    )
    op.create_index(
        "runners_unended",
        "runners",
        ["id"],
        unique=False,
        sqlite_where=sa.text("ended_at_ms IS NULL"),
    )
    op.create_table(
        "windows",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("quota", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("is_primary", sa.Integer(), nullable=False),
        sa.Column("is_latest", sa.Integer(), server_default="1", nullable=False),
        sa.Column("starts_at_ms", sa.Integer(), nullable=False),
        sa.Column("resets_at_ms", sa.Integer(), nullable=False),
        sa.Column("limit", sa.Integer(), nullable=True),
        sa.Column("limit_source", sa.Text(), nullable=False),
        sa.Column("limit_learned_at_ms", sa.Integer(), nullable=True),
        sa.Column("reserve", sa.Integer(), nullable=False),
        sa.Column("spent", sa.Integer(), nullable=False),
        sa.Column("reserved", sa.Integer(), nullable=False),
        sa.Column("carried", sa.Integer(), nullable=False),
        sa.Column("started_at_ms", sa.Integer(), nullable=True),
        sa.Column("counted_at_ms", sa.Integer(), nullable=False),
        sa.Column("recent_json", sa.Text(), server_default="[]", nullable=False),
        sa.Column("doubts_json", sa.Text(), server_default="[]", nullable=False),
        sa.Column("opens_at_ms", sa.Integer(), nullable=False),
        sa.Column("probe", sa.Integer(), nullable=False),
        sa.Column("probing", sa.Integer(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("refusals", sa.Integer(), nullable=False),
        sa.Column("faults", sa.Integer(), nullable=False),
        sa.Column("answered", sa.Integer(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "cause IN ('', 'reset', 'spent', 'throttled', 'ambiguous', 'offline', 'gone', "
            "'faulty', 'early')",
            name=op.f("windows_known_cause"),
        ),
        sa.CheckConstraint(
            "limit_source IN ('preset', 'configured', 'refusal', 'header', 'balance')",
            name=op.f("windows_known_limit_source"),
        ),
        sa.CheckConstraint("probing <= probe", name=op.f("windows_only_a_probe_is_probing")),
        sa.CheckConstraint(
            "reserve >= 0 AND spent >= 0 AND reserved >= 0 AND carried >= 0 AND refusals >= 0 "
            "AND faults >= 0",
            name=op.f("windows_counts_not_negative"),
        ),
        sa.CheckConstraint("starts_at_ms < resets_at_ms", name=op.f("windows_has_length")),
        sa.CheckConstraint(
            "unit IN ('calls', 'tokens', 'credits')", name=op.f("windows_known_unit")
        ),
        sa.PrimaryKeyConstraint("account", "model", "quota", "day", name=op.f("windows_pkey")),
    )
    op.create_index(
        "windows_latest",
        "windows",
        ["account", "model", "quota"],
        unique=True,
        sqlite_where=sa.text("is_latest = 1"),
    )

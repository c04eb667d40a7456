"""Calls of many jobs, batches of parts, followers, a provider's tasks, and balances seen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from alembic.operations import BatchOperations

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    _make_tables()
    _change_batches()
    _change_jobs()
    _change_calls()
    _change_windows()
    # What rows and answers say is most of the database: these two stay where they are.
    op.execute("ALTER TABLE payloads RENAME COLUMN job_id TO id")
    op.add_column("results", _number("reused"))


def _make_tables() -> None:
    op.create_table(
        "requests",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", name=op.f("requests_pkey")),
    )
    op.create_index("requests_fingerprint", "requests", ["fingerprint"], unique=False)
    op.create_table(
        "asks",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.Integer(), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "number", name=op.f("asks_pkey")),
    )
    op.create_table(
        "tasks",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.Integer(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("since_ms", sa.Integer(), nullable=False),
        sa.Column("due_at_ms", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", name=op.f("tasks_pkey")),
    )
    op.create_index("tasks_due", "tasks", ["due_at_ms"], unique=False)
    op.create_table(
        "balances",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.Integer(), nullable=False),
        sa.Column("until_ms", sa.Integer(), nullable=False),
        sa.Column("available", sa.Integer(), nullable=False),
        sa.Column("frozen", sa.Integer(), nullable=False),
        sa.Column("charged", sa.Integer(), nullable=False),
        sa.Column("counted", sa.Integer(), nullable=False),
        sa.CheckConstraint("at_ms <= until_ms", name=op.f("balances_seen_in_order")),
        sa.CheckConstraint(
            "available >= 0 AND frozen >= 0 AND charged >= 0 AND counted >= 0",
            name=op.f("balances_counts_not_negative"),
        ),
        sa.PrimaryKeyConstraint("account", "at_ms", name=op.f("balances_pkey")),
    )


def _change_batches() -> None:
    """Each batch so far is whole, and asks its rows one by one."""
    op.add_column("batches", sa.Column("first_payload", sa.Integer(), nullable=True))
    op.add_column("batches", _number("rejected"))
    op.execute(
        "UPDATE batches SET first_payload = first_job, rejected = (SELECT count(*) FROM calls"
        " WHERE calls.batch_id = batches.id AND calls.state = 'rejected')"
    )
    with op.batch_alter_table("batches") as batches:
        batches.alter_column("first_payload", nullable=False)
        batches.alter_column("note", server_default="")
        batches.add_column(sa.Column("part_of", sa.Integer(), nullable=True))
        batches.add_column(sa.Column("part", sa.Text(), server_default="", nullable=False))
        batches.add_column(_number("stride", "1"))
        batches.add_column(_number("pack", "1"))
        batches.add_column(sa.Column("pack_bytes", sa.Integer(), nullable=True))
        for name in ("reuse", "pending", "following", "reused"):
            batches.add_column(_number(name))
        for name, rule in {
            "batches_counts_not_negative": "ready >= 0 AND waiting >= 0 AND running >= 0 "
            "AND succeeded >= 0 AND failed >= 0 AND pending >= 0 AND following >= 0 "
            "AND reused >= 0 AND rejected >= 0 AND calls >= 0",
            "batches_every_row_counted_once": "ready + waiting + running + succeeded + failed "
            "+ pending + following = loaded",
        }.items():
            _replace_check(batches, name, rule)
        batches.create_check_constraint(op.f("batches_steps_forward"), "pack >= 1 AND stride >= 1")
        batches.create_check_constraint(
            op.f("batches_part_is_named"), "(part_of IS NULL) = (part = '')"
        )
    op.create_index(
        "batches_parts",
        "batches",
        ["part_of"],
        unique=False,
        sqlite_where=sa.text("part_of IS NOT NULL"),
    )


def _change_jobs() -> None:
    """No job so far follows another, or has had company."""
    op.drop_index("jobs_ready", "jobs")
    with op.batch_alter_table("jobs") as jobs:
        jobs.add_column(_number("halvings"))
        jobs.add_column(sa.Column("leader_id", sa.Integer(), nullable=True))
        for name, rule in {
            "jobs_known_state": "state IN ('ready', 'waiting', 'running', 'pending', "
            "'following', 'succeeded', 'failed')",
            "jobs_counts_not_negative": "claims >= 0 AND faults >= 0 AND asks >= 0 "
            "AND halvings >= 0",
        }.items():
            _replace_check(jobs, name, rule)
        jobs.create_check_constraint(
            op.f("jobs_follows_somebody"), "state <> 'following' OR leader_id IS NOT NULL"
        )
    op.create_index(
        "jobs_ready",
        "jobs",
        ["halvings", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'ready'"),
    )
    op.create_index(
        "jobs_followers",
        "jobs",
        ["leader_id"],
        unique=False,
        sqlite_where=sa.text("leader_id IS NOT NULL"),
    )


def _change_calls() -> None:
    """Each call so far was about one job; which one, its result says."""
    with op.batch_alter_table("calls") as calls:
        calls.alter_column("why", server_default="")
        calls.drop_column("job_id")
        calls.add_column(_number("jobs", "1"))


def _change_windows() -> None:
    with op.batch_alter_table("windows") as windows:
        _replace_check(
            windows,
            "windows_known_cause",
            "cause IN ('', 'reset', 'spent', 'throttled', 'ambiguous', 'offline', 'gone', "
            "'faulty', 'early', 'refused')",
        )


def _number(name: str, default: str = "0") -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), server_default=default, nullable=False)


def _replace_check(table: BatchOperations, name: str, rule: str) -> None:
    table.drop_constraint(op.f(name), type_="check")
    table.create_check_constraint(op.f(name), rule)

"""The field's names for everything; counts apart from texts; settlements that were set aside.

Tables whose names, columns or checks change are made anew and filled by one statement each.
`results`, `balances` and `runners` stay as they are.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_REPLACED = ("batches", "jobs", "calls", "windows")
_RENAMED = ("payloads", "requests", "asks", "tasks")
# An index keeps its name when its table is renamed; these names are wanted again.
_OLD_INDEXES = {
    "batches": ("batches_parts",),
    "jobs": ("jobs_ready", "jobs_waiting", "jobs_running", "jobs_failed"),
    "calls": ("calls_reserved",),
    "windows": ("windows_latest",),
}


def upgrade() -> None:
    for table in _REPLACED:
        for index in _OLD_INDEXES[table]:
            op.drop_index(index, table)
        op.rename_table(table, f"old_{table}")
    _make_batches()
    _make_jobs()
    _make_texts()
    _make_image_tasks()
    _make_calls()
    _make_windows()
    _make_set_aside()
    for statement in _COPIES:
        op.execute(statement)
    for table in (*(f"old_{table}" for table in _REPLACED), *_RENAMED):
        op.drop_table(table)
    _make_indexes()  # after the rows: an index that is built at once is quicker


# `crashes` begins at 0: the `claims` of before counted every call, whoever survived it.
_COPIES = (
    """
    INSERT INTO batches (
        id, name, digest, state, pause_reason, priority, models_json, rotate, max_calls, job_json,
        input, columns_json, part_of, part, first_job, first_row, row_step, max_rows_per_call,
        max_bytes_per_call, reuse_answers, rows, created_at_ms)
    SELECT
        id, name, digest, state, note, priority, models_json, rotate, max_calls, job_json,
        input, columns_json, part_of, part, first_job, first_payload, stride, pack,
        pack_bytes, reuse, rows, created_at_ms
    FROM old_batches
    """,
    """
    INSERT INTO batch_counts (
        batch_id, rows_loaded, ready, waiting, running, succeeded, failed, pending, duplicate,
        reused, calls_made, calls_rejected)
    SELECT
        id, loaded, ready, waiting, running, succeeded, failed, pending, following,
        reused, calls, rejected
    FROM old_batches
    """,
    """
    INSERT INTO jobs (
        id, batch_id, state, attempts, crashes, faults, invalid_replies, splits, due_at_ms,
        runner_id, duplicate_of)
    SELECT
        id, batch_id, CASE state WHEN 'following' THEN 'duplicate' ELSE state END, claims, 0,
        faults, asks, halvings, due_at_ms, runner_id, leader_id
    FROM old_jobs
    """,
    "INSERT INTO rows (id, body) SELECT id, body FROM payloads",
    "INSERT INTO fingerprints (job_id, fingerprint) SELECT job_id, fingerprint FROM requests",
    """
    INSERT INTO invalid_replies (job_id, number, call_id, reply, reason)
    SELECT job_id, number, call_id, reply, why FROM asks
    """,
    # Whoever polled a task has ended: no runner of the old version is at work.
    """
    INSERT INTO image_tasks (
        job_id, batch_id, call_id, account, task_id, started_at_ms, due_at_ms, runner_id)
    SELECT job_id, batch_id, call_id, account, task_id, since_ms, due_at_ms, NULL FROM tasks
    """,
    # A clock that was set back could settle a call before it was reserved.
    """
    INSERT INTO calls (
        id, batch_id, rows_asked, runner_id, account, model, period_key, reserved_json, state,
        probe, rows_finished, status, error, prompt_tokens, completion_tokens, reserved_at_ms,
        settled_at_ms)
    SELECT
        id, batch_id, jobs, runner_id, account, model, day, held_json, state,
        probe, rows, status, why, prompt_tokens, completion_tokens, reserved_at_ms,
        max(settled_at_ms, reserved_at_ms)
    FROM old_calls
    """,
    """
    INSERT INTO windows (
        account, model, quota, period_key, unit, period, is_primary, is_latest, starts_at_ms,
        resets_at_ms, "limit", limit_source, limit_learned_at_ms, reserve, spent, reserved,
        previous_spent, last_start_at_ms, counted_at_ms, recent_json, unconfirmed_json,
        parked_until_ms, needs_probe, probe_in_flight, park_reason, refusals, faults, answered,
        park_message)
    SELECT
        account, model, quota, day, unit, period, is_primary, is_latest, starts_at_ms,
        resets_at_ms, "limit", limit_source, limit_learned_at_ms, reserve, spent, reserved,
        carried, started_at_ms, counted_at_ms, recent_json, doubts_json,
        opens_at_ms, probe, probing,
        CASE cause WHEN 'faulty' THEN 'circuit_open' WHEN 'early' THEN 'reset' ELSE cause END,
        refusals, faults, answered, why
    FROM old_windows
    """,
)


def _make_batches() -> None:
    op.create_table(
        "batches",
        sa.Column("id", sa.Integer(), nullable=False),
        _text("name"),
        _text("digest"),
        _text("state"),
        _text("pause_reason", ""),
        _number("priority", "0"),
        _text("models_json"),
        _text("rotate", "prefer"),
        sa.Column("max_calls", sa.Integer(), nullable=True),
        _text("job_json"),
        _text("input"),
        _text("columns_json"),
        sa.Column("part_of", sa.Integer(), nullable=True),
        _text("part", ""),
        _number("first_job"),
        _number("first_row"),
        _number("row_step", "1"),
        _number("max_rows_per_call", "1"),
        sa.Column("max_bytes_per_call", sa.Integer(), nullable=True),
        _number("reuse_answers", "0"),
        _number("rows"),
        _number("created_at_ms"),
        _one_of("batches", "state", "loading,active,paused,cancelled"),
        _one_of("batches", "rotate", "prefer,spread"),
        _check("batches_steps_forward", "max_rows_per_call >= 1 AND row_step >= 1"),
        _check("batches_part_is_named", "(part_of IS NULL) = (part = '')"),
        sa.PrimaryKeyConstraint("id", name=op.f("batches_pkey")),
        sa.UniqueConstraint("digest", name=op.f("batches_digest_key")),
    )
    states = ("ready", "waiting", "running", "succeeded", "failed", "pending", "duplicate")
    others = ("reused", "calls_made", "calls_rejected")
    op.create_table(
        "batch_counts",
        sa.Column("batch_id", sa.Integer(), nullable=False),
        *(_number(name, "0") for name in ("rows_loaded", *states, *others)),
        _not_negative("batch_counts", *states, *others),
        _check("batch_counts_every_row_counted_once", f"{' + '.join(states)} = rows_loaded"),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("batch_counts_pkey")),
    )


def _make_jobs() -> None:
    tries = ("attempts", "crashes", "faults", "invalid_replies", "splits")
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer(), nullable=False),
        _number("batch_id"),
        _text("state"),
        *(_number(name, "0") for name in tries),
        sa.Column("due_at_ms", sa.Integer(), nullable=True),
        sa.Column("runner_id", sa.Integer(), nullable=True),
        sa.Column("duplicate_of", sa.Integer(), nullable=True),
        _one_of("jobs", "state", "ready,waiting,running,pending,duplicate,succeeded,failed"),
        _not_negative("jobs", *tries),
        _check("jobs_due_while_waiting", "(state = 'waiting') = (due_at_ms IS NOT NULL)"),
        _check("jobs_owned_while_running", "(state = 'running') = (runner_id IS NOT NULL)"),
        _check("jobs_duplicate_of_a_job", "state <> 'duplicate' OR duplicate_of IS NOT NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("jobs_pkey")),
    )


def _make_texts() -> None:
    op.create_table(
        "rows",
        sa.Column("id", sa.Integer(), nullable=False),
        _text("body"),
        sa.PrimaryKeyConstraint("id", name=op.f("rows_pkey")),
    )
    op.create_table(
        "fingerprints",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", name=op.f("fingerprints_pkey")),
    )
    op.create_table(
        "invalid_replies",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        _number("call_id"),
        _text("reply"),
        _text("reason"),
        sa.PrimaryKeyConstraint("job_id", "number", name=op.f("invalid_replies_pkey")),
    )


def _make_image_tasks() -> None:
    op.create_table(
        "image_tasks",
        sa.Column("job_id", sa.Integer(), nullable=False),
        _number("batch_id"),
        _number("call_id"),
        _text("account"),
        _text("task_id"),
        _number("started_at_ms"),
        _number("due_at_ms"),
        sa.Column("runner_id", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("job_id", name=op.f("image_tasks_pkey")),
    )


def _make_calls() -> None:
    op.create_table(
        "calls",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=True),
        _number("rows_asked", "1"),
        _number("runner_id"),
        _text("account"),
        _text("model"),
        _text("period_key"),
        _text("reserved_json"),
        _text("state"),
        _number("probe", "0"),
        _number("rows_finished", "0"),
        sa.Column("status", sa.Integer(), nullable=True),
        _text("error", ""),
        sa.Column("prompt_tokens", sa.Integer(), nullable=True),
        sa.Column("completion_tokens", sa.Integer(), nullable=True),
        _number("reserved_at_ms"),
        sa.Column("settled_at_ms", sa.Integer(), nullable=True),
        _one_of(
            "calls",
            "state",
            "reserved,unseen,done,throttled,spent,transient,rejected,unauthorised,gone,local",
        ),
        _check("calls_settled_once", "(state = 'reserved') = (settled_at_ms IS NULL)"),
        _check("calls_settled_after_reserved", "settled_at_ms >= reserved_at_ms"),
        sa.PrimaryKeyConstraint("id", name=op.f("calls_pkey")),
    )


def _make_windows() -> None:
    op.create_table(
        "windows",
        *(_text(name) for name in ("account", "model", "quota", "period_key", "unit", "period")),
        _number("is_primary"),
        _number("is_latest", "1"),
        _number("starts_at_ms"),
        _number("resets_at_ms"),
        sa.Column("limit", sa.Integer(), nullable=True),
        _text("limit_source"),
        sa.Column("limit_learned_at_ms", sa.Integer(), nullable=True),
        *(_number(name) for name in ("reserve", "spent", "reserved", "previous_spent")),
        sa.Column("last_start_at_ms", sa.Integer(), nullable=True),
        _number("counted_at_ms"),
        _text("recent_json", "[]"),
        _text("unconfirmed_json", "[]"),
        *(_number(name) for name in ("parked_until_ms", "needs_probe", "probe_in_flight")),
        _text("park_reason"),
        *(_number(name) for name in ("refusals", "faults", "answered")),
        _text("park_message"),
        _one_of("windows", "unit", "calls,tokens,credits"),
        _one_of("windows", "limit_source", "preset,configured,refusal,header,balance"),
        _one_of(
            "windows",
            "park_reason",
            ",reset,spent,throttled,ambiguous,offline,gone,circuit_open,refused",
        ),
        _not_negative(
            "windows", "reserve", "spent", "reserved", "previous_spent", "refusals", "faults"
        ),
        _check("windows_has_length", "starts_at_ms < resets_at_ms"),
        _check("windows_only_a_probe_is_in_flight", "probe_in_flight <= needs_probe"),
        sa.PrimaryKeyConstraint(
            "account", "model", "quota", "period_key", name=op.f("windows_pkey")
        ),
    )


def _make_set_aside() -> None:
    op.create_table(
        "set_aside",
        sa.Column("call_id", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=True),
        _text("error"),
        _text("settlement_json"),
        _number("at_ms"),
        sa.PrimaryKeyConstraint("call_id", name=op.f("set_aside_pkey")),
    )


def _make_indexes() -> None:
    _partial("batches_parts", "batches", "part_of", where="part_of IS NOT NULL")
    _partial("jobs_ready", "jobs", "splits", "id", where="state = 'ready'")
    _partial("jobs_waiting", "jobs", "due_at_ms", where="state = 'waiting'")
    _partial("jobs_running", "jobs", "runner_id", where="state = 'running'")
    _partial("jobs_failed", "jobs", "id", where="state = 'failed'")
    keys = ("duplicate_of", "state")
    _partial("jobs_duplicates", "jobs", *keys, where="duplicate_of IS NOT NULL")
    op.create_index("fingerprints_fingerprint", "fingerprints", ["fingerprint"], unique=False)
    op.create_index("image_tasks_due_at_ms", "image_tasks", ["due_at_ms"], unique=False)
    _partial("image_tasks_leased", "image_tasks", "runner_id", where="runner_id IS NOT NULL")
    op.create_index("calls_period_key", "calls", ["period_key"], unique=False)
    _partial("calls_reserved", "calls", "runner_id", where="state = 'reserved'")
    keys = ("account", "model", "quota")
    _partial("windows_latest", "windows", *keys, where="is_latest = 1", unique=True)
    _partial("windows_reserved", "windows", "account", where="reserved > 0")


def _text(name: str, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default=default, nullable=False)


def _number(name: str, default: str | None = None) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), server_default=default, nullable=False)


def _check(name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(name))


def _one_of(table: str, column: str, words: str) -> sa.CheckConstraint:
    rule = " OR ".join(f"{column} = '{word}'" for word in words.split(","))
    return _check(f"{table}_known_{column}", rule)


def _not_negative(table: str, *columns: str) -> sa.CheckConstraint:
    rule = " AND ".join(f"{column} >= 0" for column in columns)
    return _check(f"{table}_counts_not_negative", rule)


def _partial(name: str, table: str, *columns: str, where: str, unique: bool = False) -> None:
    op.create_index(name, table, columns, unique=unique, sqlite_where=sa.text(where))

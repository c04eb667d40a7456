"""Calls of clients, their keys, and the files and batches of the OpenAI Batch API."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_STATES = (
    "validating",
    "in_progress",
    "finalizing",
    "completed",
    "failed",
    "cancelling",
    "cancelled",
)
_OPEN = "state IN ('validating', 'in_progress', 'finalizing', 'cancelling')"


def upgrade() -> None:
    op.add_column("calls", sa.Column("client", sa.Text(), nullable=True))
    _partial("calls_clients", "calls", "client", "reserved_at_ms", where="client IS NOT NULL")
    op.add_column("windows", _number("by_clients", "0"))
    _make_client_keys()
    _make_api_files()
    _make_api_batches()


def _make_client_keys() -> None:
    op.create_table(
        "client_keys",
        _text("client"),
        _text("key_hash"),
        _number("created_at_ms"),
        sa.PrimaryKeyConstraint("client", name=op.f("client_keys_pkey")),
        sa.UniqueConstraint("key_hash", name=op.f("client_keys_key_hash_key")),
    )


def _make_api_files() -> None:
    op.create_table(
        "api_files",
        sa.Column("number", sa.Integer(), nullable=False),
        *(_text(name) for name in ("id", "client", "purpose", "filename")),
        _number("bytes"),
        _number("created_at_ms"),
        sa.Column("expires_at_ms", sa.Integer(), nullable=True),
        sa.CheckConstraint("bytes >= 0", name=op.f("api_files_counts_not_negative")),
        sa.PrimaryKeyConstraint("number", name=op.f("api_files_pkey")),
        sa.UniqueConstraint("id", name=op.f("api_files_id_key")),
    )
    expiring = "expires_at_ms IS NOT NULL"
    _partial("api_files_expiring", "api_files", "expires_at_ms", where=expiring)


def _make_api_batches() -> None:
    known_state = " OR ".join(f"state = '{state}'" for state in _STATES)
    texts = ("metadata_json", "idempotency_key", "model", "errors_json")
    results = ("output_file_id", "error_file_id")
    moments = ("in_progress", "finalizing", "completed", "failed", "cancelling", "cancelled")
    op.create_table(
        "api_batches",
        sa.Column("number", sa.Integer(), nullable=False),
        *(_text(name) for name in ("id", "client", "state")),
        sa.Column("batch_id", sa.Integer(), nullable=True),
        *(_text(name) for name in ("input_file_id", "endpoint", "completion_window")),
        *(sa.Column(name, sa.Text(), nullable=True) for name in (*texts, *results)),
        sa.Column("output_expires_s", sa.Integer(), nullable=True),
        *(_number(name, "0") for name in ("completed", "failed", "total")),
        sa.Column("prompt_tokens", sa.Integer(), nullable=True),
        sa.Column("completion_tokens", sa.Integer(), nullable=True),
        _number("created_at_ms"),
        *(sa.Column(f"{name}_at_ms", sa.Integer(), nullable=True) for name in moments),
        sa.CheckConstraint(known_state, name=op.f("api_batches_known_state")),
        sa.PrimaryKeyConstraint("number", name=op.f("api_batches_pkey")),
        sa.UniqueConstraint("id", name=op.f("api_batches_id_key")),
        sa.UniqueConstraint(
            "client", "idempotency_key", name=op.f("api_batches_client_idempotency_key_key")
        ),
    )
    _partial("api_batches_open", "api_batches", "state", where=_OPEN)
    _partial("api_batches_queued", "api_batches", "batch_id", where="batch_id IS NOT NULL")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _number(name: str, default: str | None = None) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), server_default=default, nullable=False)


def _partial(name: str, table: str, *columns: str, where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where))

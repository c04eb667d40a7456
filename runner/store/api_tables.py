"""The tables of `midnight serve`: keys of clients, and the files and batches of the Batch API."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text, UniqueConstraint

from runner.core.states import ApiBatchState
from runner.store.columns import Int64, metadata, not_negative, one_of, partial_index

# The keys of clients of `midnight serve`, as hashes only.
client_keys = Table(
    "client_keys",
    metadata,
    Column("client", Text, primary_key=True),
    Column("key_hash", Text, nullable=False),  # SHA-256, in hexadecimal digits
    Column("created_at_ms", Int64, nullable=False),
    UniqueConstraint("key_hash"),
)

# Files of the OpenAI Batch API. Their bytes are beside the database, each in a file of its id.
api_files = Table(
    "api_files",
    metadata,
    Column("number", Int64, primary_key=True),  # the order of lists
    Column("id", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("filename", Text, nullable=False),
    Column("bytes", Int64, nullable=False),
    Column("created_at_ms", Int64, nullable=False),
    Column("expires_at_ms", Int64),  # NULL: never
    UniqueConstraint("id"),
    not_negative("bytes"),
    partial_index("api_files_expiring", "expires_at_ms", where="expires_at_ms IS NOT NULL"),
)

# Batches of the OpenAI Batch API; each has a row in `batches` once its file is queued.
api_batches = Table(
    "api_batches",
    metadata,
    Column("number", Int64, primary_key=True),  # the order of lists
    Column("id", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("batch_id", Int64),  # NULL: not queued yet, or its file is not valid
    Column("input_file_id", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("completion_window", Text, nullable=False),
    Column("metadata_json", Text),
    Column("idempotency_key", Text),
    Column("output_expires_s", Int64),  # the lifetime of its results; NULL: the default
    Column("model", Text),
    Column("errors_json", Text),  # the errors in its file
    Column("output_file_id", Text),
    Column("error_file_id", Text),
    Column("completed", Int64, nullable=False, server_default="0"),  # requests, at the end
    Column("failed", Int64, nullable=False, server_default="0"),
    Column("total", Int64, nullable=False, server_default="0"),
    Column("prompt_tokens", Int64),
    Column("completion_tokens", Int64),
    Column("created_at_ms", Int64, nullable=False),
    Column("in_progress_at_ms", Int64),
    Column("finalizing_at_ms", Int64),
    Column("completed_at_ms", Int64),
    Column("failed_at_ms", Int64),
    Column("cancelling_at_ms", Int64),
    Column("cancelled_at_ms", Int64),
    UniqueConstraint("id"),
    UniqueConstraint("client", "idempotency_key"),
    one_of("state", ApiBatchState),
    partial_index(
        "api_batches_open",
        "state",
        where="state IN ('validating', 'in_progress', 'finalizing', 'cancelling')",
    ),
    partial_index("api_batches_queued", "batch_id", where="batch_id IS NOT NULL"),
)

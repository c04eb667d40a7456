"""The tables, with their checks and indexes; no queries.

Moments are integer milliseconds since the epoch, UTC (`_ms`), in 64 bits. A batch's jobs have the
consecutive ids ``first_job .. first_job + rows - 1``, in the order of the input: so the order of
an export, the range of a claim and the place to resume loading need no column of their own.

A batch may have parts: batches of their own that ask the same rows once more for a vote, or some
of them for a check. A part stores no rows: its n-th job belongs to row
``first_row + n * row_step`` of the batch that it is part of.

The tables that every call changes (`jobs`, `batch_counts`, `windows`) have short rows; texts are
stored in other tables.
"""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from runner.core.demand import Rotate
from runner.core.gate import ParkReason
from runner.core.states import BatchState, CallState, JobState
from runner.core.window import Source, Unit
from runner.store.columns import (
    Int64,
    count_column,
    metadata,
    not_negative,
    one_of,
    partial_index,
)

batches = Table(
    "batches",
    metadata,
    Column("id", Int64, primary_key=True),
    Column("name", Text, nullable=False),
    Column("digest", Text, nullable=False),  # of the job file and the input's rows
    Column("state", Text, nullable=False),
    Column("pause_reason", Text, nullable=False, server_default=""),
    Column("priority", Integer, nullable=False, server_default="0"),  # lower goes first
    Column("models_json", Text, nullable=False),  # the preferred one first
    Column("rotate", Text, nullable=False, server_default="prefer"),
    Column("max_calls", Int64),  # the user's limit on its calls; NULL: any number
    Column("job_json", Text, nullable=False),  # the job file, as it was submitted
    Column("input", Text, nullable=False),  # the path of the first file
    Column("columns_json", Text, nullable=False),  # the input's columns, in order
    Column("part_of", Int64),  # the batch that this one is a part of; NULL: it is whole
    Column("part", Text, nullable=False, server_default=""),  # which part: "vote 2", "check"
    Column("first_job", Int64, nullable=False),
    Column("first_row", Int64, nullable=False),  # of its first job
    Column("row_step", Int64, nullable=False, server_default="1"),  # rows from job to job
    Column("max_rows_per_call", Integer, nullable=False, server_default="1"),
    Column("max_bytes_per_call", Int64),  # total size of its rows; NULL: any size
    Column("reuse_answers", Integer, nullable=False, server_default="0"),  # of other batches
    Column("rows", Int64, nullable=False),
    Column("created_at_ms", Int64, nullable=False),
    Column("job_path", Text, nullable=False, server_default=""),  # of the job file, if it has one
    Column("selection", Text, nullable=False, server_default=""),  # of the input's rows; "": all
    Column("input_json", Text, nullable=False, server_default=""),  # its files and options; "": old
    Column("output", Text),  # the file for its results; NULL: none
    Column("error_output", Text),  # that of the requests that failed
    Column("is_trial", Integer, nullable=False, server_default="0"),
    Column("replaced_by", Int64),  # the batch of a newer version of the job file
    Column("deleted_at_ms", Int64),  # the row stays, so that ids in the ledger are not reused
    UniqueConstraint("digest"),
    one_of("state", BatchState),
    one_of("rotate", Rotate),
    CheckConstraint("max_rows_per_call >= 1 AND row_step >= 1", name="steps_forward"),
    CheckConstraint("(part_of IS NULL) = (part = '')", name="part_is_named"),
    partial_index("batches_parts", "part_of", where="part_of IS NOT NULL"),
)

# The counts that every call changes, apart from the texts above, which are not rewritten with them.
batch_counts = Table(
    "batch_counts",
    metadata,
    Column("batch_id", Int64, primary_key=True),
    count_column("rows_loaded"),  # queued so far
    count_column("ready"),
    count_column("waiting"),
    count_column("running"),
    count_column("succeeded"),
    count_column("failed"),
    count_column("pending"),
    count_column("duplicate"),
    count_column("reused"),  # those that succeeded without a call
    count_column("calls_made"),  # with those of its parts; only calls that may have left
    count_column("calls_rejected"),  # since its last answer
    count_column("reviews_made"),  # by people, with those that were taken back
    not_negative(
        "ready",
        "waiting",
        "running",
        "succeeded",
        "failed",
        "pending",
        "duplicate",
        "reused",
        "calls_made",
        "calls_rejected",
    ),
    CheckConstraint(
        "ready + waiting + running + succeeded + failed + pending + duplicate = rows_loaded",
        name="every_row_counted_once",
    ),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Int64, primary_key=True),
    Column("batch_id", Int64, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),  # calls it was part of
    Column("crashes", Integer, nullable=False, server_default="0"),  # of runners that had it
    Column("faults", Integer, nullable=False, server_default="0"),  # transient faults
    Column("invalid_replies", Integer, nullable=False, server_default="0"),  # to it alone
    Column("splits", Integer, nullable=False, server_default="0"),  # of the pack it was in
    Column("due_at_ms", Int64),  # when a waiting job is ready again
    Column("runner_id", Int64),  # the epoch that has claimed it
    Column("duplicate_of", Int64),  # the job of the same batch with the same request
    one_of("state", JobState),
    not_negative("attempts", "crashes", "faults", "invalid_replies", "splits"),
    CheckConstraint("(state = 'waiting') = (due_at_ms IS NOT NULL)", name="due_while_waiting"),
    CheckConstraint("(state = 'running') = (runner_id IS NOT NULL)", name="owned_while_running"),
    CheckConstraint("state <> 'duplicate' OR duplicate_of IS NOT NULL", name="duplicate_of_a_job"),
    partial_index("jobs_ready", "splits", "id", where="state = 'ready'"),
    partial_index("jobs_waiting", "due_at_ms", where="state = 'waiting'"),
    partial_index("jobs_running", "runner_id", where="state = 'running'"),
    partial_index("jobs_failed", "id", where="state = 'failed'"),
    partial_index("jobs_duplicates", "duplicate_of", "state", where="duplicate_of IS NOT NULL"),
)

rows = Table(
    "rows",
    metadata,
    Column("id", Int64, primary_key=True),  # that of the job it was queued for
    Column("body", Text, nullable=False),  # the input's row as a JSON object
)

fingerprints = Table(
    "fingerprints",
    metadata,
    Column("job_id", Int64, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),  # of the job's request and its models
    Index("fingerprints_fingerprint", "fingerprint"),
)

invalid_replies = Table(
    "invalid_replies",
    metadata,
    Column("job_id", Int64, primary_key=True),
    Column("number", Integer, primary_key=True),  # from 1
    Column("call_id", Int64, nullable=False),
    Column("reply", Text, nullable=False),  # the model's reply to this job alone
    Column("reason", Text, nullable=False),  # why it is invalid
)

image_tasks = Table(
    "image_tasks",
    metadata,
    Column("job_id", Int64, primary_key=True),
    Column("batch_id", Int64, nullable=False),
    Column("call_id", Int64, nullable=False),  # the one that was paid
    Column("account", Text, nullable=False),
    Column("task_id", Text, nullable=False),  # the provider's id of it
    Column("started_at_ms", Int64, nullable=False),
    Column("due_at_ms", Int64, nullable=False),  # when to poll it
    Column("runner_id", Int64),  # the epoch that has leased it for a poll; NULL: none
    Index("image_tasks_due_at_ms", "due_at_ms"),
    partial_index("image_tasks_leased", "runner_id", where="runner_id IS NOT NULL"),
)

results = Table(
    "results",
    metadata,
    Column("job_id", Int64, primary_key=True),  # so a job has at most one result
    Column("call_id", Int64),  # the call that brought it; NULL if the job's runners died
    Column("reused", Integer, nullable=False, server_default="0"),  # of another job's call
    Column("answer", Text),  # NULL for a failure
    Column("reply", Text),  # the model's reply, where it differs from the answer
    Column("error", Text),
    Column("recorded_at_ms", Int64, nullable=False),
    CheckConstraint("(answer IS NULL) = (error IS NOT NULL)", name="answer_or_error"),
)

# Answers of people; the last one of a job that was not taken back counts.
reviews = Table(
    "reviews",
    metadata,
    Column("id", Int64, primary_key=True),
    Column("job_id", Int64, nullable=False),  # of the batch itself, never of a part
    Column("answer", Text, nullable=False),
    Column("reviewer", Text, nullable=False),
    Column("reviewed_at_ms", Int64, nullable=False),
    Column("taken_back_at_ms", Int64),  # NULL: it was not taken back
    Index("reviews_job_id_id", "job_id", "id"),
)

calls = Table(
    "calls",
    metadata,
    Column("id", Int64, primary_key=True),
    Column("batch_id", Int64),  # NULL: for no batch
    Column("rows_asked", Integer, nullable=False, server_default="1"),
    Column("jobs_asked", Text, nullable=False, server_default=""),  # "17", or "17-36,40"
    Column("runner_id", Int64, nullable=False),
    Column("account", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("period_key", Text, nullable=False),  # the quota day of the account's first window
    Column("reserved_json", Text, nullable=False),  # {quota: [period, amount reserved there]}
    Column("state", Text, nullable=False),
    Column("probe", Integer, nullable=False, server_default="0"),
    Column("rows_finished", Integer, nullable=False, server_default="0"),
    Column("status", Integer),  # of HTTP; NULL when no reply came
    Column("error", Text, nullable=False, server_default=""),
    Column("prompt_tokens", Int64),
    Column("completion_tokens", Int64),
    Column("reserved_at_ms", Int64, nullable=False),
    Column("settled_at_ms", Int64),
    Column("client", Text),  # the client of the server that it was made for; NULL: none
    one_of("state", CallState),
    CheckConstraint("(state = 'reserved') = (settled_at_ms IS NULL)", name="settled_once"),
    CheckConstraint("settled_at_ms >= reserved_at_ms", name="settled_after_reserved"),
    Index("calls_period_key", "period_key"),
    partial_index("calls_reserved", "runner_id", where="state = 'reserved'"),
    # The calls of a row: single ones are found by its job, packs are scanned, as they are fewer.
    partial_index("calls_single", "batch_id", "jobs_asked", where="rows_asked = 1"),
    partial_index("calls_packed", "batch_id", "jobs_asked", where="rows_asked > 1"),
    partial_index("calls_clients", "client", "reserved_at_ms", where="client IS NOT NULL"),
)

windows = Table(
    "windows",
    metadata,
    Column("account", Text, primary_key=True),
    Column("model", Text, primary_key=True),  # empty for the account's own
    Column("quota", Text, primary_key=True),  # the rule's name
    Column("period_key", Text, primary_key=True),  # day or month; empty where no calendar ends it
    Column("unit", Text, nullable=False),  # credits are in thousandths
    Column("period", Text, nullable=False),  # as core/period.py spells it
    Column("is_primary", Integer, nullable=False),  # of its scope
    Column("is_latest", Integer, nullable=False, server_default="1"),  # of its quota
    Column("starts_at_ms", Int64, nullable=False),
    Column("resets_at_ms", Int64, nullable=False),
    Column("limit", Int64),
    Column("limit_source", Text, nullable=False),
    Column("limit_learned_at_ms", Int64),
    Column("reserve", Int64, nullable=False),
    Column("spent", Int64, nullable=False),
    Column("reserved", Int64, nullable=False),
    Column("previous_spent", Int64, nullable=False),
    Column("by_clients", Int64, nullable=False, server_default="0"),  # spent or reserved
    Column("refused", Int64, nullable=False, server_default="0"),  # bursts of refusals in it
    Column("last_start_at_ms", Int64),  # when its latest call was let in
    Column("counted_at_ms", Int64, nullable=False),  # when `spent` was true
    # [[moment, amount], …]: of a rolling or refilling period, what was spent when; of a balance,
    # what expires when; of a day, what others took until when
    Column("recent_json", Text, nullable=False, server_default="[]"),
    Column("unconfirmed_json", Text, nullable=False, server_default="[]"),  # as recent_json
    Column("parked_until_ms", Int64, nullable=False),
    Column("needs_probe", Integer, nullable=False),
    Column("probe_in_flight", Integer, nullable=False),
    Column("park_reason", Text, nullable=False),
    Column("refusals", Integer, nullable=False),
    Column("faults", Integer, nullable=False),
    Column("answered", Integer, nullable=False),
    Column("park_message", Text, nullable=False),  # what the provider said
    one_of("unit", Unit),
    one_of("limit_source", Source),
    one_of("park_reason", ParkReason),
    not_negative("reserve", "spent", "reserved", "previous_spent", "refusals", "faults"),
    CheckConstraint("starts_at_ms < resets_at_ms", name="has_length"),
    CheckConstraint("probe_in_flight <= needs_probe", name="only_a_probe_is_in_flight"),
    # However many days have passed, the windows of now are one for each quota of an account, and
    # one for each quota of a model on it that was called.
    partial_index(
        "windows_latest", "account", "model", "quota", where="is_latest = 1", unique=True
    ),
    partial_index("windows_in_use", "account", where="reserved > 0 OR probe_in_flight = 1"),
)

# Samples of the balance endpoint, one row for each change, from which grants are inferred.
balances = Table(
    "balances",
    metadata,
    Column("account", Text, primary_key=True),
    Column("at_ms", Int64, primary_key=True),  # when it was seen first
    Column("until_ms", Int64, nullable=False),  # when it was seen last
    Column("available", Int64, nullable=False),  # in thousandths of a credit, as all of these
    Column("frozen", Int64, nullable=False),
    Column("charged", Int64, nullable=False),  # what our calls had cost since the row before
    Column("counted", Int64, nullable=False),  # the window's `spent` from which to go on
    not_negative("available", "frozen", "charged", "counted"),
    CheckConstraint("at_ms <= until_ms", name="seen_in_order"),
)

# Types of `response_format` that models have refused; their prompts describe the format instead.
refused_formats = Table(
    "refused_formats",
    metadata,
    Column("account", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("type", Text, primary_key=True),  # json_object, json_schema
    Column("refused_at_ms", Int64, nullable=False),  # the last time
)

runners = Table(
    "runners",
    metadata,
    Column("id", Int64, primary_key=True),  # the epoch
    Column("pid", Int64, nullable=False),
    Column("host", Text, nullable=False),
    Column("started_at_ms", Int64, nullable=False),
    Column("ended_at_ms", Int64),  # NULL: running or dead, as its lock file shows
    partial_index("runners_unended", "id", where="ended_at_ms IS NULL"),
)

# Settlements that could not be stored, kept whole for inspection.
set_aside = Table(
    "set_aside",
    metadata,
    Column("call_id", Int64, primary_key=True),
    Column("batch_id", Int64),
    Column("error", Text, nullable=False),  # why it could not be stored
    Column("settlement_json", Text, nullable=False),  # with the reply to each job
    Column("at_ms", Int64, nullable=False),
)

"""The tables, their impossible rows and their indexes; no queries.

Moments are integer milliseconds since the epoch, UTC (`_ms`). A batch's jobs have the
consecutive ids ``first_job .. first_job + rows - 1``, in the order of the input: so the order of
an export, the range of a claim and the place to resume loading need no column of their own.

A batch may have parts: batches of their own that ask the same rows once more, for a vote, or some
of them, for a check. A part has no payloads: its n-th job is about payload
``first_payload + n * stride`` of the batch it is part of.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import (
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from runner.core.admission import Rotate
from runner.core.gate import ParkReason
from runner.core.states import BatchState, CallState, JobState
from runner.core.window import Source, Unit

metadata = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s",
        "pk": "%(table_name)s_pkey",
    }
)


def _one_of(column: str, states: type[StrEnum]) -> CheckConstraint:
    words = ", ".join(f"'{state.value}'" for state in states)
    return CheckConstraint(f"{column} IN ({words})", name=f"known_{column}")


def _not_negative(*columns: str) -> CheckConstraint:
    rule = " AND ".join(f"{column} >= 0" for column in columns)
    return CheckConstraint(rule, name="counts_not_negative")


batches = Table(
    "batches",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("digest", Text, nullable=False),  # of the job file's content and the input's bytes
    Column("state", Text, nullable=False),
    Column("note", Text, nullable=False, server_default=""),  # why it is paused
    Column("priority", Integer, nullable=False, server_default="0"),  # lower goes first
    Column("models_json", Text, nullable=False),  # the preferred one first
    Column("rotate", Text, nullable=False, server_default="prefer"),
    Column("max_calls", Integer),  # how many calls the user allows it; NULL: as it takes
    Column("calls", Integer, nullable=False, server_default="0"),  # made for it so far
    Column("job_json", Text, nullable=False),  # the job file, as it was submitted
    Column("input", Text, nullable=False),  # the path the rows came from
    Column("columns_json", Text, nullable=False),  # the input's columns, in order
    Column("part_of", Integer),  # the batch that this one is a part of; NULL: it is whole
    Column("part", Text, nullable=False, server_default=""),  # which part: "vote 2", "check"
    Column("first_job", Integer, nullable=False),
    Column("first_payload", Integer, nullable=False),  # of its first job
    Column("stride", Integer, nullable=False, server_default="1"),  # payloads from job to job
    Column("pack", Integer, nullable=False, server_default="1"),  # jobs in one call, at most
    Column("pack_bytes", Integer),  # of the rows in one call, at most; NULL: any number
    Column("reuse", Integer, nullable=False, server_default="0"),  # of other batches' answers
    Column("rows", Integer, nullable=False),
    Column("loaded", Integer, nullable=False, server_default="0"),  # rows queued so far
    Column("ready", Integer, nullable=False, server_default="0"),
    Column("waiting", Integer, nullable=False, server_default="0"),
    Column("running", Integer, nullable=False, server_default="0"),
    Column("succeeded", Integer, nullable=False, server_default="0"),
    Column("failed", Integer, nullable=False, server_default="0"),
    Column("pending", Integer, nullable=False, server_default="0"),
    Column("following", Integer, nullable=False, server_default="0"),
    Column("reused", Integer, nullable=False, server_default="0"),  # succeeded without a call
    Column("rejected", Integer, nullable=False, server_default="0"),  # calls that were
    Column("created_at_ms", Integer, nullable=False),
    UniqueConstraint("digest"),
    _one_of("state", BatchState),
    _one_of("rotate", Rotate),
    _not_negative(
        "ready",
        "waiting",
        "running",
        "succeeded",
        "failed",
        "pending",
        "following",
        "reused",
        "rejected",
        "calls",
    ),
    CheckConstraint("pack >= 1 AND stride >= 1", name="steps_forward"),
    CheckConstraint("(part_of IS NULL) = (part = '')", name="part_is_named"),
    CheckConstraint("loaded BETWEEN 0 AND rows", name="loaded_within_rows"),
    CheckConstraint(
        "ready + waiting + running + succeeded + failed + pending + following = loaded",
        name="every_row_counted_once",
    ),
    Index("batches_parts", "part_of", sqlite_where=text("part_of IS NOT NULL")),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("batch_id", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("claims", Integer, nullable=False, server_default="0"),
    Column("faults", Integer, nullable=False, server_default="0"),  # passing faults met
    Column("asks", Integer, nullable=False, server_default="0"),  # invalid answers received
    Column("splits", Integer, nullable=False, server_default="0"),  # of the pack_size it may have
    Column("due_at_ms", Integer),  # when a waiting job is ready again
    Column("runner_id", Integer),  # the epoch that has claimed it
    Column("duplicate_of", Integer),  # the job of the same batch that asks the same
    _one_of("state", JobState),
    _not_negative("claims", "faults", "asks", "splits"),
    CheckConstraint("(state = 'waiting') = (due_at_ms IS NOT NULL)", name="due_while_waiting"),
    CheckConstraint("(state = 'running') = (runner_id IS NOT NULL)", name="owned_while_running"),
    # Partial, and complete in itself: a claim costs the same at ten million rows as at ten.
    CheckConstraint("state <> 'following' OR duplicate_of IS NOT NULL", name="follows_somebody"),
    Index("jobs_ready", "splits", "id", sqlite_where=text("state = 'ready'")),
    Index("jobs_waiting", "due_at_ms", sqlite_where=text("state = 'waiting'")),
    Index("jobs_running", "runner_id", sqlite_where=text("state = 'running'")),
    Index("jobs_failed", "id", sqlite_where=text("state = 'failed'")),
    Index("jobs_followers", "duplicate_of", sqlite_where=text("duplicate_of IS NOT NULL")),
)

payloads = Table(
    "payloads",
    metadata,
    Column("id", Integer, primary_key=True),  # that of the job it was queued for
    Column("body", Text, nullable=False),  # the input's row as a JSON object
)

requests = Table(
    "requests",
    metadata,
    Column("job_id", Integer, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),  # of what the job asks, and of whom
    Index("requests_fingerprint", "fingerprint"),
)

asks = Table(
    "asks",
    metadata,
    Column("job_id", Integer, primary_key=True),
    Column("number", Integer, primary_key=True),  # from 1
    Column("call_id", Integer, nullable=False),
    Column("reply", Text, nullable=False),  # what the model said, alone
    Column("why", Text, nullable=False),  # it is no answer
)

tasks = Table(
    "tasks",
    metadata,
    Column("job_id", Integer, primary_key=True),
    Column("batch_id", Integer, nullable=False),
    Column("call_id", Integer, nullable=False),  # the one that was paid
    Column("account", Text, nullable=False),
    Column("task_id", Text, nullable=False),  # the provider's name for it
    Column("since_ms", Integer, nullable=False),
    Column("due_at_ms", Integer, nullable=False),  # when to ask how far it is
    Index("tasks_due", "due_at_ms"),
)

results = Table(
    "results",
    metadata,
    Column("job_id", Integer, primary_key=True),  # hence one result a job, ever
    Column("call_id", Integer),  # the call that brought it; NULL if the job's runners died
    Column("reused", Integer, nullable=False, server_default="0"),  # of another job's call
    Column("answer", Text),  # NULL for a failure
    Column("reply", Text),  # what the model said, where it differs from the answer
    Column("error", Text),
    Column("recorded_at_ms", Integer, nullable=False),
    CheckConstraint("(answer IS NULL) = (error IS NOT NULL)", name="answer_or_error"),
)

calls = Table(
    "calls",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("batch_id", Integer, nullable=False),
    Column("jobs", Integer, nullable=False, server_default="1"),  # that it asks
    Column("runner_id", Integer, nullable=False),
    Column("account", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("day", Text, nullable=False),  # of the account's first window, YYYY-MM-DD
    Column("held_json", Text, nullable=False),  # {quota: [period's name, amount reserved there]}
    Column("state", Text, nullable=False),
    Column("probe", Integer, nullable=False, server_default="0"),
    Column("rows", Integer, nullable=False, server_default="0"),  # jobs it brought to an end
    Column("status", Integer),  # of HTTP; NULL when no reply came
    Column("why", Text, nullable=False, server_default=""),
    Column("prompt_tokens", Integer),
    Column("completion_tokens", Integer),
    Column("reserved_at_ms", Integer, nullable=False),
    Column("settled_at_ms", Integer),
    _one_of("state", CallState),
    CheckConstraint("(state = 'reserved') = (settled_at_ms IS NULL)", name="settled_once"),
    Index("calls_day", "day"),
    Index("calls_reserved", "runner_id", sqlite_where=text("state = 'reserved'")),
)

windows = Table(
    "windows",
    metadata,
    Column("account", Text, primary_key=True),
    Column("model", Text, primary_key=True),  # empty for the account's own
    Column("quota", Text, primary_key=True),  # the rule's name
    Column("day", Text, primary_key=True),  # or month; empty where no calendar ends it
    Column("unit", Text, nullable=False),  # credits are in thousandths
    Column("period", Text, nullable=False),  # as core/period.py spells it
    Column("is_primary", Integer, nullable=False),  # of its scope
    Column("is_latest", Integer, nullable=False, server_default="1"),  # of its quota
    Column("starts_at_ms", Integer, nullable=False),
    Column("resets_at_ms", Integer, nullable=False),
    Column("limit", Integer),
    Column("limit_source", Text, nullable=False),
    Column("limit_learned_at_ms", Integer),
    Column("reserve", Integer, nullable=False),
    Column("spent", Integer, nullable=False),
    Column("reserved", Integer, nullable=False),
    Column("carried", Integer, nullable=False),
    Column("started_at_ms", Integer),  # when its latest call was let in
    Column("counted_at_ms", Integer, nullable=False),  # when `spent` was true
    Column("recent_json", Text, nullable=False, server_default="[]"),  # [[moment, amount], …]
    Column("doubts_json", Text, nullable=False, server_default="[]"),  # as recent_json
    Column("opens_at_ms", Integer, nullable=False),
    Column("probe", Integer, nullable=False),
    Column("probing", Integer, nullable=False),
    Column("cause", Text, nullable=False),
    Column("refusals", Integer, nullable=False),
    Column("faults", Integer, nullable=False),
    Column("answered", Integer, nullable=False),
    Column("why", Text, nullable=False),
    _one_of("unit", Unit),
    _one_of("limit_source", Source),
    _one_of("cause", ParkReason),
    _not_negative("reserve", "spent", "reserved", "carried", "refusals", "faults"),
    CheckConstraint("starts_at_ms < resets_at_ms", name="has_length"),
    CheckConstraint("probing <= probe", name="only_a_probe_is_probing"),
    # However many days have passed, the windows of now are as many as there are quotas.
    Index(
        "windows_latest",
        "account",
        "model",
        "quota",
        unique=True,
        sqlite_where=text("is_latest = 1"),
    ),
)

# What the balance endpoint said, a row for each change: grants are inferred from them.
balances = Table(
    "balances",
    metadata,
    Column("account", Text, primary_key=True),
    Column("at_ms", Integer, primary_key=True),  # when it was seen first
    Column("until_ms", Integer, nullable=False),  # when it was seen last
    Column("available", Integer, nullable=False),  # in thousandths of a credit, as all of these
    Column("frozen", Integer, nullable=False),
    Column("charged", Integer, nullable=False),  # what our calls had cost since the row before
    Column("counted", Integer, nullable=False),  # the window's `spent` from which to go on
    _not_negative("available", "frozen", "charged", "counted"),
    CheckConstraint("at_ms <= until_ms", name="seen_in_order"),
)

runners = Table(
    "runners",
    metadata,
    Column("id", Integer, primary_key=True),  # the epoch
    Column("pid", Integer, nullable=False),
    Column("host", Text, nullable=False),
    Column("started_at_ms", Integer, nullable=False),
    Column("ended_at_ms", Integer),  # NULL: running, or dead; its lock file tells
    Index("runners_unended", "id", sqlite_where=text("ended_at_ms IS NULL")),
)

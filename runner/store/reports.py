"""Read-only questions: calls per day, windows, failures, results in the input's order.

Functions take a connection inside the caller's short read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Label, case, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.charging import UNCHARGED
from runner.core.states import BatchState, CallState, Counts, JobState
from runner.core.window import NEVER, Unit
from runner.store import balances, batches
from runner.store.batches import Batch
from runner.store.tables import asks, calls, jobs, payloads, results, windows
from runner.store.tables import balances as balances_seen


@dataclass(frozen=True, slots=True)
class DayReport:
    """One day of the ledger. ``calls = succeeded + failed + throttled + in_flight``.

    Attributes:
        day: The quota day, YYYY-MM-DD.
        account: Whose allowance was spent.
        model: The model asked; empty when the report is not split by model.
        calls: Calls sent; those that never left this machine are not counted.
        succeeded: Calls that brought an answer.
        failed: Calls that brought none: faults, rejections, and ends that nobody saw.
        throttled: Calls refused for pace or allowance; they cost nothing.
        in_flight: Calls whose end is still open.
        unseen: Of `failed`, those whose runner died first.
        rows: Rows brought to an end.
        prompt_tokens: Tokens sent, as the provider counted them.
        completion_tokens: Tokens received.
        spent: What the account's window says was spent that day, strangers included.
        limit: The account's limit that day; None if unknown.
        credits: What its calls cost, in thousandths of a credit: of all calls that may have been
            charged. None where no balance was seen by the end of the day.
        balance: What could be spent when the day ended, or now, in thousandths; None as above.
    """

    day: str
    account: str
    model: str
    calls: int
    succeeded: int
    failed: int
    throttled: int
    in_flight: int
    unseen: int
    rows: int
    prompt_tokens: int
    completion_tokens: int
    spent: int | None
    limit: int | None
    credits: int | None = None
    balance: int | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """A row that came to no answer, and why; `replies` are what the model said, the last at last.

    `part` names the part of the batch in which it failed; empty for the batch itself.
    """

    row: int  # 1-based, in the input's order
    error: str
    replies: tuple[str, ...]
    payload: str
    part: str = ""


@dataclass(frozen=True, slots=True)
class ExportRow:
    """One line of an export.

    `call_id` is the call that brought it, for this row or another, and `status` its HTTP status.
    """

    job_id: int
    payload: str
    state: str
    answer: str | None
    model: str | None
    error: str | None
    account: str | None = None
    call_id: int | None = None
    reused: bool = False
    reply: str | None = None
    status: int | None = None


_REFUSED = (CallState.THROTTLED, CallState.SPENT)
_BROKEN = (
    CallState.UNSEEN,
    CallState.TRANSIENT,
    CallState.REJECTED,
    CallState.UNAUTHORISED,
    CallState.GONE,
)


async def daily(
    connection: AsyncConnection, *, batch_ids: Sequence[int] | None = None, by_model: bool = False
) -> list[DayReport]:
    """The ledger by quota day and account (and model), oldest first."""
    model = calls.c.model if by_model else literal_column("''")
    purses = await _purses(connection)
    query = (
        select(calls.c.day, calls.c.account, model.label("model"), *_sums(), _cost(purses))
        .where(calls.c.state != CallState.LOCAL)
        .group_by(calls.c.day, calls.c.account, *([calls.c.model] if by_model else []))
        .order_by(calls.c.day, calls.c.account, *([calls.c.model] if by_model else []))
    )
    if batch_ids is not None:
        query = query.where(calls.c.batch_id.in_(batch_ids))
    allowances = await _allowances(connection)
    days = [
        DayReport(**row, **allowances.get((row["account"], row["model"], row["day"]), _UNKNOWN))
        for row in (await connection.execute(query)).mappings()
    ]
    return [
        await _with_balance(connection, day, _cost(purses))
        if day.account in purses
        else replace(day, credits=None)
        for day in days
    ]


async def _purses(connection: AsyncConnection) -> dict[str, str]:
    """By account, the name of its quota of credits; of those of which a balance was seen."""
    rows = await connection.execute(
        select(windows.c.account, windows.c.quota)
        .where(windows.c.is_latest == literal_column("1"), windows.c.unit == Unit.CREDITS)
        .where(windows.c.account.in_(select(balances_seen.c.account).distinct()))
    )
    return {row.account: row.quota for row in rows}


def _cost(purses: Mapping[str, str]) -> Label[int | None]:
    """What calls have reserved of their account's credits, if they may have been charged."""
    free = [CallState(kind) for kind in UNCHARGED]
    prices = [
        (
            (calls.c.account == account) & calls.c.state.not_in(free),
            func.json_extract(calls.c.held_json, f'$."{quota}"[1]'),
        )
        for account, quota in purses.items()
    ]
    return func.sum(case(*prices, else_=0) if prices else literal_column("0")).label("credits")


async def _with_balance(
    connection: AsyncConnection, day: DayReport, cost: Label[int | None]
) -> DayReport:
    """`day` with its account's balance at its end; without credits, where none was seen.

    That is the last one that was seen in it, less what the calls since have cost.
    """
    ends_at = await connection.scalar(
        select(func.max(windows.c.resets_at_ms)).where(
            windows.c.account == day.account, windows.c.day == day.day
        )
    )
    seen = await balances.latest(connection, day.account, ends_at or NEVER)
    if seen is None:
        return replace(day, credits=None)
    since = await connection.scalar(
        select(cost).where(
            calls.c.day == day.day,
            calls.c.account == day.account,
            calls.c.settled_at_ms > seen.until,
        )
    )
    return replace(day, balance=max(0, seen.available + seen.frozen - (since or 0)))


def _sums() -> list[Label[int]]:
    def number(states: Sequence[CallState], name: str) -> Label[int]:
        return func.sum(case((calls.c.state.in_(states), 1), else_=0)).label(name)

    return [
        func.count().label("calls"),
        number([CallState.DONE], "succeeded"),
        number(_BROKEN, "failed"),
        number(_REFUSED, "throttled"),
        number([CallState.RESERVED], "in_flight"),
        number([CallState.UNSEEN], "unseen"),
        func.sum(calls.c.rows).label("rows"),
        func.coalesce(func.sum(calls.c.prompt_tokens), 0).label("prompt_tokens"),
        func.coalesce(func.sum(calls.c.completion_tokens), 0).label("completion_tokens"),
    ]


_UNKNOWN: dict[str, Any] = {"spent": None, "limit": None}


async def _allowances(connection: AsyncConnection) -> dict[tuple[str, str, str], dict[str, Any]]:
    rows = await connection.execute(
        select(
            windows.c.account, windows.c.model, windows.c.day, windows.c.spent, windows.c.limit
        ).where(windows.c.is_primary == 1)
    )
    return {
        (row.account, row.model, row.day): {"spent": row.spent, "limit": row.limit} for row in rows
    }


async def failures(connection: AsyncConnection, batch: Batch, limit: int) -> list[Failure]:
    """The first `limit` failed rows of `batch`, in the input's order."""
    rows = await connection.execute(
        select(jobs.c.id, results.c.error, results.c.reply, payloads.c.body)
        .join(results, results.c.job_id == jobs.c.id)
        .join(payloads, payloads.c.id == _payload(batch))
        .where(jobs.c.state == literal_column("'failed'"), _of(batch))
        .order_by(jobs.c.id)
        .limit(limit)
    )
    found = rows.all()
    told = await said(connection, [row.id for row in found])
    return [
        Failure(
            row=1 + (row.id - batch.first_job) * batch.stride,
            error=row.error,
            replies=(*told.get(row.id, ()), *((row.reply,) if row.reply is not None else ())),
            payload=row.body,
            part=batch.part,
        )
        for row in found
    ]


async def said(connection: AsyncConnection, job_ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """The replies to these jobs that were no answers, but for the last."""
    rows = await connection.execute(
        select(asks.c.job_id, asks.c.reply)
        .where(asks.c.job_id.in_(job_ids))
        .order_by(asks.c.job_id, asks.c.number)
    )
    told: dict[int, tuple[str, ...]] = {}
    for row in rows:
        told[row.job_id] = (*told.get(row.job_id, ()), row.reply)
    return told


async def export_page(
    connection: AsyncConnection, batch: Batch, after_job: int, size: int
) -> list[ExportRow]:
    """Up to `size` rows of `batch` behind job `after_job` (0 to begin), in the input's order."""
    rows = await connection.execute(
        select(
            jobs.c.id,
            payloads.c.body,
            jobs.c.state,
            results.c.answer,
            calls.c.model,
            results.c.error,
            calls.c.account,
            results.c.call_id,
            results.c.reused,
            results.c.reply,
            calls.c.status,
        )
        .join(payloads, payloads.c.id == _payload(batch))
        .outerjoin(results, results.c.job_id == jobs.c.id)
        .outerjoin(calls, calls.c.id == results.c.call_id)
        .where(jobs.c.id > after_job, _of(batch))
        .order_by(jobs.c.id)
        .limit(size)
    )
    return [
        ExportRow(
            row.id,
            row.body,
            _state(batch, row.state),
            row.answer,
            row.model,
            row.error,
            row.account,
            row.call_id,
            bool(row.reused),
            row.reply,
            row.status,
        )
        for row in rows
    ]


async def ended(connection: AsyncConnection, first_job: int, last_job: int, most: int) -> list[int]:
    """The jobs from `first_job` to `last_job` that have a result, up to `most`, in order."""
    rows = await connection.scalars(
        select(results.c.job_id)
        .where(results.c.job_id.between(first_job, last_job))
        .order_by(results.c.job_id)
        .limit(most)
    )
    return list(rows)


async def answers(connection: AsyncConnection, job_ids: Sequence[int]) -> list[str | None]:
    """The answers to these jobs, in their order; None where there is none."""
    rows = await connection.execute(
        select(results.c.job_id, results.c.answer).where(results.c.job_id.in_(job_ids))
    )
    found = {row.job_id: row.answer for row in rows}
    return [found.get(job_id) for job_id in job_ids]


def _payload(batch: Batch) -> ColumnElement[int]:
    """The payload that a job of `batch` is about."""
    return batch.first_payload + (jobs.c.id - batch.first_job) * batch.stride


def _of(batch: Batch) -> ColumnElement[bool]:
    return jobs.c.id.between(batch.first_job, batch.last_job)


def _state(batch: Batch, state: str) -> str:
    """A job's state in a user's words: what has no result yet is queued, or was cancelled."""
    if state in (JobState.SUCCEEDED, JobState.FAILED, JobState.RUNNING, JobState.PENDING):
        return state
    return "cancelled" if batch.state is BatchState.CANCELLED else "queued"


async def defects(connection: AsyncConnection) -> list[str]:
    """What is wrong inside the database: SQLite's own findings, then counts that do not agree."""
    found = await connection.exec_driver_sql("PRAGMA integrity_check(20)")
    wrong = [text for text in found.scalars() if text != "ok"]
    for batch in await batches.list_batches(connection):
        rows = await connection.execute(
            select(jobs.c.state, func.count()).where(_of(batch)).group_by(jobs.c.state)
        )
        counted = Counts(**{JobState(state).value: number for state, number in rows})
        if counted != batch.counts:
            wrong.append(f"batch {batch.id}: counted {counted}, recorded {batch.counts}")
    return wrong

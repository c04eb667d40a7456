"""The provider's image tasks: paid for, in progress there, and polled until they end.

A task is stored in the transaction that settles its call: if a runner dies, the next one polls it,
and nothing is paid twice. A runner leases a task while it polls it, so that no other does; the
lease ends with the poll, or with the runner. Functions take a connection inside the caller's
transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, insert, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.retry import FIRST_POLL_MS, after_lost_task
from runner.core.states import JobEvent, JobState, after
from runner.store import results
from runner.store.counts import Changes
from runner.store.damage import as_enum
from runner.store.expressions import OneOf, listed
from runner.store.results import JobResult
from runner.store.statement import Statement
from runner.store.tables import image_tasks, jobs

_SCHEMES = ("http://", "https://", "data:")


@dataclass(frozen=True, slots=True)
class ImageTask:
    """A job that the provider works on.

    Attributes:
        job_id: The job.
        batch_id: Its batch.
        call_id: The call that began it, and was paid for.
        account: The account of that call.
        task_id: The provider's id of the task, or the URL of the image, if it is made already.
        started_at: When the provider accepted it (ms since the epoch).
    """

    job_id: int
    batch_id: int
    call_id: int
    account: str
    task_id: str
    started_at: int

    @property
    def image_url(self) -> str | None:
        """The URL of the image, if the provider made it within the call; no task id is a URL."""
        return self.task_id if self.task_id.startswith(_SCHEMES) else None


_FREE = image_tasks.c.runner_id.is_(None)
_ADD = Statement(insert(image_tasks))
_DUE = Statement(
    select(image_tasks)
    .where(
        _FREE,
        image_tasks.c.due_at_ms <= bindparam("now"),
        OneOf(image_tasks.c.account, "accounts"),
    )
    .order_by(image_tasks.c.due_at_ms, image_tasks.c.job_id)
    .limit(bindparam("most"))
)
_LEASE = Statement(
    update(image_tasks)
    .where(image_tasks.c.job_id == bindparam("job"))
    .values(runner_id=bindparam("runner"))
)
_NEXT_DUE = Statement(
    select(func.min(image_tasks.c.due_at_ms)).where(_FREE, OneOf(image_tasks.c.account, "accounts"))
)
_OF_TASK = (
    image_tasks.c.job_id == bindparam("job"),
    image_tasks.c.call_id == bindparam("call"),
)
_POLL_AGAIN = Statement(
    update(image_tasks)
    .where(*_OF_TASK)
    .values(due_at_ms=bindparam("due"), runner_id=literal_column("NULL"))
)
_END_LEASES = Statement(
    update(image_tasks)
    .where(image_tasks.c.runner_id == bindparam("runner"))
    .values(runner_id=literal_column("NULL"))
)
_FIND = Statement(select(image_tasks.c.job_id).where(*_OF_TASK))
_STILL_THERE = Statement(select(image_tasks.c.job_id).where(OneOf(image_tasks.c.job_id, "jobs")))
_FORGET = Statement(delete(image_tasks).where(*_OF_TASK))
_FORGET_ALL = Statement(delete(image_tasks).where(OneOf(image_tasks.c.job_id, "jobs")))
_JOB = Statement(select(jobs.c.state, jobs.c.faults).where(jobs.c.id == bindparam("job")))
_SET = Statement(
    update(jobs)
    .where(jobs.c.id == bindparam("job"))
    .values(
        state=bindparam("to"),
        faults=bindparam("faults"),
        runner_id=literal_column("NULL"),
        due_at_ms=literal_column("NULL"),
    )
)


async def add(connection: AsyncConnection, tasks: Sequence[ImageTask]) -> None:
    """Stores tasks that the provider has begun."""
    rows: list[dict[str, Any]] = [
        {
            "job_id": task.job_id,
            "batch_id": task.batch_id,
            "call_id": task.call_id,
            "account": task.account,
            "task_id": task.task_id,
            "started_at_ms": task.started_at,
            "due_at_ms": task.started_at + FIRST_POLL_MS,
            "runner_id": None,
        }
        for task in tasks
    ]
    await _ADD.run(connection, rows)


async def forget(connection: AsyncConnection, job_ids: Sequence[int]) -> None:
    """Deletes the tasks of jobs that have ended in another way."""
    if job_ids:
        await _FORGET_ALL.run(connection, [{"jobs": listed(job_ids)}])


async def lease_due(
    connection: AsyncConnection, accounts: Sequence[str], runner_id: int, most: int, now: int
) -> list[ImageTask]:
    """Leases up to `most` due tasks of these accounts to a runner, and returns them.

    The caller must poll them all at once, so that no lease waits for its poll.
    """
    due = await _DUE.fetch(connection, now=now, accounts=listed(list(accounts)), most=most)
    await _LEASE.run(connection, [{"job": row.job_id, "runner": runner_id} for row in due])
    return [_task(row) for row in due]


async def next_due(connection: AsyncConnection, accounts: Sequence[str]) -> int | None:
    """Returns when the next task without a lease is due (ms since the epoch); None if none is."""
    [(due,)] = await _NEXT_DUE.fetch(connection, accounts=listed(list(accounts)))
    return due if due is None else int(due)


async def still_there(connection: AsyncConnection, job_ids: Sequence[int]) -> set[int]:
    """Returns which of these jobs have a task."""
    return {row.job_id for row in await _STILL_THERE.fetch(connection, jobs=listed(job_ids))}


async def poll_again(connection: AsyncConnection, task: ImageTask, due: int) -> None:
    """Schedules the next poll of a task at `due`, and ends its lease."""
    await _POLL_AGAIN.run(connection, [{"job": task.job_id, "call": task.call_id, "due": due}])


async def end_leases(connection: AsyncConnection, runner_id: int) -> None:
    """Ends the leases of a runner that has ended."""
    await _END_LEASES.run(connection, [{"runner": runner_id}])


async def done(
    connection: AsyncConnection, task: ImageTask, answer: str, now: int, changes: Changes
) -> None:
    """Records the answer of a task, unless its job has one already."""
    if (stored := await _take(connection, task)) is None:
        return
    state = as_enum(JobState, stored.state)
    if state is JobState.SUCCEEDED:
        return
    if state is JobState.FAILED:
        await results.forget_failures(connection, [task.job_id])
    await _finish(connection, task, stored, JobEvent.ANSWERED, changes)
    await results.record(connection, [JobResult(task.job_id, task.call_id, answer)], now)
    await results.end_duplicates(connection, [task.job_id], now, changes)


async def failed(
    connection: AsyncConnection, task: ImageTask, why: str, now: int, changes: Changes
) -> None:
    """Fails a pending job whose task has failed."""
    stored = await _take(connection, task)
    if stored is None or stored.state != JobState.PENDING:
        return
    await _finish(connection, task, stored, JobEvent.GAVE_UP, changes)
    await results.record(connection, [JobResult(task.job_id, task.call_id, error=why)], now)
    await results.end_duplicates(connection, [task.job_id], now, changes)


async def begin_again(
    connection: AsyncConnection,
    task: ImageTask,
    max_attempts: int,
    why: str,
    now: int,
    changes: Changes,
) -> None:
    """Makes the job of a lost task ready again; after `max_attempts` faults, the job fails."""
    [stored] = await _JOB.fetch(connection, job=task.job_id)
    if (given_up := after_lost_task(why, stored.faults, max_attempts)) is not None:
        await failed(connection, task, given_up.why, now, changes)
        return
    if await _take(connection, task) is None or stored.state != JobState.PENDING:
        return
    new = after(JobState.PENDING, JobEvent.LOST)
    await _SET.run(connection, [{"job": task.job_id, "to": new, "faults": stored.faults + 1}])
    changes.move(task.batch_id, JobState.PENDING, new)


async def _take(connection: AsyncConnection, task: ImageTask) -> Row[Any] | None:
    """Deletes a task and returns its stored job; None if another runner has ended the task."""
    ended = {"job": task.job_id, "call": task.call_id}
    if not await _FIND.fetch(connection, **ended):
        return None
    await _FORGET.run(connection, [ended])
    stored: Row[Any] = (await _JOB.fetch(connection, job=task.job_id))[0]
    return stored


async def _finish(
    connection: AsyncConnection,
    task: ImageTask,
    stored: Row[Any],
    event: JobEvent,
    changes: Changes,
) -> None:
    """Ends the job of a task, and counts the row for the call that was paid."""
    old = as_enum(JobState, stored.state)
    new = after(old, event)
    await _SET.run(connection, [{"job": task.job_id, "to": new, "faults": stored.faults}])
    changes.move(task.batch_id, old, new)
    await results.count_finished(connection, {task.call_id: 1})


def _task(row: Row[Any]) -> ImageTask:
    return ImageTask(
        row.job_id, row.batch_id, row.call_id, row.account, row.task_id, row.started_at_ms
    )

"""The provider's image tasks: paid for, under way there, and polled until they end.

A task is stored together with the end of the call that began it: if a runner dies, the next one
polls what was paid for, and pays for nothing twice. A runner that polls a task has it leased, so
that no other does; the lease ends with the poll, or with the runner. Functions take a connection
inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, insert, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.retry import FIRST_POLL_MS
from runner.core.states import JobEvent, JobState, after
from runner.store import results
from runner.store.counts import Changes
from runner.store.damage import known
from runner.store.expressions import OneOf, listed
from runner.store.results import Result
from runner.store.statement import Statement
from runner.store.tables import image_tasks, jobs


@dataclass(frozen=True, slots=True)
class ImageTask:
    """A job that the provider works on.

    Attributes:
        job_id: The job.
        batch_id: Its batch.
        call_id: The call that was paid for it.
        account: Whose task it is.
        task_id: The provider's name for it.
        started_at: When the provider took it in (ms since the epoch).
    """

    job_id: int
    batch_id: int
    call_id: int
    account: str
    task_id: str
    started_at: int


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
    """Store tasks that the provider has begun; their jobs are pending from now on."""
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
    """Strike off the tasks of jobs that have ended otherwise."""
    if job_ids:
        await _FORGET_ALL.run(connection, [{"jobs": listed(job_ids)}])


async def lease_due(
    connection: AsyncConnection, accounts: Sequence[str], runner_id: int, most: int, now: int
) -> list[ImageTask]:
    """Up to `most` tasks of these accounts that are due and that nobody polls, leased to a runner.

    A caller asks for no more than it polls at once, so a lease never waits for its poll.
    """
    found = await _DUE.fetch(connection, now=now, accounts=listed(list(accounts)), most=most)
    await _LEASE.run(connection, [{"job": row.job_id, "runner": runner_id} for row in found])
    return [_task(row) for row in found]


async def next_due(connection: AsyncConnection, accounts: Sequence[str]) -> int | None:
    """When the next task that nobody polls is due (ms since the epoch)."""
    [(found,)] = await _NEXT_DUE.fetch(connection, accounts=listed(list(accounts)))
    return found if found is None else int(found)


async def poll_again(connection: AsyncConnection, task: ImageTask, due: int) -> None:
    """Poll a task again at `due`: it has not ended yet, or could not be asked for."""
    await _POLL_AGAIN.run(connection, [{"job": task.job_id, "call": task.call_id, "due": due}])


async def end_leases(connection: AsyncConnection, runner_id: int) -> None:
    """Let others poll what a runner that has ended was polling."""
    await _END_LEASES.run(connection, [{"runner": runner_id}])


async def done(
    connection: AsyncConnection, task: ImageTask, answer: str, now: int, changes: Changes
) -> None:
    """Record what came of a task, once."""
    if (stored := await _ended_now(connection, task)) is None:
        return
    state = known(JobState, stored.state)
    if state is JobState.SUCCEEDED:
        return
    if state is JobState.FAILED:
        await results.forget_failures(connection, [task.job_id])
    await _finish(connection, task, stored, JobEvent.ANSWERED, changes)
    await results.record(connection, [Result(task.job_id, task.call_id, answer)], now)
    await results.end_duplicates(connection, [task.job_id], now, changes)


async def failed(
    connection: AsyncConnection, task: ImageTask, why: str, now: int, changes: Changes
) -> None:
    """Give a job up: nothing came of its task, and nothing will."""
    stored = await _ended_now(connection, task)
    if stored is None or stored.state != JobState.PENDING:
        return
    await _finish(connection, task, stored, JobEvent.GAVE_UP, changes)
    await results.record(connection, [Result(task.job_id, task.call_id, error=why)], now)
    await results.end_duplicates(connection, [task.job_id], now, changes)


async def begin_again(
    connection: AsyncConnection,
    task: ImageTask,
    max_attempts: int,
    why: str,
    now: int,
    changes: Changes,
) -> None:
    """Let a job be asked again, up to `max_attempts` times: a lost task counts as a fault."""
    [stored] = await _JOB.fetch(connection, job=task.job_id)
    if stored.faults + 1 >= max_attempts:
        why = f"{why} (tried {max_attempts} times)"
        await failed(connection, task, why, now, changes)
        return
    if await _ended_now(connection, task) is None or stored.state != JobState.PENDING:
        return
    new = after(JobState.PENDING, JobEvent.LOST)
    await _SET.run(connection, [{"job": task.job_id, "to": new, "faults": stored.faults + 1}])
    changes.move(task.batch_id, JobState.PENDING, new)


async def _ended_now(connection: AsyncConnection, task: ImageTask) -> Row[Any] | None:
    """Strike a task off, and return its job as it is stored; None if somebody else has ended it."""
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
    """Bring the job of a task to its end, and count it for the call that was paid."""
    old = known(JobState, stored.state)
    new = after(old, event)
    await _SET.run(connection, [{"job": task.job_id, "to": new, "faults": stored.faults}])
    changes.move(task.batch_id, old, new)
    await results.count_finished(connection, {task.call_id: 1})


def _task(row: Row[Any]) -> ImageTask:
    return ImageTask(
        row.job_id, row.batch_id, row.call_id, row.account, row.task_id, row.started_at_ms
    )

"""The provider's tasks: paid for, under way there, and looked at until they end.

A task is written down together with the end of the call that began it: if a runner dies, the next
one looks at what was paid for, and pays for nothing twice. Functions take a connection inside the
caller's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Row, bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.retry import FIRST_LOOK_MS
from runner.core.states import JobEvent, JobState, after
from runner.store import batches, ends
from runner.store.ends import Result
from runner.store.tables import calls, jobs, tasks

# A look that has not come back after so long is made again, by whichever runner is there.
LEASE_MS = 5 * 60_000


@dataclass(frozen=True, slots=True)
class PendingTask:
    """A job that the provider works on.

    Attributes:
        call_id: The call that was paid for it.
        account: Whose task it is.
        task_id: The provider's name for it.
        since: When the provider took it in (ms since the epoch).
    """

    job_id: int
    batch_id: int
    call_id: int
    account: str
    task_id: str
    since: int


_TAKE = (
    update(tasks)
    .where(
        tasks.c.due_at_ms <= bindparam("now"),
        tasks.c.account.in_(bindparam("accounts", expanding=True)),
    )
    .values(due_at_ms=bindparam("until"))
    .returning(tasks)
)
_AGAIN = (
    update(tasks)
    .where(tasks.c.job_id == bindparam("job"), tasks.c.call_id == bindparam("call"))
    .values(due_at_ms=bindparam("due"))
)
_FORGET = (
    delete(tasks)
    .where(tasks.c.job_id == bindparam("job"), tasks.c.call_id == bindparam("call"))
    .returning(tasks.c.job_id)
)
_RELEASE = (
    update(tasks).where(tasks.c.due_at_ms > bindparam("now")).values(due_at_ms=bindparam("now"))
)
_BROUGHT = (
    update(calls)
    .where(calls.c.id == bindparam("call"))
    .values(rows=calls.c.rows + bindparam("number"))
)
_FAULTED = (
    update(jobs)
    .where(jobs.c.id == bindparam("job"), jobs.c.state == JobState.PENDING)
    .values(state=after(JobState.PENDING, JobEvent.LOST), faults=jobs.c.faults + 1)
    .returning(jobs.c.faults)
)
_GAVE_UP = (
    update(jobs)
    .where(jobs.c.id == bindparam("job"), jobs.c.state == JobState.PENDING)
    .values(state=after(JobState.PENDING, JobEvent.GAVE_UP))
    .returning(jobs.c.id)
)


async def accept(connection: AsyncConnection, task: PendingTask) -> None:
    """Write down that the provider works on a job, which is pending from now on."""
    values = {
        "job_id": task.job_id,
        "batch_id": task.batch_id,
        "call_id": task.call_id,
        "account": task.account,
        "task_id": task.task_id,
        "since_ms": task.since,
        "due_at_ms": task.since + FIRST_LOOK_MS,
    }
    await connection.execute(insert(tasks).values(values))


async def take_due(
    connection: AsyncConnection, accounts: Sequence[str], now: int
) -> list[PendingTask]:
    """The tasks of these accounts that are to be looked at now; nobody else will, for a while."""
    taken = {"now": now, "until": now + LEASE_MS, "accounts": list(accounts)}
    found = map(_task, await connection.execute(_TAKE, taken))
    return sorted(found, key=lambda task: task.job_id)


async def next_due(connection: AsyncConnection, accounts: Sequence[str]) -> int | None:
    """When the next task is to be looked at (ms since the epoch)."""
    own = tasks.c.account.in_(list(accounts))
    found: int | None = await connection.scalar(select(func.min(tasks.c.due_at_ms)).where(own))
    return found


async def look_again(connection: AsyncConnection, task: PendingTask, due: int) -> None:
    """Look at a task again at `due`: it has not ended yet, or could not be asked for."""
    again = {"job": task.job_id, "call": task.call_id, "due": due}
    await connection.execute(_AGAIN, again)


async def release(connection: AsyncConnection, now: int) -> None:
    """Have every task looked at now: whoever was looking at some of them has died.

    Two may look at the same task then; only one of them ends it.
    """
    await connection.execute(_RELEASE, {"now": now})


async def _forget(connection: AsyncConnection, task: PendingTask) -> bool:
    """Strike a task off; False: somebody has, and the job may have another one by now."""
    ended = {"job": task.job_id, "call": task.call_id}
    return (await connection.execute(_FORGET, ended)).first() is not None


async def done(connection: AsyncConnection, task: PendingTask, answer: str, now: int) -> None:
    """Record what came of a task, once."""
    if not await _forget(connection, task):
        return
    ended = await ends.answered(connection, task.batch_id, [task.job_id])
    await _credit(connection, task, len(ended))
    results = [Result(job, task.call_id, answer=answer) for job in ended]
    await ends.record(connection, results, now)
    await ends.follow(connection, task.batch_id, ended, now)


async def _credit(connection: AsyncConnection, task: PendingTask, number: int) -> None:
    """Count what the call that was paid has brought to an end."""
    await connection.execute(_BROUGHT, {"call": task.call_id, "number": number})


async def failed(connection: AsyncConnection, task: PendingTask, why: str, now: int) -> None:
    """Give a job up: nothing came of its task, and nothing will."""
    if not await _forget(connection, task):
        return
    ended = (await connection.execute(_GAVE_UP, {"job": task.job_id})).all()
    if ended:
        await batches.count(connection, task.batch_id, JobState.PENDING, JobState.FAILED, 1)
        await _credit(connection, task, 1)
        await ends.record(connection, [Result(task.job_id, task.call_id, error=why)], now)
        await ends.follow(connection, task.batch_id, [task.job_id], now)


async def begin_again(
    connection: AsyncConnection, task: PendingTask, most: int, why: str, now: int
) -> None:
    """Let a job be asked anew, up to `most` times: its task is gone, which counts as a fault."""
    found = await connection.scalar(select(jobs.c.faults).where(jobs.c.id == task.job_id))
    if (found or 0) + 1 >= most:
        await failed(connection, task, f"{why} (tried {most} times)", now)
        return
    if not await _forget(connection, task):
        return
    moved = (await connection.execute(_FAULTED, {"job": task.job_id})).all()
    await batches.count(connection, task.batch_id, JobState.PENDING, JobState.READY, len(moved))


def _task(row: Row[tuple[object, ...]]) -> PendingTask:
    return PendingTask(
        row.job_id, row.batch_id, row.call_id, row.account, row.task_id, row.since_ms
    )

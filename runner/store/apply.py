"""The second of the two critical writes: settlements of calls, in one transaction.

The ledger rows of the calls, their jobs, the results, the replies worth keeping, the image tasks
and the counts change together or not at all. The number of statements does not depend on the
number of calls.

A call that was settled before, by this runner or by a rescue, may still bring answers, which were
paid for. Nothing else of it counts, since its jobs may have been claimed again: changes of a job
without an answer are fenced by the call, the runner and the attempt.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, case, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.retry import Accept, Fail, Reask, RetryAt, Succeed, event_of, tries_after
from runner.core.settlement import JobOutcome, Settlement
from runner.core.states import CallState, JobEvent, JobState, after
from runner.core.tries import Tries
from runner.store import image_tasks, results
from runner.store.counts import Changes
from runner.store.damage import as_enum
from runner.store.expressions import OneOf, listed
from runner.store.image_tasks import ImageTask
from runner.store.results import JobResult
from runner.store.statement import Statement, Upsert
from runner.store.tables import batches, calls, invalid_replies, jobs

_UNSETTLED = calls.c.state == literal_column("'reserved'")
_STILL_OPEN = Statement(select(calls.c.id).where(_UNSETTLED, OneOf(calls.c.id, "calls")))
_CLOSED = ("state", "rows_finished", "status", "error", "prompt_tokens", "completion_tokens")
_CLOSE = Statement(
    update(calls)
    .where(calls.c.id == bindparam("call"), _UNSETTLED)
    .values(
        {name: bindparam(name) for name in _CLOSED}
        | {
            # The clock may have been set back since: a call must not end before it began.
            "settled_at_ms": case(
                (calls.c.reserved_at_ms > bindparam("now"), calls.c.reserved_at_ms),
                else_=bindparam("now"),
            )
        }
    )
)
_TRIES = ("attempts", "faults", "invalid_replies", "splits")
_STORED = Statement(
    select(
        jobs.c.id, jobs.c.batch_id, jobs.c.state, jobs.c.runner_id, *(jobs.c[n] for n in _TRIES)
    ).where(OneOf(jobs.c.id, "jobs"))
)
_MOVE = Statement(
    update(jobs)
    .where(jobs.c.id == bindparam("job"))
    .values(
        {name: bindparam(name) for name in ("state", "due_at_ms", *_TRIES)}
        | {"runner_id": literal_column("NULL")}
    )
)
_KEEP_REPLIES = Statement(Upsert(invalid_replies, ("job_id", "number")))
_PART_OF = Statement(select(batches.c.id, batches.c.part_of).where(OneOf(batches.c.id, "batches")))


async def unsettled(connection: AsyncConnection, settlements: Sequence[Settlement]) -> set[int]:
    """Returns the ids of the calls of `settlements` that were not settled before."""
    if not settlements:
        return set()
    ids = listed([settlement.call.id for settlement in settlements])
    return {row.id for row in await _STILL_OPEN.fetch(connection, calls=ids)}


async def apply(
    connection: AsyncConnection,
    settlements: Sequence[Settlement],
    still_open: Collection[int],
    runner_id: int,
    now: int,
    changes: Changes,
) -> list[Settlement]:
    """Stores `settlements`; returns those of the calls in `still_open` (see `unsettled`).

    Their effect on windows is decided by the core, and stored with the windows.
    """
    if not settlements:
        return []
    fresh: dict[int, Settlement] = {}
    for settlement in settlements:
        if settlement.call.id in still_open:
            fresh.setdefault(settlement.call.id, settlement)
    stored = await _stored_jobs(connection, settlements)
    writes = _JobWrites(runner_id, now, changes, stored)
    # Answers first: of two calls that were made for the same job, the one with the answer counts.
    for settlement, outcome in sorted(_outcomes(settlements), key=_without_answer):
        writes.add(settlement, outcome, fresh=fresh.get(settlement.call.id) is settlement)
    await _write(connection, writes, fresh)
    await _uncount_unsent(connection, fresh.values(), changes)
    return list(fresh.values())


@dataclass(slots=True)
class _JobWrites:
    """The writes of one transaction to the jobs that it settles.

    `stored` are the jobs in the database; a job is removed from it when it moves, since each job
    moves once in a transaction.
    """

    runner_id: int
    now: int
    changes: Changes
    stored: dict[int, Any]
    moved: list[dict[str, Any]] = field(default_factory=list)
    results: list[JobResult] = field(default_factory=list)
    replies: list[dict[str, Any]] = field(default_factory=list)
    tasks_begun: list[ImageTask] = field(default_factory=list)
    tasks_ended: list[int] = field(default_factory=list)
    answered_late: list[int] = field(default_factory=list)

    def add(self, settlement: Settlement, outcome: JobOutcome, *, fresh: bool) -> None:
        """Collects the writes for one job; `fresh` if its call has not been settled before."""
        job = self.stored.get(outcome.job.job_id)
        if job is None:
            return
        state = as_enum(JobState, job.state)
        if isinstance(outcome.action, Succeed):
            if state is not JobState.SUCCEEDED:
                self._succeed(settlement, outcome, outcome.action.answer, state)
            return
        owned = job.runner_id == self.runner_id and job.attempts == outcome.job.tries.attempts
        if fresh and state is JobState.RUNNING and owned:
            self._move(settlement, outcome)

    def _succeed(
        self, settlement: Settlement, outcome: JobOutcome, answer: str, old: JobState
    ) -> None:
        job_id = outcome.job.job_id
        if old is JobState.FAILED:
            self.answered_late.append(job_id)
        if old is JobState.PENDING:
            self.tasks_ended.append(job_id)
        reply = None if outcome.reply == answer else outcome.reply
        self.results.append(JobResult(job_id, settlement.call.id, answer, reply))
        self._to(job_id, old, JobEvent.ANSWERED)

    def _move(self, settlement: Settlement, outcome: JobOutcome) -> None:
        job_id, call_id, action = outcome.job.job_id, settlement.call.id, outcome.action
        job = self.stored[job_id]
        before = Tries(job.attempts, 0, job.faults, job.invalid_replies, job.splits)
        tries = tries_after(action, before)
        match action:
            case Fail(why):
                self.results.append(JobResult(job_id, call_id, reply=outcome.reply, error=why))
            case Accept(task_id):
                account, _ = settlement.call.permit.route
                task = ImageTask(job_id, job.batch_id, call_id, account, task_id, self.now)
                self.tasks_begun.append(task)
            case Reask(why):
                number = tries.invalid_replies
                self.replies.append(_invalid_reply(job_id, number, call_id, outcome.reply, why))
        due = action.due if isinstance(action, RetryAt) else None
        self._to(job_id, JobState.RUNNING, event_of(action), due, tries)

    def _to(
        self,
        job_id: int,
        old: JobState,
        event: JobEvent,
        due: int | None = None,
        tries: Tries | None = None,
    ) -> None:
        job, new = self.stored.pop(job_id), after(old, event)
        counts = tries or job
        self.moved.append(
            {
                "job": job_id,
                "state": new.value,
                "due_at_ms": due,
                "attempts": counts.attempts,
                "faults": counts.faults,
                "invalid_replies": counts.invalid_replies,
                "splits": counts.splits,
            }
        )
        self.changes.move(job.batch_id, old, new)


async def _stored_jobs(
    connection: AsyncConnection, settlements: Sequence[Settlement]
) -> dict[int, Any]:
    ids = [outcome.job.job_id for _, outcome in _outcomes(settlements)]
    if not ids:  # the calls of clients have no jobs
        return {}
    return {row.id: row for row in await _STORED.fetch(connection, jobs=listed(ids))}


def _outcomes(settlements: Sequence[Settlement]) -> Iterator[tuple[Settlement, JobOutcome]]:
    for settlement in settlements:
        for outcome in settlement.jobs:
            yield settlement, outcome


def _without_answer(pair: tuple[Settlement, JobOutcome]) -> bool:
    return not isinstance(pair[1].action, Succeed)


async def _write(
    connection: AsyncConnection, writes: _JobWrites, fresh: Mapping[int, Settlement]
) -> None:
    finished = Counter(result.call_id for result in writes.results if result.call_id is not None)
    rows = [
        _call_row(settlement, finished.pop(call_id, 0), writes.now)
        for call_id, settlement in fresh.items()
    ]
    await _CLOSE.run(connection, rows)
    await results.count_finished(connection, finished)  # the rest: late answers
    if writes.answered_late:
        await results.forget_failures(connection, writes.answered_late)
    await _MOVE.run(connection, writes.moved)
    await results.record(connection, writes.results, writes.now)
    await _KEEP_REPLIES.run(connection, writes.replies)
    await image_tasks.add(connection, writes.tasks_begun)
    await image_tasks.forget(connection, writes.tasks_ended)
    ended = [result.job_id for result in writes.results]
    await results.end_duplicates(connection, ended, writes.now, writes.changes)


async def _uncount_unsent(
    connection: AsyncConnection, fresh: Iterable[Settlement], changes: Changes
) -> None:
    """Subtracts the calls that never left from those that their batches have made."""
    unsent = Counter(each.call.batch_id for each in fresh if each.state is CallState.LOCAL)
    ids = [batch_id for batch_id in unsent if batch_id is not None]
    if ids:
        for row in await _PART_OF.fetch(connection, batches=listed(ids)):
            changes.count_calls(row.id, row.part_of, -unsent[row.id])


def _call_row(settlement: Settlement, rows_finished: int, now: int) -> dict[str, Any]:
    return {
        "call": settlement.call.id,
        "state": settlement.state.value,
        "rows_finished": rows_finished,
        "status": settlement.status,
        "error": settlement.outcome.verdict.why,
        "prompt_tokens": settlement.prompt_tokens,
        "completion_tokens": settlement.completion_tokens,
        "now": now,
    }


def _invalid_reply(
    job_id: int, number: int, call_id: int, reply: str | None, why: str
) -> dict[str, Any]:
    return {
        "job_id": job_id,
        "number": number,
        "call_id": call_id,
        "reply": reply or "",
        "reason": why,
    }

"""The second of the two writes that matter: what the ends of calls change, all at once.

The ledger rows of the calls, their jobs, the results, the replies worth keeping, the image tasks
and the counts change together or not at all. The number of statements does not depend on the
number of calls.

A call that was settled before, by us or by a rescue, may still bring its answers: they were paid.
Nothing else of it counts, since its jobs may have been claimed again; so what moves a job without
an answer is fenced by the call, the runner and the attempt.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, case, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.retry import Accept, Fail, JobAction, Reask, Release, RetryAt, SplitPack, Succeed
from runner.core.settlement import JobOutcome, Settlement
from runner.core.states import JobEvent, JobState, after
from runner.store import image_tasks, results
from runner.store.counts import Changes
from runner.store.results import Result
from runner.store.statement import OneOf, Statement, Upsert, listed
from runner.store.tables import calls, invalid_replies, jobs

_UNSETTLED = calls.c.state == literal_column("'reserved'")
_STILL_OPEN = Statement(select(calls.c.id).where(_UNSETTLED, OneOf(calls.c.id, "calls")))
_CLOSED = (
    "state",
    "rows_finished",
    "status",
    "error",
    "prompt_tokens",
    "completion_tokens",
)
_CLOSE = Statement(
    update(calls)
    .where(calls.c.id == bindparam("call"), _UNSETTLED)
    .values(
        {name: bindparam(name) for name in _CLOSED}
        | {
            # A clock may have been set back since: nothing ends before it began.
            "settled_at_ms": case(
                (calls.c.reserved_at_ms > bindparam("now"), calls.c.reserved_at_ms),
                else_=bindparam("now"),
            )
        }
    )
)
_STORED = Statement(
    select(
        jobs.c.id,
        jobs.c.batch_id,
        jobs.c.state,
        jobs.c.runner_id,
        jobs.c.attempts,
        jobs.c.faults,
        jobs.c.invalid_replies,
        jobs.c.splits,
    ).where(OneOf(jobs.c.id, "jobs"))
)
_MOVED = ("state", "due_at_ms", "attempts", "faults", "invalid_replies", "splits")
_MOVE = Statement(
    update(jobs)
    .where(jobs.c.id == bindparam("job"))
    .values({name: bindparam(name) for name in _MOVED} | {"runner_id": literal_column("NULL")})
)
_KEEP_REPLIES = Statement(Upsert(invalid_replies, ("job_id", "number")))


@dataclass(slots=True)
class _Turn:
    """What one transaction has to write of the jobs that it settles."""

    runner_id: int
    now: int
    changes: Changes
    moved: list[dict[str, Any]] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    replies: list[dict[str, Any]] = field(default_factory=list)
    tasks: list[image_tasks.ImageTask] = field(default_factory=list)
    answered_late: list[int] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)

    def settle(self, settlement: Settlement, one: JobOutcome, stored: Any, *, fresh: bool) -> None:
        """Note what happens to one job, which is `stored` as it is now."""
        state = JobState(stored.state)
        if isinstance(one.action, Succeed):
            if state is not JobState.SUCCEEDED:
                self._succeed(settlement, one, one.action, stored, state)
            return
        owned = stored.runner_id == self.runner_id and stored.attempts == one.job.tries.attempts
        if fresh and state is JobState.RUNNING and owned:
            self._move(settlement, one, stored)

    def _succeed(
        self, settlement: Settlement, one: JobOutcome, action: Succeed, stored: Any, old: JobState
    ) -> None:
        if old is JobState.FAILED:
            self.answered_late.append(stored.id)
        reply = None if one.reply == action.answer else one.reply
        self._end(stored, old, JobEvent.ANSWERED)
        self.results.append(Result(stored.id, settlement.call.id, action.answer, reply))

    def _move(self, settlement: Settlement, one: JobOutcome, stored: Any) -> None:
        action, call_id = one.action, settlement.call.id
        match action:
            case Fail(why):
                self._end(stored, JobState.RUNNING, JobEvent.GAVE_UP)
                self.results.append(Result(stored.id, call_id, reply=one.reply, error=why))
                return
            case Reask(why):
                reply = {
                    "job_id": stored.id,
                    "number": stored.invalid_replies + 1,
                    "call_id": call_id,
                    "reply": one.reply or "",
                    "reason": why,
                }
                self.replies.append(reply)
            case Accept(task_id):
                account = settlement.call.permit.route[0]
                self.tasks.append(
                    image_tasks.ImageTask(
                        stored.id, stored.batch_id, call_id, account, task_id, self.now
                    )
                )
            case _:
                pass
        event, changed = _consequence(action)
        new = after(JobState.RUNNING, event)
        self.moved.append(_row(stored, new) | changed(stored))
        self.changes.move(stored.batch_id, JobState.RUNNING, new)

    def _end(self, stored: Any, old: JobState, event: JobEvent) -> None:
        new = after(old, event)
        self.moved.append(_row(stored, new))
        self.changes.move(stored.batch_id, old, new)
        self.ended.append(stored.id)


async def apply(
    connection: AsyncConnection,
    settlements: Sequence[Settlement],
    runner_id: int,
    now: int,
    changes: Changes,
) -> list[Settlement]:
    """Store `settlements`; those whose calls had not been settled before.

    What the ends mean for windows is settled by the core for those that are returned, and stored
    with the windows.
    """
    if not settlements:
        return []
    ids = [one.call.id for one in settlements]
    still_open = {row.id for row in await _STILL_OPEN.fetch(connection, calls=listed(ids))}
    fresh = [one for one in settlements if one.call.id in still_open]
    await _CLOSE.run(connection, [_call_row(one, now) for one in fresh])
    turn = _Turn(runner_id, now, changes)
    stored = await _stored_jobs(connection, settlements)
    # Answers first: of two calls that were made for one job, the one with the answer counts.
    for settlement, one in sorted(_outcomes(settlements), key=_without_answer):
        if (found := stored.pop(one.job.job_id, None)) is not None:
            turn.settle(settlement, one, found, fresh=settlement.call.id in still_open)
    await _write(connection, turn)
    return fresh


def _outcomes(settlements: Iterable[Settlement]) -> Iterator[tuple[Settlement, JobOutcome]]:
    for settlement in settlements:
        for one in settlement.jobs:
            yield settlement, one


def _without_answer(pair: tuple[Settlement, JobOutcome]) -> bool:
    return not isinstance(pair[1].action, Succeed)


async def _stored_jobs(
    connection: AsyncConnection, settlements: Iterable[Settlement]
) -> dict[int, Any]:
    job_ids = [one.job.job_id for _, one in _outcomes(settlements)]
    return {row.id: row for row in await _STORED.fetch(connection, jobs=listed(job_ids))}


async def _write(connection: AsyncConnection, turn: _Turn) -> None:
    if turn.answered_late:
        await results.forget_failures(connection, turn.answered_late)
    await _MOVE.run(connection, turn.moved)
    await results.record(connection, turn.results, turn.now)
    await _KEEP_REPLIES.run(connection, turn.replies)
    await image_tasks.add(connection, turn.tasks)
    await results.end_duplicates(connection, turn.ended, turn.now, turn.changes)


def _call_row(settlement: Settlement, now: int) -> Mapping[str, Any]:
    return {
        "call": settlement.call.id,
        "state": settlement.state.value,
        "rows_finished": settlement.rows_finished,
        "status": settlement.status,
        "error": settlement.outcome.verdict.why,
        "prompt_tokens": settlement.prompt_tokens,
        "completion_tokens": settlement.completion_tokens,
        "now": now,
    }


def _row(stored: Any, state: JobState) -> dict[str, Any]:
    return {
        "job": stored.id,
        "state": state.value,
        "due_at_ms": None,
        "attempts": stored.attempts,
        "faults": stored.faults,
        "invalid_replies": stored.invalid_replies,
        "splits": stored.splits,
    }


def _consequence(action: JobAction) -> tuple[JobEvent, Any]:
    """The event that an action is, and what it changes of the stored job."""
    match action:
        case Accept():
            return JobEvent.ACCEPTED, lambda _: {}
        case RetryAt(due, counted):
            return JobEvent.BACKED_OFF, lambda job: {
                "due_at_ms": due,
                "faults": job.faults + counted,
            }
        case Reask():
            return JobEvent.RELEASED, lambda job: {"invalid_replies": job.invalid_replies + 1}
        case SplitPack():
            return JobEvent.RELEASED, lambda job: {"faults": 0, "splits": job.splits + 1}
        case Release():
            return JobEvent.RELEASED, lambda job: {"attempts": job.attempts - 1}
        case _:
            raise AssertionError(f"{action} is an end")

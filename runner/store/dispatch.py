"""The two transactions of a call: its start and its end; and the rescue of a dead runner's.

Each joins the queue and the ledger so that a crash finds either both changed or neither: a
running job always has a call in the ledger, and a result always its call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core import outcome, quota, retry
from runner.core.model import BatchState, CallState, JobEvent
from runner.core.outcome import Outcome
from runner.core.quota import Refused
from runner.core.retry import (
    AskAgain,
    Fail,
    Release,
    RetryAt,
    Step,
    Succeed,
    survives_crash,
)
from runner.core.verdict import Kind
from runner.core.window import ONE_CALL, Cost, Quota, Window
from runner.store import batches, ledger, queue
from runner.store.batches import Batch
from runner.store.ledger import CallEnd, Held, NewCall, OpenCall
from runner.store.queue import Claimed


@dataclass(frozen=True, slots=True)
class Order:
    """A wish to start up to `count` jobs of a batch on a model, through an account's windows."""

    batch: Batch
    account: str
    model: str
    quotas: Sequence[Quota]
    count: int
    runner_id: int
    cost: Cost = field(default_factory=lambda: ONE_CALL)
    only_way: bool = True


@dataclass(frozen=True, slots=True)
class Started:
    """A job whose call is in the ledger: it may be sent now, and must be settled.

    `only_way` tells whether its batch could go no other way.
    """

    call_id: int
    job: Claimed
    account: str
    model: str
    held: Held
    probe: bool
    runner_id: int
    only_way: bool = True


@dataclass(frozen=True, slots=True)
class Ended:
    """A call that has ended, and what follows for its job."""

    started: Started
    outcome: Outcome
    step: Step
    status: int | None = None
    reply: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


async def start(
    connection: AsyncConnection, order: Order, now: int, margin_ms: int
) -> list[Started] | Refused:
    """Claim jobs and reserve their calls, as many as the windows admit at `now`."""
    batch, account, model = order.batch, order.account, order.model
    windows = await ledger.open_windows(connection, account, model, order.quotas, now, margin_ms)
    wanted = await _allowed(connection, order)
    if wanted == 0:
        return []
    offer = quota.admit(windows, wanted, now, order.cost)
    if isinstance(offer, Refused):
        return offer
    claimed = await queue.claim(connection, batch, offer.count, order.runner_id)
    if not claimed:
        return []
    windows = quota.reserve(windows, len(claimed), now, order.cost)
    await ledger.save_windows(connection, windows)
    held, day = ledger.held_by(windows, order.cost), windows[0].day
    new = [
        NewCall(batch.id, job.job_id, order.runner_id, account, model, day, held, offer.probe)
        for job in claimed
    ]
    return [
        Started(call_id, job, account, model, held, call.probe, call.runner_id, order.only_way)
        for call_id, job, call in zip(
            await ledger.reserve(connection, new, now), claimed, new, strict=True
        )
    ]


async def _allowed(connection: AsyncConnection, order: Order) -> int:
    """How many calls the user still allows the batch, whichever runner made the others."""
    if order.batch.max_calls is None:
        return order.count
    fresh = await batches.get_batch(connection, order.batch.id) or order.batch
    return min(order.count, fresh.calls_left or 0)


async def finish(connection: AsyncConnection, ended: Ended, now: int) -> None:
    """Settle a call: its ledger row, its windows, its job and its result, all at once.

    A call that was settled before, by us or by a rescue, may still bring its answer. Nothing
    else of it counts: a refusal takes its claim back, and the job's next one has its number.
    """
    started = ended.started
    closed = await ledger.close_call(connection, started.call_id, _call_end(ended), now)
    if closed:
        await _settle_windows(connection, started, ended.outcome, now)
    if closed or isinstance(ended.step, Succeed):
        await _move_job(connection, ended, now)
        await _pause_if_hopeless(connection, ended)


async def _pause_if_hopeless(connection: AsyncConnection, ended: Ended) -> None:
    verdict = ended.outcome.verdict
    if verdict.kind not in (Kind.GONE, Kind.REJECTED):
        return
    batch = await batches.get_batch(connection, ended.started.job.batch_id)
    if batch is None or (verdict.kind is Kind.GONE and not ended.started.only_way):
        return  # there is another model, or another account
    if batch.state in (BatchState.ACTIVE, BatchState.LOADING):
        note = retry.hopeless(verdict, batch.counts)
        if note is not None:
            await batches.set_batch_state(connection, batch.id, BatchState.PAUSED, note)


def _call_end(ended: Ended) -> CallEnd:
    return CallEnd(
        state=CallState(ended.outcome.verdict.kind),
        rows=int(isinstance(ended.step, Succeed | Fail)),
        status=ended.status,
        why=ended.outcome.verdict.why,
        prompt_tokens=ended.prompt_tokens,
        completion_tokens=ended.completion_tokens,
    )


async def _settle_windows(
    connection: AsyncConnection, started: Started, end: Outcome, now: int
) -> None:
    held = started.held
    touched = await ledger.windows_held(connection, started.account, started.model, held)
    changed = [outcome.conclude(window, end, now, held[window.quota][1]) for window in touched]
    await ledger.save_windows(connection, changed)


async def _move_job(connection: AsyncConnection, ended: Ended, now: int) -> None:
    job, runner_id, tries = ended.started.job, ended.started.runner_id, ended.started.job.tries
    match ended.step:
        case Succeed(answer):
            await _succeed(connection, ended, answer, now)
        case Fail(why):
            if await queue.move(connection, job, runner_id, JobEvent.GAVE_UP):
                await queue.record_result(
                    connection, job.job_id, ended.started.call_id, now, reply=ended.reply, error=why
                )
        case RetryAt(due):
            tried = replace(tries, faults=tries.faults + 1)
            await queue.move(connection, job, runner_id, JobEvent.BACKED_OFF, due=due, tries=tried)
        case AskAgain():
            asked = replace(tries, asks=tries.asks + 1)
            await queue.move(connection, job, runner_id, JobEvent.RELEASED, tries=asked)
        case Release():
            blameless = replace(tries, claims=tries.claims - 1)
            await queue.move(connection, job, runner_id, JobEvent.RELEASED, tries=blameless)


async def _succeed(connection: AsyncConnection, ended: Ended, answer: str, now: int) -> None:
    """Record an answer, even a late one of a job that is somebody else's by now: it was paid."""
    job = ended.started.job
    if await queue.answered(connection, job.job_id, job.batch_id):
        reply = None if ended.reply == answer else ended.reply
        await queue.record_result(
            connection, job.job_id, ended.started.call_id, now, answer=answer, reply=reply
        )


async def rescue(connection: AsyncConnection, runner_id: int, now: int) -> int:
    """Take back the jobs of a dead runner; how many there were.

    Its calls without an end count as spent: they may have reached the provider.
    """
    for call in await ledger.open_calls(connection, runner_id):
        await ledger.close_call(connection, call.id, CallEnd(CallState.UNSEEN), now)
        touched = await ledger.windows_held(connection, call.account, call.model, call.held)
        await ledger.save_windows(connection, [_unseen(window, call, now) for window in touched])
    left = await queue.running_of(connection, runner_id)
    for job_id, batch_id, tries in left:
        await _take_back(connection, Claimed(job_id, batch_id, tries, ""), runner_id, now)
    return len(left)


def _unseen(window: Window, call: OpenCall, now: int) -> Window:
    held = call.held[window.quota][1]
    return outcome.unseen(window, probe=call.probe, now=now, held=held)


async def _take_back(connection: AsyncConnection, job: Claimed, runner_id: int, now: int) -> None:
    if survives_crash(job.tries):
        await queue.move(connection, job, runner_id, JobEvent.RELEASED)
        return
    await queue.move(connection, job, runner_id, JobEvent.GAVE_UP)
    why = f"the program died {job.tries.claims} times while it worked on this row"
    await queue.record_result(connection, job.job_id, None, now, error=why)

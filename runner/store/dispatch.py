"""The two transactions of a call: its start and its end; and the rescue of a dead runner's.

Each joins the queue and the ledger so that a crash finds either both changed or neither: a
running job is always part of a call in the ledger, and a result always has its call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core import charging, quota, retry
from runner.core.charging import Outcome
from runner.core.gate import ParkReason
from runner.core.packing import fill
from runner.core.quota import Refused
from runner.core.retry import (
    Accept,
    Fail,
    JobAction,
    Reask,
    Release,
    RetryAt,
    SplitPack,
    Succeed,
    survives_crash,
)
from runner.core.states import BatchState, CallState, JobEvent
from runner.core.verdict import Kind
from runner.core.window import ONE_CALL, Cost, Quota, Window
from runner.store import batches, ends, intake, ledger, queue, tasks
from runner.store.batches import Batch
from runner.store.ends import Result
from runner.store.ledger import CallEnd, Held, NewCall, OpenCall
from runner.store.queue import Claimed, Move
from runner.store.tasks import PendingTask


@dataclass(frozen=True, slots=True)
class Order:
    """A wish to start up to `count` calls of a batch to a model, through an account's windows."""

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
    """A call that is in the ledger, and its jobs: it may be sent now, and must be settled.

    `only_way` tells whether its batch could go no other way, `broken` whether the circuit that it
    goes through is: whether calls fail there, one after another.
    """

    call_id: int
    jobs: tuple[Claimed, ...]
    account: str
    model: str
    held: Held
    probe: bool
    runner_id: int
    only_way: bool = True
    broken: bool = False

    @property
    def batch_id(self) -> int:
        """The batch of its jobs."""
        return self.jobs[0].batch_id


@dataclass(frozen=True, slots=True)
class JobEnd:
    """What follows a call for one of its jobs; `reply` is what the model said of it, if it did."""

    job: Claimed
    step: JobAction
    reply: str | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """A call that has ended, and what follows for each of its jobs."""

    started: Started
    outcome: Outcome
    ends: tuple[JobEnd, ...]
    status: int | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


async def start(
    connection: AsyncConnection, order: Order, now: int, reset_jitter_ms: int
) -> list[Started] | Refused:
    """Claim jobs and reserve their calls, as many as the windows admit at `now`."""
    batch, account, model = order.batch, order.account, order.model
    windows = await ledger.open_windows(
        connection, account, model, order.quotas, now, reset_jitter_ms
    )
    wanted = await _allowed(connection, order)
    if wanted == 0:
        return []
    offer = quota.admit(windows, wanted, now, order.cost)
    if isinstance(offer, Refused):
        return offer
    broken = any(window.gate.reason is ParkReason.CIRCUIT_OPEN for window in windows)
    packs = await _claim(connection, order, offer.count, now)
    if not packs:
        return []
    windows = quota.reserve(windows, len(packs), now, order.cost)
    await ledger.save_windows(connection, windows)
    held, day = ledger.held_by(windows, order.cost), windows[0].day
    new = [
        NewCall(batch.id, len(pack), order.runner_id, account, model, day, held, offer.probe)
        for pack in packs
    ]
    return [
        Started(
            call_id, pack, account, model, held, call.probe, call.runner_id, order.only_way, broken
        )
        for call_id, pack, call in zip(
            await ledger.reserve(connection, new, now), packs, new, strict=True
        )
    ]


async def _allowed(connection: AsyncConnection, order: Order) -> int:
    """How many calls the user still allows the batch, whichever runner made the others."""
    if order.batch.max_calls is None:
        return order.count
    fresh = await batches.get_batch(connection, order.batch.id) or order.batch
    return min(order.count, fresh.calls_left or 0)


async def _claim(
    connection: AsyncConnection, order: Order, calls: int, now: int
) -> list[tuple[Claimed, ...]]:
    """The jobs of up to `calls` calls. One that was answered elsewhere meanwhile needs none."""
    batch = order.batch
    found = await queue.candidates(connection, batch, calls * batch.packing.most)
    if batch.reuse:
        jobs = [one.job_id for one in found]
        ended = await intake.reuse_answers(connection, batch, jobs, now)
        found = [one for one in found if one.job_id not in ended]
    packs = fill(found, batch.packing, calls)
    return await queue.claim(connection, batch, packs, order.runner_id) if packs else []


async def finish(connection: AsyncConnection, ended: Ended, now: int) -> None:
    """Settle a call: its ledger row, its windows, its jobs and their results, all at once.

    A call that was settled before, by us or by a rescue, may still bring its answers. Nothing
    else of it counts: a refusal takes its claims back, and the jobs' next ones have their numbers.
    """
    started = ended.started
    closed = await ledger.close_call(connection, started.call_id, _call_end(ended), now)
    if closed:
        await _settle_windows(connection, started, ended.outcome, now)
    await _succeed(connection, ended, now)
    if closed:
        await _move_others(connection, ended, now)
        await _pause_if_hopeless(connection, ended)


async def _pause_if_hopeless(connection: AsyncConnection, ended: Ended) -> None:
    verdict = ended.outcome.verdict
    gone = verdict.kind is Kind.GONE and ended.started.only_way  # or another model may serve
    if not gone and verdict.kind is not Kind.REJECTED:
        return
    rejected = int(verdict.kind is Kind.REJECTED)
    batch, rejected = await batches.rejected(connection, ended.started.batch_id, rejected)
    note = retry.batch_stop_reason(verdict, batch.counts, rejected)
    if note is not None and batch.state in (BatchState.ACTIVE, BatchState.LOADING):
        await batches.set_batch_state(connection, batch.id, BatchState.PAUSED, note)


def _call_end(ended: Ended) -> CallEnd:
    return CallEnd(
        state=CallState(ended.outcome.verdict.kind),
        rows=sum(isinstance(end.step, Succeed | Fail) for end in ended.ends),
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
    changed = [
        charging.settle_window(window, end, now, held[window.quota][1]) for window in touched
    ]
    await ledger.save_windows(connection, changed)


async def _succeed(connection: AsyncConnection, ended: Ended, now: int) -> None:
    """Record answers, even late ones of jobs that are somebody else's by now: they were paid."""
    call, batch_id = ended.started.call_id, ended.started.batch_id
    found = {end.job.job_id: end for end in ended.ends if isinstance(end.step, Succeed)}
    new = await ends.answered(connection, batch_id, list(found))
    results = [
        Result(job_id, call, answer=step.answer, reply=_kept(found[job_id].reply, step.answer))
        for job_id in new
        if isinstance(step := found[job_id].step, Succeed)
    ]
    await ends.record(connection, results, now)
    await ends.follow(connection, batch_id, new, now)


def _kept(reply: str | None, answer: str) -> str | None:
    """What is worth keeping of a reply beside its answer."""
    return None if reply == answer else reply


async def _move_others(connection: AsyncConnection, ended: Ended, now: int) -> None:
    """Move the jobs that have no answer, all that go the same way together."""
    started, ways = ended.started, dict[Move, list[JobEnd]]()
    for end in ended.ends:
        if (move := _move_of(end.step)) is not None:
            ways.setdefault(move, []).append(end)
    for move, alike in ways.items():
        by_job = {end.job.job_id: end for end in alike}
        jobs = [end.job for end in alike]
        moved = await queue.move(connection, jobs, started.runner_id, move)
        await _keep(connection, started, [by_job[job.job_id] for job in moved], now)


def _move_of(step: JobAction) -> Move | None:
    match step:
        case Succeed():
            return None
        case Fail():
            return Move(JobEvent.GAVE_UP)
        case Accept():
            return Move(JobEvent.ACCEPTED)
        case RetryAt(due, counted):
            return Move(JobEvent.BACKED_OFF, due=due, faults=int(counted))
        case Reask():
            return Move(JobEvent.RELEASED, asks=1)
        case SplitPack():
            return Move(JobEvent.RELEASED, faults=None, splits=1)
        case Release():
            return Move(JobEvent.RELEASED, claims=-1)


async def _keep(
    connection: AsyncConnection, started: Started, moved: Sequence[JobEnd], now: int
) -> None:
    """Record what is to be remembered of jobs that were moved."""
    asked = [
        (end.job, end.reply or "", end.step.why) for end in moved if isinstance(end.step, Reask)
    ]
    await ends.record_asks(connection, started.call_id, asked)
    failed = [
        Result(end.job.job_id, started.call_id, reply=end.reply, error=end.step.why)
        for end in moved
        if isinstance(end.step, Fail)
    ]
    await ends.record(connection, failed, now)
    await ends.follow(connection, started.batch_id, [one.job_id for one in failed], now)
    for end in moved:
        if isinstance(end.step, Accept):
            task = PendingTask(
                end.job.job_id,
                started.batch_id,
                started.call_id,
                started.account,
                end.step.task_id,
                now,
            )
            await tasks.accept(connection, task)


async def rescue(connection: AsyncConnection, runner_id: int, now: int) -> int:
    """Take back the jobs of a dead runner; how many there were.

    Its calls without an end count as spent: they may have reached the provider.
    """
    for call in await ledger.open_calls(connection, runner_id):
        await ledger.close_call(connection, call.id, CallEnd(CallState.UNSEEN), now)
        touched = await ledger.windows_held(connection, call.account, call.model, call.held)
        await ledger.save_windows(connection, [_unseen(window, call, now) for window in touched])
    await tasks.release(connection, now)
    left = await queue.running_of(connection, runner_id)
    for batch_id in sorted({job.batch_id for job in left}):
        own = [job for job in left if job.batch_id == batch_id]
        await _take_back(connection, batch_id, own, runner_id, now)
    return len(left)


def _unseen(window: Window, call: OpenCall, now: int) -> Window:
    held = call.held[window.quota][1]
    return charging.settle_unseen(window, probe=call.probe, now=now, held=held)


async def _take_back(
    connection: AsyncConnection, batch_id: int, jobs: Sequence[Claimed], runner_id: int, now: int
) -> None:
    alive = [job for job in jobs if survives_crash(job.tries)]
    if alive:
        await queue.move(connection, alive, runner_id, Move(JobEvent.RELEASED))
    lost = [job for job in jobs if not survives_crash(job.tries)]
    if lost:
        await queue.move(connection, lost, runner_id, Move(JobEvent.GAVE_UP))
        why = "the program died {} times while it worked on this row"
        results = [Result(job.job_id, None, error=why.format(job.tries.claims)) for job in lost]
        await ends.record(connection, results, now)
        await ends.follow(connection, batch_id, [job.job_id for job in lost], now)

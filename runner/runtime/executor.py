"""One call from its reservation to what it means: prepare, ask, read.

It knows how to turn whatever happens into a value; what is written of it, service.py sees to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from runner.core import retry
from runner.core.retry import Accept, Limits, Step
from runner.core.verdict import Kind, Verdict
from runner.errors import RunnerError
from runner.jobfile import JobFile, Valid
from runner.providers.endpoint import CallResult, Endpoint
from runner.runtime.exchange import Exchange, Observer, unobserved
from runner.runtime.ways import Told, Way, way_of
from runner.store.batches import Batch
from runner.store.dispatch import Ended, JobEnd, Started
from runner.store.queue import Claimed


@dataclass(frozen=True, slots=True)
class Task:
    """A job file, compiled: what is asked of every row of a batch, and how."""

    jobfile: JobFile
    way: Way

    @property
    def limits(self) -> Limits:
        """How often a row may be tried."""
        return Limits(self.jobfile.limits.max_attempts, self.jobfile.answer.max_asks)


def compile_task(batch: Batch) -> Task:
    """The task of a batch, from the job file stored with it."""
    jobfile = JobFile.from_json(batch.job_json)
    return Task(jobfile, way_of(jobfile, Path(batch.input).parent))


async def execute(
    started: Started,
    task: Task,
    endpoint: Endpoint,
    now: Callable[[], int],
    chance: Callable[[], float],
    observer: Observer = unobserved,
) -> Ended:
    """Make the call and decide what follows for each of its jobs."""
    asked, faults = await _prepare(task.way, started.jobs)
    unaskable = tuple(JobEnd(job, retry.Fail(why)) for job, why in faults)
    if not asked:
        verdict = Verdict(Kind.LOCAL, faults[0][1], scope=None)
        return Ended(started, CallResult(verdict).outcome(probe=started.probe), unaskable)
    asking = replace(started, jobs=tuple(job for job, _ in asked))
    questions, sent_at = [what for _, what in asked], now()
    heard = await task.way.ask(endpoint, started.model, questions, sent_at)
    ends = _decide(task, asking, heard, now(), chance())
    if observer is not unobserved:
        observer(Exchange(started, task.way.shown(questions), heard, ends))
    return Ended(
        started,
        heard.outcome(probe=started.probe, sent_at=sent_at),
        (*ends, *unaskable),
        status=heard.reply.status if heard.reply else None,
        prompt_tokens=heard.reply.prompt_tokens if heard.reply else None,
        completion_tokens=heard.reply.completion_tokens if heard.reply else None,
    )


async def _prepare(
    way: Way, jobs: Sequence[Claimed]
) -> tuple[list[tuple[Claimed, Any]], list[tuple[Claimed, str]]]:
    """What is asked of each row; and why nothing can be asked of those that do not fit."""
    asked, faults = [], []
    for job in jobs:
        try:
            asked.append((job, await way.prepare(job)))
        except RunnerError as error:
            faults.append((job, str(error)))
    return asked, faults


def after_refusal(
    started: Started, task: Task, heard: CallResult, now: int, chance: float
) -> tuple[JobEnd, ...]:
    """What follows any verdict but done for each job of the call."""
    company = len(started.jobs)

    def step(job: Claimed) -> Step:
        return retry.after_refusal(
            heard.verdict,
            job.tries,
            task.limits,
            chance=chance,
            now=now,
            company=company,
            known_to_fail=started.broken,
        )

    return tuple(JobEnd(job, step(job), heard.body or None) for job in started.jobs)


def _decide(
    task: Task, started: Started, heard: CallResult, now: int, chance: float
) -> tuple[JobEnd, ...]:
    if heard.verdict.kind is not Kind.DONE:
        return after_refusal(started, task, heard, now, chance)
    told = task.way.read(heard, started.jobs)
    company = len(started.jobs)
    return tuple(
        JobEnd(job, _step(task, job, one, company), one.said)
        for job, one in zip(started.jobs, told, strict=True)
    )


def _step(task: Task, job: Claimed, told: Told, company: int) -> Step:
    if isinstance(told.answer, Accept):
        return told.answer
    if isinstance(told.answer, Valid):
        return retry.Succeed(told.answer.value)
    return retry.after_answer(None, told.answer.reason, job.tries, task.limits, company=company)

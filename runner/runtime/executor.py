"""One call from its reservation to what it means: render, ask, read.

It knows how to turn whatever happens into a value; what is written of it, service.py sees to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import orjson

from runner.core import retry
from runner.core.retry import Limits
from runner.core.verdict import Kind, Verdict
from runner.errors import JobFileError
from runner.jobfile import Asked, JobFile, Prompt, Valid, read_answer
from runner.providers.endpoint import Endpoint, Heard
from runner.store.dispatch import Ended, JobEnd, Started


@dataclass(frozen=True, slots=True)
class Task:
    """A job file, compiled: what is asked of every row of a batch."""

    jobfile: JobFile
    prompt: Prompt

    @property
    def limits(self) -> Limits:
        """How often a row may be tried."""
        return Limits(self.jobfile.limits.max_attempts, self.jobfile.answer.max_asks)


def compile_task(job_json: str) -> Task:
    """The task of a batch, from the job file stored with it."""
    jobfile = JobFile.from_json(job_json)
    return Task(jobfile, Prompt(jobfile))


async def execute(
    started: Started,
    task: Task,
    endpoint: Endpoint,
    now: Callable[[], int],
    chance: Callable[[], float],
) -> Ended:
    """Make the call and decide what follows for each of its jobs."""
    [job] = started.jobs
    try:
        messages = task.prompt.messages(orjson.loads(job.payload), _asked(job.tries.asks))
    except JobFileError as error:
        return _unaskable(started, str(error))
    jobfile, sent_at = task.jobfile, now()
    heard = await endpoint.chat(
        started.model, messages, jobfile.parameters, jobfile.limits.timeout_s, sent_at
    )
    return Ended(
        started,
        heard.outcome(probe=started.probe, sent_at=sent_at),
        _decide(task, started, heard, now(), chance()),
        status=heard.reply.status if heard.reply else None,
        prompt_tokens=heard.reply.prompt_tokens if heard.reply else None,
        completion_tokens=heard.reply.completion_tokens if heard.reply else None,
    )


def after_refusal(
    started: Started, task: Task, verdict: Verdict, now: int, chance: float
) -> tuple[JobEnd, ...]:
    """What follows any verdict but done for each job of the call."""
    return tuple(
        JobEnd(
            job,
            retry.after_refusal(
                verdict,
                job.tries,
                task.limits,
                chance=chance,
                now=now,
                company=len(started.jobs),
                probe=started.probe,
            ),
        )
        for job in started.jobs
    )


def _decide(
    task: Task, started: Started, heard: Heard, now: int, chance: float
) -> tuple[JobEnd, ...]:
    if heard.verdict.kind is not Kind.DONE:
        return after_refusal(started, task, heard.verdict, now, chance)
    [job] = started.jobs
    content = (heard.reply.content if heard.reply else None) or ""
    answer = read_answer(task.jobfile.answer, content)
    value, why_not = (answer.value, "") if isinstance(answer, Valid) else (None, answer.reason)
    return (JobEnd(job, retry.after_answer(value, why_not, job.tries, task.limits), content),)


def _asked(times: int) -> tuple[Asked, ...]:
    """What came of asking before: one reminder will do, however often that was."""
    return (Asked(),) if times else ()


def _unaskable(started: Started, why: str) -> Ended:
    """This row does not fit the prompt: nothing was sent, and nothing can be."""
    verdict = Verdict(Kind.LOCAL, why, scope=None)
    ends = tuple(JobEnd(job, retry.Fail(why)) for job in started.jobs)
    return Ended(started, Heard(verdict).outcome(probe=started.probe), ends)

"""One call from its reservation to what it means: render, ask, read.

It knows how to turn whatever happens into a value; what is written of it, service.py sees to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import orjson

from runner.core import retry
from runner.core.retry import Limits, Step
from runner.core.verdict import Kind, Verdict
from runner.errors import JobFileError
from runner.jobfile import Asked, JobFile, Prompt, Valid, read_answer
from runner.providers.endpoint import Endpoint, Heard
from runner.store.dispatch import Ended, Started


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
    """Make the call and decide what follows for its job."""
    job = started.job
    try:
        messages = task.prompt.messages(orjson.loads(job.payload), _asked(job.tries.asks))
    except JobFileError as error:
        return _unaskable(started, str(error))
    jobfile, sent_at = task.jobfile, now()
    heard = await endpoint.chat(
        started.model, messages, jobfile.parameters, jobfile.limits.timeout_s, sent_at
    )
    step, reply = _decide(task, started, heard, now(), chance())
    return Ended(
        started,
        heard.outcome(probe=started.probe, sent_at=sent_at),
        step,
        status=heard.reply.status if heard.reply else None,
        reply=reply,
        prompt_tokens=heard.reply.prompt_tokens if heard.reply else None,
        completion_tokens=heard.reply.completion_tokens if heard.reply else None,
    )


def _decide(
    task: Task, started: Started, heard: Heard, now: int, chance: float
) -> tuple[Step, str | None]:
    tries, limits = started.job.tries, task.limits
    if heard.verdict.kind is not Kind.DONE:
        return retry.after_refusal(heard.verdict, tries, limits, chance=chance, now=now), None
    content = (heard.reply.content if heard.reply else None) or ""
    answer = read_answer(task.jobfile.answer, content)
    if isinstance(answer, Valid):
        return retry.after_answer(answer.value, "", tries, limits), content
    return retry.after_answer(None, answer.reason, tries, limits), content


def _asked(times: int) -> tuple[Asked, ...]:
    """What came of asking before: one reminder will do, however often that was."""
    return (Asked(),) if times else ()


def _unaskable(started: Started, why: str) -> Ended:
    """This row does not fit the prompt: nothing was sent, and nothing can be."""
    verdict = Verdict(Kind.LOCAL, why, scope=None)
    return Ended(started, Heard(verdict).outcome(probe=started.probe), retry.Fail(why))

"""A call from its permit to its result: prepare the rows, send the request, parse the reply.

Every failure on the way becomes a value; the core decides what it changes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol

import anyio

from runner.core.charging import Outcome
from runner.core.retry import Fail, RetryLimits
from runner.core.settlement import (
    Call,
    CallJob,
    JobOutcome,
    ParsedAnswer,
    RouteEvidence,
    Settlement,
    settle,
)
from runner.core.verdict import Kind, Verdict
from runner.engine.handlers import JobHandler, handler_of
from runner.engine.handlers.base import JobRow
from runner.errors import RunnerError
from runner.jobfile import JobFile
from runner.path_text import to_path
from runner.providers.call_result import CallResult
from runner.providers.endpoint import Endpoint
from runner.store.batches import Batch
from runner.store.refused_formats import RefusedFormat
from runner.store.set_aside import SetAside

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CompiledJob:
    """A batch's compiled job file: the handler of its rows, and the limits on their attempts."""

    handler: JobHandler
    limits: RetryLimits


def compile_job(batch: Batch) -> CompiledJob:
    """Compiles the job file that is stored with `batch`.

    Raises:
        JobFileError: It cannot be read.
    """
    jobfile = JobFile.from_json(batch.job_json)
    limits = RetryLimits(jobfile.limits.max_attempts, jobfile.answer.max_asks)
    return CompiledJob(handler_of(jobfile, to_path(batch.input).parent), limits)


class PreparedCall(Protocol):
    """A call in the ledger, with everything that is needed to make it."""

    @property
    def call(self) -> Call:
        """The call."""

    @property
    def limits(self) -> RetryLimits:
        """How often its jobs may be tried."""

    async def make(self, endpoint: Endpoint, now: Callable[[], int], *, watched: bool) -> EndedCall:
        """Sends the request and parses the reply; `watched` keeps the request for observers."""


@dataclass(frozen=True, slots=True)
class BatchCall:
    """A call for rows of a batch."""

    call: Call
    job: CompiledJob
    rows: tuple[JobRow, ...]

    @property
    def limits(self) -> RetryLimits:
        """How often its jobs may be tried."""
        return self.job.limits

    async def make(self, endpoint: Endpoint, now: Callable[[], int], *, watched: bool) -> EndedCall:
        """Prepares the rows, sends a request for those that are valid, and parses the answers."""
        call, handler = self.call, self.job.handler
        asked: list[CallJob] = []
        questions: list[Any] = []
        unaskable: list[JobOutcome] = []
        for job, row in zip(call.jobs, self.rows, strict=True):
            try:
                questions.append(await handler.prepare(row))
            except RunnerError as error:
                unaskable.append(JobOutcome(job, Fail(error.for_storage())))
            else:
                asked.append(job)
        sent_at, sent_loop_ms = now(), loop_ms()
        if not asked:
            verdict = Verdict(Kind.LOCAL, "nothing can be asked of its rows", scope=None)
            return EndedCall(self, CallResult(verdict), (), (), tuple(unaskable), sent_at, sent_at)
        result = await handler.ask(endpoint, call.permit.route[1], questions, sent_at)
        answers = handler.read(result, questions) if result.verdict.kind is Kind.DONE else ()
        return EndedCall(
            self,
            result,
            tuple(asked),
            answers,
            tuple(unaskable),
            sent_at,
            now(),
            sent_loop_ms,
            handler.shown(questions) if watched else None,
        )


@dataclass(frozen=True, slots=True)
class EndedCall:
    """A call that has ended, before it is settled.

    Attributes:
        prepared: The call.
        result: The result of the request.
        asked: The jobs in the request; the rows of the other jobs could not be prepared.
        answers: The answer to each job in `asked`.
        unaskable: The failures of the other jobs.
        sent_at: When it was sent (ms since the epoch).
        ended_at: When it ended (ms since the epoch).
        sent_loop_ms: When it was sent, by the loop's clock (see `loop_ms`).
        sent: The request as JSON values, if it is observed.
    """

    prepared: PreparedCall
    result: CallResult
    asked: tuple[CallJob, ...] = ()
    answers: Sequence[ParsedAnswer] = ()
    unaskable: tuple[JobOutcome, ...] = ()
    sent_at: int = 0
    ended_at: int = 0
    sent_loop_ms: int = 0
    sent: Any = field(default=None, compare=False)

    def kept(self) -> Any:
        """Returns everything about it as JSON values, for a settlement that cannot be stored."""
        result, permit = self.result, self.prepared.call.permit
        return {
            "account": permit.route[0],
            "model": permit.route[1],
            "jobs": [job.job_id for job in self.prepared.call.jobs],
            "verdict": result.verdict.kind.value,
            "why": result.verdict.why,
            "status": result.reply.status if result.reply else None,
            "content": result.reply.content if result.reply else None,
            "prompt_tokens": result.reply.prompt_tokens if result.reply else None,
            "completion_tokens": result.reply.completion_tokens if result.reply else None,
            "answers": [asdict(answer) for answer in self.answers],
            "body": result.body,
        }

    def set_aside(self, error: str, now: int) -> SetAside:
        """Returns the record to set aside if its settlement cannot be stored."""
        call = self.prepared.call
        return SetAside(call.id, call.batch_id, error, self.kept(), now)

    def unstorable(self) -> EndedCall:
        """Returns the same call without its answers, with all its jobs failed."""
        verdict = replace(self.result.verdict, why="its settlement could not be stored")
        failed = Fail("its reply could not be stored: it is set aside")
        return replace(
            self,
            result=CallResult(verdict),
            asked=(),
            answers=(),
            unaskable=tuple(JobOutcome(job, failed) for job in self.prepared.call.jobs),
        )

    @property
    def first_job(self) -> int:
        """The id of the first of its jobs; 0 if it has none."""
        jobs = self.prepared.call.jobs
        return jobs[0].job_id if jobs else 0

    @property
    def outcome(self) -> Outcome:
        """The end of the call, as its windows need it."""
        probe = self.prepared.call.permit.probe
        return self.result.outcome(probe=probe, sent_at=self.sent_at)


def loop_ms() -> int:
    """Returns the present moment by the loop's monotonic clock, in ms.

    Moments of that clock are called `…_loop_ms`; moments of the calendar are called `…_at`.
    """
    return round(anyio.current_time() * 1_000)


async def make_call(
    prepared: PreparedCall, endpoint: Endpoint, now: Callable[[], int], *, watched: bool = False
) -> EndedCall:
    """Makes a call; never raises, as every failure is a value."""
    try:
        return await prepared.make(endpoint, now, watched=watched)
    except Exception as error:  # a bug must not lose a paid call
        log.exception("internal error", extra={"call": prepared.call.id})
        verdict = Verdict(Kind.TRANSIENT, f"internal error: {error!r}", scope=None)
        return EndedCall(
            prepared,
            CallResult(verdict),
            prepared.call.jobs,
            ended_at=now(),
            sent_loop_ms=loop_ms(),
        )


def settled(ended: EndedCall, route: RouteEvidence, *, jitter: float, now: int) -> Settlement:
    """Returns the settlement of an ended call."""
    result, reply, call = ended.result, ended.result.reply, ended.prepared.call
    settlement = settle(
        call if len(ended.asked) == len(call.jobs) else replace(call, jobs=ended.asked),
        ended.outcome,
        ended.answers,
        ended.prepared.limits,
        jitter=jitter,
        now=now,
        route=route,
        reply=result.body or None,
    )
    return Settlement(
        settlement.call,
        settlement.outcome,
        (*settlement.jobs, *ended.unaskable),
        reply.status if reply else None,
        reply.prompt_tokens if reply else None,
        reply.completion_tokens if reply else None,
    )


def refused_by(ended: Sequence[EndedCall]) -> list[RefusedFormat]:
    """Returns the types of ``response_format`` that models have refused in these calls."""
    return [
        RefusedFormat(*call.prepared.call.permit.route, call.result.refused_format, call.sent_at)
        for call in ended
        if call.result.refused_format
    ]


@dataclass(frozen=True, slots=True)
class CallTrace:
    """The trace of one call for observers, which is not stored.

    Attributes:
        call: The call.
        sent: The request as JSON values: messages, texts, or a whole request. Images are
            represented by their names.
        result: The result of the request.
        jobs: What happens to each of its jobs.
    """

    call: Call
    sent: Any
    result: CallResult
    jobs: tuple[JobOutcome, ...]


Observer = Callable[[CallTrace], None]

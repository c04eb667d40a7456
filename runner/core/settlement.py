"""What the end of a call changes: its ledger row, its windows, its jobs, its batch, its route.

`settle` turns one ended call into one frozen settlement; `settle_windows` draws the consequences of
all that ended together. Nobody else decides any of that: the store writes what is settled here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from runner.core import charging, quota, retry
from runner.core.admission import Permit
from runner.core.charging import Outcome
from runner.core.retry import Accept, JobAction, Limits
from runner.core.states import CallState
from runner.core.tries import Tries
from runner.core.verdict import Kind
from runner.core.window import Window, WindowKey

# A provider that names a longer wait than this is believed across a restart, too.
LONG_WAIT_MS = 60_000


@dataclass(frozen=True, slots=True)
class CallJob:
    """A job that is part of a call, and what it had been through when the call began."""

    job_id: int
    tries: Tries = field(default_factory=Tries)


@dataclass(frozen=True, slots=True)
class Call:
    """A call that is in the ledger: it may be sent once, and must be settled once.

    It is made for the jobs of a batch, or for a `client`, named here.
    """

    id: int
    permit: Permit
    jobs: tuple[CallJob, ...] = ()
    batch_id: int | None = None
    client: str | None = None


@dataclass(frozen=True, slots=True)
class ParsedAnswer:
    """What a reply says of one job.

    Attributes:
        value: The answer, if it is valid.
        invalid: Why it is not, otherwise.
        task_id: The provider's task that the answer will come from, if it is to come.
        said: The model's words, where they are worth keeping.
        final: Whether asking the job again, alone, would bring no other answer.
    """

    value: str | None = None
    invalid: str = ""
    task_id: str = ""
    said: str | None = None
    final: bool = False


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """What happens to one job of a call; `reply` is what the model said of it."""

    job: CallJob
    action: JobAction
    reply: str | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """What the end of one call changes.

    Attributes:
        call: The call.
        outcome: What its windows need to know.
        jobs: What happens to each of its jobs.
        status: Of HTTP; None when no reply came.
        prompt_tokens: As the provider counted them.
        completion_tokens: Likewise.
    """

    call: Call
    outcome: Outcome
    jobs: tuple[JobOutcome, ...] = ()
    status: int | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None

    @property
    def state(self) -> CallState:
        """What the ledger says of the call."""
        return CallState(self.outcome.verdict.kind)

    @property
    def started_task(self) -> bool:
        """Whether the provider works on any of its jobs now."""
        return any(isinstance(one.action, Accept) for one in self.jobs)


@dataclass(frozen=True, slots=True)
class RouteEvidence:
    """What the route's other calls tell of one that was refused.

    Attributes:
        others_answered: Whether the route answers other calls: it has since this one was sent; or,
            where it may be the row that cannot be answered, it has lately, or refused no other.
        exhausted: Whether slowing down has not helped, so that the route must be parked.
    """

    others_answered: bool = True
    exhausted: bool = True


_ALONE = RouteEvidence()


def settle(
    call: Call,
    outcome: Outcome,
    answers: Sequence[ParsedAnswer],
    limits: Limits,
    *,
    jitter: float,
    now: int,
    route: RouteEvidence = _ALONE,
    reply: str | None = None,
) -> Settlement:
    """The settlement of one call.

    Args:
        call: The call, with the jobs that could be asked.
        outcome: What came back.
        answers: What the reply says of each job, if it is an answer.
        limits: How often a job may be tried.
        jitter: In [0, 1); spreads the retries.
        now: The moment of the reply (ms since the epoch).
        route: What the route's other calls tell.
        reply: The body of a refusal that is worth keeping.
    """
    verdict = outcome.verdict
    if verdict.kind is Kind.DONE:
        jobs = tuple(
            JobOutcome(job, _after_answer(answer, job.tries, limits, len(call.jobs)), answer.said)
            for job, answer in zip(call.jobs, answers, strict=True)
        )
    else:
        jobs = tuple(
            JobOutcome(job, action, reply)
            for job in call.jobs
            for action in [
                retry.after_refusal(
                    verdict,
                    job.tries,
                    limits,
                    jitter=jitter,
                    now=now,
                    pack_size=len(call.jobs),
                    circuit_open=call.permit.circuit_open,
                    others_answered=route.others_answered,
                )
            ]
        )
    return Settlement(call, _with_parking(outcome, exhausted=route.exhausted), jobs)


def _after_answer(answer: ParsedAnswer, tries: Tries, limits: Limits, pack_size: int) -> JobAction:
    if answer.task_id:
        return Accept(answer.task_id)
    return retry.after_answer(
        answer.value, answer.invalid, tries, limits, pack_size=pack_size, final=answer.final
    )


def _with_parking(outcome: Outcome, *, exhausted: bool) -> Outcome:
    """`outcome`, of which a refusal for pace parks a window only if slowing down does not help.

    A server that is too busy refuses for pace, whatever status it chose to say so.
    """
    verdict = outcome.verdict
    if verdict.kind is Kind.TRANSIENT and verdict.overloaded:
        verdict = replace(verdict, kind=Kind.THROTTLED, ambiguous=False)
    if verdict.kind is not Kind.THROTTLED:
        return outcome
    parks = exhausted or (verdict.wait_ms or 0) > LONG_WAIT_MS
    return replace(outcome, verdict=verdict, parks=parks)


def settle_windows(
    windows: Mapping[WindowKey, Window], settlements: Iterable[Settlement], now: int
) -> dict[WindowKey, Window]:
    """The windows that the ended calls had reserved something in, as they are then.

    Those that are not in `windows` are gone, and nothing is left to settle there.
    """
    changed: dict[WindowKey, Window] = {}
    for permit, outcomes in _by_permit(settlements).values():
        account, model = permit.route
        free = sum(one.verdict.kind in charging.UNCHARGED for one in outcomes) * permit.by_client
        for name, (period_key, held) in permit.reserved.items():
            for key in ((account, "", name, period_key), (account, model, name, period_key)):
                if (window := changed.get(key) or windows.get(key)) is not None:
                    settled = charging.settle_calls(window, outcomes, now, held)
                    changed[key] = quota.by_clients(settled, -free * held)
    return changed


def _by_permit(
    settlements: Iterable[Settlement],
) -> dict[int, tuple[Permit, list[Outcome]]]:
    """The outcomes of the calls of each permit: those that were admitted together share one."""
    found: dict[int, tuple[Permit, list[Outcome]]] = {}
    for one in settlements:
        permit = one.call.permit
        found.setdefault(id(permit), (permit, []))[1].append(one.outcome)
    return found

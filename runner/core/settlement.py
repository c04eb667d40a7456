"""Settlement: what the end of a call changes in the ledger, its windows, its jobs and its batch.

`settle` turns one ended call into one frozen settlement; `settle_windows` applies all that ended
together to their windows. All of it is decided here: the store only writes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from runner.core import charging, quota, retry
from runner.core.admission import Permit
from runner.core.charging import Outcome
from runner.core.retry import Accept, JobAction, RetryLimits
from runner.core.route import Route
from runner.core.states import CallState
from runner.core.tries import Tries
from runner.core.verdict import Kind
from runner.core.window import Window, WindowKey

# A named wait that is longer than this parks the window, and so survives a restart.
LONG_WAIT_MS = 60_000


@dataclass(frozen=True, slots=True)
class CallJob:
    """A job that is part of a call, with its history when the call began."""

    job_id: int
    tries: Tries = field(default_factory=Tries)


@dataclass(frozen=True, slots=True)
class Call:
    """A call that is in the ledger: it may be sent once, and must be settled once.

    It is made for the jobs of a batch, or for the client of that name.
    """

    id: int
    permit: Permit
    jobs: tuple[CallJob, ...] = ()
    batch_id: int | None = None
    client: str | None = None


@dataclass(frozen=True, slots=True)
class ParsedAnswer:
    """The answer to one job, parsed from a reply.

    Attributes:
        value: The answer if it is valid, else None.
        invalid: Why it is invalid.
        task_id: The provider's id of the task that will bring the answer, or the URL of an image
            that is made already; empty if there is neither.
        said: The model's own words, where they are worth keeping.
        final: Whether asking the job again, alone, would bring the same answer.
    """

    value: str | None = None
    invalid: str = ""
    task_id: str = ""
    said: str | None = None
    final: bool = False


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """What happens to one job of a call; `reply` is the model's text about it."""

    job: CallJob
    action: JobAction
    reply: str | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """What the end of one call changes.

    Attributes:
        call: The call.
        outcome: The end of the call, as its windows need it.
        jobs: What happens to each of its jobs.
        status: The HTTP status; None when no reply came.
        prompt_tokens: The provider's count; None if it gave none.
        completion_tokens: The provider's count; None if it gave none.
    """

    call: Call
    outcome: Outcome
    jobs: tuple[JobOutcome, ...] = ()
    status: int | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None

    @property
    def state(self) -> CallState:
        """The state of the call in the ledger."""
        return CallState(self.outcome.verdict.kind)

    @property
    def started_task(self) -> bool:
        """Whether the call started a task at the provider."""
        return any(isinstance(outcome.action, Accept) for outcome in self.jobs)


@dataclass(frozen=True, slots=True)
class RouteEvidence:
    """What a route's other calls show about a refused one.

    Attributes:
        others_answered: Whether the route answers other calls: it has since this one was sent; or,
            if the row may be the cause, it has answered lately or refused no other call.
        exhausted: Whether slowing down has not helped, so that the route must be parked.
    """

    others_answered: bool = True
    exhausted: bool = True


_ALONE = RouteEvidence()


def settle(
    call: Call,
    outcome: Outcome,
    answers: Sequence[ParsedAnswer],
    limits: RetryLimits,
    *,
    jitter: float,
    now: int,
    route: RouteEvidence = _ALONE,
    reply: str | None = None,
) -> Settlement:
    """Returns the settlement of one call.

    Args:
        call: The call, with the jobs that could be asked.
        outcome: The end of the call.
        answers: The answer to each job; unused unless the verdict is `DONE`.
        limits: How often a job may be tried.
        jitter: A random number in [0, 1) that spreads the retries.
        now: The moment of the reply (ms since the epoch).
        route: What the route's other calls show.
        reply: The body of a refusal, where it is worth keeping.
    """
    if outcome.verdict.kind is Kind.DONE:
        jobs = tuple(
            JobOutcome(job, _after_answer(answer, job.tries, limits, len(call.jobs)), answer.said)
            for job, answer in zip(call.jobs, answers, strict=True)
        )
    else:
        jobs = tuple(
            JobOutcome(
                job,
                retry.after_refusal(
                    outcome.verdict,
                    job.tries,
                    limits,
                    jitter=jitter,
                    now=now,
                    pack_size=len(call.jobs),
                    circuit_open=call.permit.circuit_open,
                    others_answered=route.others_answered,
                ),
                reply,
            )
            for job in call.jobs
        )
    return Settlement(call, _with_parking(outcome, exhausted=route.exhausted), jobs)


def _after_answer(
    answer: ParsedAnswer, tries: Tries, limits: RetryLimits, pack_size: int
) -> JobAction:
    if answer.task_id:
        return Accept(answer.task_id)
    return retry.after_answer(
        answer.value, answer.invalid, tries, limits, pack_size=pack_size, final=answer.final
    )


def _with_parking(outcome: Outcome, *, exhausted: bool) -> Outcome:
    """Returns `outcome`, where throttling parks the window only if slowing down does not help.

    An overload counts as throttling, whatever its status.
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
    """Returns the windows in which the ended calls had reserved something, after settling them.

    A window that is not in `windows` no longer exists, and needs no settling.
    """
    changed: dict[WindowKey, Window] = {}
    for permit, outcomes in _by_permit(settlements).values():
        free = sum(each.verdict.kind in charging.UNCHARGED for each in outcomes) * permit.by_client
        for key, amount in _reserved_in(permit.route, permit.reserved):
            if (window := changed.get(key) or windows.get(key)) is not None:
                settled = charging.settle_calls(window, outcomes, now, amount)
                changed[key] = quota.by_clients(settled, -free * amount)
    return changed


@dataclass(frozen=True, slots=True)
class UnseenCall:
    """A call whose end nobody saw, since its runner has ended; see `Permit`."""

    route: Route
    reserved: Mapping[str, tuple[str, int]]
    probe: bool


def settle_unseen_calls(
    windows: Mapping[WindowKey, Window], unseen: Iterable[UnseenCall], now: int
) -> dict[WindowKey, Window]:
    """Returns the windows in which these calls had reserved something: that counts as spent."""
    changed: dict[WindowKey, Window] = {}
    for call in unseen:
        for key, amount in _reserved_in(call.route, call.reserved):
            if (window := changed.get(key) or windows.get(key)) is not None:
                changed[key] = charging.settle_unseen(
                    window, probe=call.probe, now=now, amount=amount
                )
    return changed


def _reserved_in(
    route: Route, reserved: Mapping[str, tuple[str, int]]
) -> Iterator[tuple[WindowKey, int]]:
    """Yields the windows, of the account or of the model, and the amount reserved in each."""
    account, model = route
    for name, (period_key, amount) in reserved.items():
        yield (account, "", name, period_key), amount
        yield (account, model, name, period_key), amount


def _by_permit(
    settlements: Iterable[Settlement],
) -> dict[int, tuple[Permit, list[Outcome]]]:
    """Returns the outcomes by permit, which calls that were admitted together share."""
    by_permit: dict[int, tuple[Permit, list[Outcome]]] = {}
    for settlement in settlements:
        permit = settlement.call.permit
        by_permit.setdefault(id(permit), (permit, []))[1].append(settlement.outcome)
    return by_permit

"""What happens to a job after its call: it succeeds, is retried at once or later, or fails.

A failure of a call that several jobs share counts against none of them. Their pack is split
instead, so that a job that makes its calls fail ends up alone and is judged alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from runner.core.states import JobEvent
from runner.core.tries import REQUEUED_ATTEMPTS, REQUEUED_FAULTS, Tries
from runner.core.verdict import Kind, Verdict

BASE_WAIT_MS = 2_000
LONGEST_WAIT_MS = 300_000
# A job that was in a call at this many deaths of a runner is considered their cause.
MAX_CRASHES = 20
# After this many faults in a row the pack may be the cause: too long an answer, or one bad row.
FAULTS_IN_PACK = 3
# The shortest and the longest time between two polls of an image task.
FIRST_POLL_MS = 3_000
LONGEST_POLL_MS = 60_000
# A task that has not ended by this age is given up.
LONGEST_TASK_MS = 24 * 3_600_000
# A job whose call was the probe of an open circuit waits, so that another job is the next probe.
PROBE_REST_MS = 15 * 60_000
# In what may be an outage this wait doubles each time, up to here.
LONGEST_REST_MS = 60 * 60_000
# A job may be the probe of an open circuit, or of an outage, this often at no cost to it.
MAX_FREE_PROBES = 20


@dataclass(frozen=True, slots=True)
class RetryLimits:
    """How often a job may be tried.

    Attributes:
        max_attempts: The most calls that end with a transient fault; then the job fails.
        max_asks: The most replies; after the last invalid one the job fails.
    """

    max_attempts: int = 6
    max_asks: int = 3


@dataclass(frozen=True, slots=True)
class Succeed:
    """The job has its answer."""

    answer: str


@dataclass(frozen=True, slots=True)
class Accept:
    """The provider works on it, or has made its image; see `ParsedAnswer.task_id`."""

    task_id: str


@dataclass(frozen=True, slots=True)
class Reask:
    """The answer was invalid; ask again at once, and say `why`."""

    why: str = ""


@dataclass(frozen=True, slots=True)
class SplitPack:
    """Ask again in smaller packs; the failure does not count against the job."""

    why: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """Ready again, without a counted attempt; the gate of its route says when to go on."""


@dataclass(frozen=True, slots=True)
class RetryAt:
    """Try again at `due` (ms since the epoch); `counted` against the job, or not."""

    due: int
    counted: bool = True


@dataclass(frozen=True, slots=True)
class Requeue:
    """Ready again: it was rejected with many others, so its calls tell nothing about it."""


@dataclass(frozen=True, slots=True)
class Fail:
    """Give up."""

    why: str


JobAction = Succeed | Accept | Reask | SplitPack | Release | RetryAt | Requeue | Fail


def after_answer(
    value: str | None,
    why_not: str,
    tries: Tries,
    limits: RetryLimits,
    *,
    pack_size: int = 1,
    final: bool = False,
) -> JobAction:
    """Returns the action that follows an answer.

    Args:
        value: The answer if it is valid, else None.
        why_not: Why the answer is invalid.
        tries: The history of the job; `attempts` already counts this call.
        limits: How often a job may be tried.
        pack_size: The number of jobs in the call.
        final: Whether asking the job again, alone, would bring the same answer.
    """
    if value is not None:
        return Succeed(value)
    if pack_size > 1:
        return SplitPack(why_not)
    if final:
        return Fail(why_not)
    if tries.invalid_replies + 1 < limits.max_asks:
        return Reask(why_not)
    number = "1 reply" if limits.max_asks == 1 else f"{limits.max_asks} replies"
    return Fail(f"no valid answer in {number}: {why_not}")


def after_refusal(
    verdict: Verdict,
    tries: Tries,
    limits: RetryLimits,
    *,
    jitter: float,
    now: int,
    pack_size: int = 1,
    circuit_open: bool = False,
    others_answered: bool = True,
) -> JobAction:
    """Returns the action that follows any verdict but `DONE`.

    Args:
        verdict: The verdict on the call.
        tries: The history of the job; `attempts` already counts this call.
        limits: How often a job may be tried.
        jitter: A random number in [0, 1) that spreads the retries.
        now: The present moment (ms since the epoch).
        pack_size: The number of jobs in the call.
        circuit_open: Whether the call was the probe of a route whose circuit breaker is open.
        others_answered: Whether the provider answers other calls. If not, an overload says little
            about the job, and others go first.
    """
    outage = verdict.overloaded and not others_answered
    if outage and not verdict.perhaps_row:
        return Release()
    match verdict.kind:
        case Kind.REJECTED:
            return SplitPack(verdict.why) if pack_size > 1 else Fail(verdict.why)
        case Kind.TRANSIENT:
            if (circuit_open or outage) and tries.attempts < MAX_FREE_PROBES:
                rest = PROBE_REST_MS if circuit_open else _rest_ms(tries.attempts)
                return RetryAt(now + rest, counted=False)
            due = now + max(backoff_ms(tries.faults, jitter), verdict.wait_ms or 0)
            return _after_fault(verdict, tries, limits, due, pack_size)
        case _:
            return Release()


def _after_fault(
    verdict: Verdict, tries: Tries, limits: RetryLimits, due: int, pack_size: int
) -> JobAction:
    """Returns the action that follows a transient fault; a retry is due at `due`."""
    if pack_size > 1 and tries.faults + 1 >= FAULTS_IN_PACK:
        return SplitPack(verdict.why)
    if pack_size > 1 or tries.faults + 1 < limits.max_attempts:
        return RetryAt(due)
    return Fail(f"{verdict.why} (tried {tries.faults + 1} times)")


def _rest_ms(attempts: int) -> int:
    """Returns how long a job waits for others to go first after `attempts` refusals, in ms."""
    return min(LONGEST_REST_MS, BASE_WAIT_MS << attempts)


def backoff_ms(faults: int, jitter: float) -> int:
    """Returns a wait in ms: exponential back-off with full jitter.

    It is uniform in [0, min(longest, base * 2**faults)), as in "Exponential Backoff And Jitter",
    AWS Architecture Blog, 2015.
    """
    return int(jitter * min(LONGEST_WAIT_MS, BASE_WAIT_MS * 2 ** min(faults, 30)))


def next_poll_at(started_at: int, now: int) -> int | None:
    """Returns when to poll a task that began at `started_at` again; None to give it up.

    The wait is a tenth of the task's age, so a result is delayed by a tenth of its duration.
    """
    age = now - started_at
    if age > LONGEST_TASK_MS:
        return None
    return now + min(LONGEST_POLL_MS, max(FIRST_POLL_MS, age // 10))


def after_crash(tries: Tries) -> Fail | None:
    """Returns the failure of a job whose runner has died once more; None: it is ready again."""
    crashes = tries.crashes + 1
    if crashes < MAX_CRASHES:
        return None
    return Fail(f"the program died {crashes} times while it worked on this row")


def after_lost_task(why: str, faults: int, max_attempts: int) -> Fail | None:
    """Returns the failure of a job whose image task was lost; None: it is ready again.

    `faults` does not count this loss.
    """
    if faults + 1 < max_attempts:
        return None
    return Fail(f"{why} (tried {max_attempts} times)")


def event_of(action: JobAction) -> JobEvent:
    """Returns what happens to a running job by `action`."""
    match action:
        case Succeed():
            return JobEvent.ANSWERED
        case Accept():
            return JobEvent.ACCEPTED
        case RetryAt():
            return JobEvent.BACKED_OFF
        case Reask() | SplitPack() | Release() | Requeue():
            return JobEvent.RELEASED
        case Fail():
            return JobEvent.GAVE_UP


def tries_after(action: JobAction, tries: Tries) -> Tries:
    """Returns the history of a job after `action`; `tries` already counts its call."""
    match action:
        case RetryAt(counted=True):
            return replace(tries, faults=tries.faults + 1)
        case Reask():
            return replace(tries, invalid_replies=tries.invalid_replies + 1)
        case SplitPack():
            return replace(tries, faults=0, splits=tries.splits + 1)
        case Release():
            return replace(tries, attempts=tries.attempts - 1)
        case Requeue():
            return replace(tries, attempts=REQUEUED_ATTEMPTS, faults=REQUEUED_FAULTS)
        case Succeed() | Accept() | RetryAt() | Fail():
            return tries

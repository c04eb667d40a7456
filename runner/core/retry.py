"""What happens to a job after its call: it ends, is asked again at once or later, or fails.

What goes wrong in a call that several jobs share is held against none of them. Their pack is
split instead, so that a job that spoils its calls ends up alone, and is judged alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from runner.core.tries import Tries
from runner.core.verdict import Kind, Verdict

BASE_WAIT_MS = 2_000
LONGEST_WAIT_MS = 300_000
# A job that was in a call at this many deaths of a runner is taken for their cause.
MAX_CRASHES = 20
# After so many faults in a row the pack may be at fault: too long an answer, or one bad row.
FAULTS_IN_PACK = 3
# When to poll an image task: soon at first, then ever more rarely.
FIRST_POLL_MS = 3_000
LONGEST_POLL_MS = 60_000
# A task that has not ended after this long never will.
LONGEST_TASK_MS = 24 * 3_600_000
# A row that was sent where calls are known to fail lets others go first the next time.
PROBE_REST_MS = 15 * 60_000
# In what may be an outage it rests twice as long each time: the others shall be probes, too.
LONGEST_REST_MS = 60 * 60_000
# So often the probe of a broken circuit, or of an outage, is not held against its row.
MAX_FREE_PROBES = 20


@dataclass(frozen=True, slots=True)
class Limits:
    """How often a job may be tried: calls after passing faults, questions after bad answers."""

    max_attempts: int = 6
    max_asks: int = 3


@dataclass(frozen=True, slots=True)
class Succeed:
    """The job has its answer."""

    answer: str


@dataclass(frozen=True, slots=True)
class Accept:
    """The provider works on it, as its task `task_id`; ask how far it is."""

    task_id: str


@dataclass(frozen=True, slots=True)
class Reask:
    """The answer was none of those asked for; ask at once, and say `why`."""

    why: str = ""


@dataclass(frozen=True, slots=True)
class SplitPack:
    """Ask again in smaller packs; nothing is held against the job."""

    why: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """The job is not to blame and no attempt is counted; its gate says when to go on."""


@dataclass(frozen=True, slots=True)
class RetryAt:
    """Try again at `due` (ms since the epoch); `counted` against the job, or not."""

    due: int
    counted: bool = True


@dataclass(frozen=True, slots=True)
class Fail:
    """Give up."""

    why: str


JobAction = Succeed | Accept | Reask | SplitPack | Release | RetryAt | Fail


def after_answer(
    value: str | None,
    why_not: str,
    tries: Tries,
    limits: Limits,
    *,
    pack_size: int = 1,
    final: bool = False,
) -> JobAction:
    """What follows an answer: `value` if it is valid, else `why_not`.

    Args:
        value: The answer, if it is one.
        why_not: Why it is none.
        tries: What the job has been through; `attempts` has this call already.
        limits: How much it may go through.
        pack_size: How many jobs shared the call.
        final: Whether asking the job again, alone, would bring no other answer.
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
    limits: Limits,
    *,
    jitter: float,
    now: int,
    pack_size: int = 1,
    circuit_open: bool = False,
    others_answered: bool = True,
) -> JobAction:
    """What follows any verdict but done.

    Args:
        verdict: What came of the call.
        tries: What the job has been through; `attempts` has this call already.
        limits: How much it may go through.
        jitter: In [0, 1); spreads the retries.
        now: The present moment.
        pack_size: How many jobs shared the call.
        circuit_open: Whether the call was the probe of a route whose calls are known to fail.
        others_answered: Whether the provider answers other calls: if not, that it is overloaded
            says little about the job, which lets others go first.
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
    verdict: Verdict, tries: Tries, limits: Limits, due: int, pack_size: int
) -> JobAction:
    """What follows a fault that may pass; `due` is when to try again."""
    if pack_size > 1 and tries.faults + 1 >= FAULTS_IN_PACK:
        return SplitPack(verdict.why)
    if pack_size > 1 or tries.faults + 1 < limits.max_attempts:
        return RetryAt(due)
    return Fail(f"{verdict.why} (tried {tries.faults + 1} times)")


def _rest_ms(attempts: int) -> int:
    """How long a row lets others go first, once it was refused so many times."""
    return min(LONGEST_REST_MS, BASE_WAIT_MS << attempts)


def backoff_ms(faults: int, jitter: float) -> int:
    """Exponential backoff with full jitter: uniform in [0, min(longest, base * 2**faults)).

    As in "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    return int(jitter * min(LONGEST_WAIT_MS, BASE_WAIT_MS * 2 ** min(faults, 30)))


def next_poll_at(started_at: int, now: int) -> int | None:
    """When to poll again a task that the provider began at `started_at`; None: give it up.

    The wait is a tenth of the task's age: so a result is fetched soon, compared to what it took.
    """
    age = now - started_at
    if age > LONGEST_TASK_MS:
        return None
    return now + min(LONGEST_POLL_MS, max(FIRST_POLL_MS, age // 10))


def survives_crash(tries: Tries) -> bool:
    """Whether a job may be claimed again after another of its runners has died."""
    return tries.crashes + 1 < MAX_CRASHES

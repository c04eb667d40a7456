"""What becomes of a job after its call: done, asked again, later, or never.

It knows verdicts and how often the job was tried; windows are outcome.py's. A job that shared its
call with others is in pack_size: what goes wrong there is not held against it, but halves the
pack_size, so that a job that spoils its calls ends alone, and answers for itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from runner.core.states import Counts
from runner.core.verdict import Kind, Verdict

BASE_WAIT_MS = 2_000
LONGEST_WAIT_MS = 300_000
# A job that was claimed this often without any verdict kills its runners.
MAX_CLAIMS = 20
# So many rejected calls before any answer are not the rows' fault.
REJECTIONS_TO_STOP = 5
# After so many faults in a row the pack_size may be at fault: too long an answer, or one bad row.
FAULTS_IN_COMPANY = 3
# When to look at a provider's task: soon at first, then ever more rarely.
FIRST_LOOK_MS = 3_000
LONGEST_LOOK_MS = 60_000
# A task that has not ended after this long never will.
LONGEST_TASK_MS = 24 * 3_600_000
# A row that was sent where calls are known to fail lets others go first the next time.
PROBE_REST_MS = 15 * 60_000


@dataclass(frozen=True, slots=True)
class Tries:
    """How often a job was claimed, met a passing fault, answered invalidly alone, and halved."""

    claims: int = 1
    faults: int = 0
    asks: int = 0
    splits: int = 0


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
    """Ask again in smaller pack_size; nothing is held against the job."""

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
    value: str | None, why_not: str, tries: Tries, limits: Limits, *, pack_size: int = 1
) -> JobAction:
    """What follows an answer: `value` if it is valid, else `why_not`.

    Args:
        value: The answer, if it is one.
        why_not: Why it is none.
        tries: What the job has been through, before this.
        limits: How much it may go through.
        pack_size: How many jobs shared the call.
    """
    if value is not None:
        return Succeed(value)
    if pack_size > 1:
        return SplitPack(why_not)
    if tries.asks + 1 < limits.max_asks:
        return Reask(why_not)
    return Fail(f"no valid answer in {limits.max_asks} asked: {why_not}")


def after_refusal(
    verdict: Verdict,
    tries: Tries,
    limits: Limits,
    *,
    chance: float,
    now: int,
    pack_size: int = 1,
    known_to_fail: bool = False,
) -> JobAction:
    """What follows any verdict but done.

    Args:
        verdict: What came of the call.
        tries: What the job has been through, before this.
        limits: How much it may go through.
        chance: In [0, 1); spreads the retries.
        now: The present moment.
        pack_size: How many jobs shared the call.
        known_to_fail: Whether the call was the probe of a broken circuit.
    """
    match verdict.kind:
        case Kind.REJECTED:
            return SplitPack(verdict.why) if pack_size > 1 else Fail(verdict.why)
        case Kind.TRANSIENT:
            return _after_fault(
                verdict, tries, limits, chance, now, pack_size, known_to_fail=known_to_fail
            )
        case _:
            return Release()


def _after_fault(
    verdict: Verdict,
    tries: Tries,
    limits: Limits,
    chance: float,
    now: int,
    pack_size: int,
    *,
    known_to_fail: bool,
) -> JobAction:
    """What follows a fault that may pass.

    The probe of a broken circuit goes where calls are known to fail, which is not held against its
    rows.
    """
    if known_to_fail and tries.claims < MAX_CLAIMS:
        return RetryAt(now + PROBE_REST_MS, counted=False)
    if pack_size > 1 and tries.faults + 1 >= FAULTS_IN_COMPANY:
        return SplitPack(verdict.why)
    if pack_size > 1 or tries.faults + 1 < limits.max_attempts:
        return RetryAt(now + backoff_ms(tries.faults, chance))
    return Fail(f"{verdict.why} (tried {tries.faults + 1} times)")


def backoff_ms(faults: int, chance: float) -> int:
    """Exponential backoff with full jitter: uniform in [0, min(longest, base * 2**faults)).

    As in "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    return int(chance * min(LONGEST_WAIT_MS, BASE_WAIT_MS * 2 ** min(faults, 30)))


def next_poll_at(since: int, now: int) -> int | None:
    """When to look again at a task the provider has had `since` then; None: give it up.

    A tenth of its age later: what is ready is fetched when it has waited little, compared to what
    it took.
    """
    age = now - since
    if age > LONGEST_TASK_MS:
        return None
    return now + min(LONGEST_LOOK_MS, max(FIRST_LOOK_MS, age // 10))


def batch_stop_reason(verdict: Verdict, counts: Counts, rejected: int) -> str | None:
    """Why a batch should stop asking, or None: its model is gone, or all it asks is rejected.

    A wrong parameter would otherwise cost a call, and a failure, for every row. `rejected` is how
    many of its calls were.
    """
    advice = f"; {verdict.remedy}" if verdict.remedy else ""
    if verdict.kind is Kind.GONE:
        return f"the provider does not serve this model: {verdict.why}{advice}"
    unanswered = verdict.kind is Kind.REJECTED and counts.succeeded == 0
    if unanswered and rejected >= REJECTIONS_TO_STOP:
        return f"the provider rejects every call: {verdict.why}{advice}"
    return None


def survives_crash(tries: Tries) -> bool:
    """Whether a job whose runner died may be claimed again."""
    return tries.claims < MAX_CLAIMS

"""What becomes of a job after its call: done, asked again, later, or never.

It knows verdicts and how often the job was tried; windows are outcome.py's.
"""

from __future__ import annotations

from dataclasses import dataclass

from runner.core.model import Counts
from runner.core.verdict import Kind, Verdict

BASE_WAIT_MS = 2_000
LONGEST_WAIT_MS = 300_000
# A job that was claimed this often without any verdict kills its runners.
MAX_CLAIMS = 20
# So many rejections before any answer are not the rows' fault.
REJECTIONS_TO_STOP = 5


@dataclass(frozen=True, slots=True)
class Tries:
    """How often a job was claimed, failed by a passing fault, and answered invalidly."""

    claims: int = 1
    faults: int = 0
    asks: int = 0


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
class AskAgain:
    """The answer was not one of those asked for; ask at once, and remind."""


@dataclass(frozen=True, slots=True)
class Release:
    """The job is not to blame and no attempt is counted; its gate says when to go on."""


@dataclass(frozen=True, slots=True)
class RetryAt:
    """Try again at `due` (ms since the epoch)."""

    due: int


@dataclass(frozen=True, slots=True)
class Fail:
    """Give up."""

    why: str


Step = Succeed | AskAgain | Release | RetryAt | Fail


def after_answer(value: str | None, why_not: str, tries: Tries, limits: Limits) -> Step:
    """What follows an answer: `value` if it is valid, else `why_not`."""
    if value is not None:
        return Succeed(value)
    if tries.asks + 1 < limits.max_asks:
        return AskAgain()
    return Fail(f"no valid answer in {limits.max_asks} asked: {why_not}")


def after_refusal(
    verdict: Verdict, tries: Tries, limits: Limits, *, chance: float, now: int
) -> Step:
    """What follows any verdict but done. `chance` in [0, 1) spreads the retries."""
    match verdict.kind:
        case Kind.REJECTED:
            return Fail(verdict.why)
        case Kind.TRANSIENT if tries.faults + 1 < limits.max_attempts:
            return RetryAt(now + backoff_ms(tries.faults, chance))
        case Kind.TRANSIENT:
            return Fail(f"{verdict.why} (tried {tries.faults + 1} times)")
        case _:
            return Release()


def backoff_ms(faults: int, chance: float) -> int:
    """Exponential backoff with full jitter: uniform in [0, min(longest, base * 2**faults)).

    As in "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    return int(chance * min(LONGEST_WAIT_MS, BASE_WAIT_MS * 2 ** min(faults, 30)))


def hopeless(verdict: Verdict, counts: Counts) -> str | None:
    """Why a batch should stop asking, or None: its model is gone, or all it asks is rejected.

    A wrong parameter would otherwise cost a call, and a failure, for every row.
    """
    advice = f"; {verdict.remedy}" if verdict.remedy else ""
    if verdict.kind is Kind.GONE:
        return f"the provider does not serve this model: {verdict.why}{advice}"
    rejected = verdict.kind is Kind.REJECTED and counts.succeeded == 0
    if rejected and counts.failed >= REJECTIONS_TO_STOP:
        return f"the provider rejects every call: {verdict.why}{advice}"
    return None


def survives_crash(tries: Tries) -> bool:
    """Whether a job whose runner died may be claimed again."""
    return tries.claims < MAX_CLAIMS

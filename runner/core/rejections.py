"""Systematic rejections: call after call of a batch is rejected in the same way.

No row is to blame for that. A wrong parameter, a login page or an account that lost its rights
would otherwise fail every row, at a call each. So after a handful the batch is paused, and the rows
that had failed are queued again. A row that is rejected again after the user has resumed the batch
fails.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from runner.core.message_pattern import pattern_of
from runner.core.retry import Fail, RetryAt
from runner.core.settlement import JobOutcome, Settlement
from runner.core.verdict import Kind, Verdict

# So many calls rejected in a row, in the same way, are not the rows' fault.
REJECTIONS = 5

# What is said of a row that is too long, or that a filter of contents refuses.
_OF_THE_ROW = re.compile(
    r"context.?(length|window|size)|maximum context|too (long|large|big|many tokens)"
    r"|(exceed|longer|larger|more).{0,60}(tokens|length|characters)|max(imum)?.{0,20}(tokens|length)"
    r"|content.{0,20}(policy|filter|management|moderat)|(data|content).?inspection|moderation"
    r"|inappropriate|sensitive|unsafe|prohibited|harmful|safety|risk.?control",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Streak:
    """Calls of a batch that were rejected one after the other, in the same way.

    Attributes:
        count: How many, other runners' and those before a restart included.
        pattern: What all of them say; empty where that is not known.
        failed_jobs: The jobs that have failed for it.
    """

    count: int = 0
    pattern: str = ""
    failed_jobs: tuple[int, ...] = ()

    def as_stored(self, count: int) -> Streak:
        """The streak with the stored count: others may have added to it, or an answer ended it."""
        return replace(self, count=count) if count else NO_STREAK

    @property
    def is_systematic(self) -> bool:
        """Whether they are too many to be the rows' fault."""
        return self.count >= REJECTIONS


NO_STREAK = Streak()


@dataclass(frozen=True, slots=True)
class Rejections:
    """What the settlements of a turn say of systematic rejections.

    Attributes:
        streaks: By batch, the rejections since its last answer.
        settlements: The settlements; those of a systematic rejection fail no job.
        pause_reasons: By batch, why it is to be paused.
        requeued: Jobs that have failed in earlier turns, and are to be queued again.
    """

    streaks: Mapping[int, Streak]
    settlements: Sequence[Settlement]
    pause_reasons: Mapping[int, str]
    requeued: Sequence[int]


def find_systematic(
    settlements: Sequence[Settlement],
    streak_of: Callable[[int], Streak],
    answered: Callable[[int], bool],
    now: int,
) -> Rejections:
    """What `settlements`, in the order in which their calls ended, say.

    Args:
        settlements: Those of the turn.
        streak_of: The streak of a batch before it.
        answered: Whether any job of a batch has been answered. If none has, any rejection counts,
            whatever it says; else what is said of one row's length or contents does not.
        now: The present moment (ms since the epoch).
    """
    streaks, reasons = dict[int, Streak](), dict[int, str]()
    changed: dict[int, Settlement] = {}
    requeued: list[int] = []
    for batch_id, own in _by_batch(settlements).items():
        streak, rejected = _extended(streak_of(batch_id), own, any_pattern=not answered(batch_id))
        if streak.is_systematic and rejected:
            reasons[batch_id] = _reason(rejected[-1].outcome.verdict)
            changed |= {one.call.id: _without_failures(one, now) for one in rejected}
            requeued += streak.failed_jobs
            streaks[batch_id] = replace(streak, failed_jobs=())
        else:
            streaks[batch_id] = replace(
                streak, failed_jobs=(*streak.failed_jobs, *_failed(rejected))
            )
    settled = [changed.get(one.call.id, one) for one in settlements]
    return Rejections(streaks, settled, reasons, requeued)


def _by_batch(settlements: Iterable[Settlement]) -> dict[int, list[Settlement]]:
    found: dict[int, list[Settlement]] = {}
    for one in settlements:
        if one.call.batch_id is not None:
            found.setdefault(one.call.batch_id, []).append(one)
    return found


def _extended(
    streak: Streak, settlements: Iterable[Settlement], *, any_pattern: bool
) -> tuple[Streak, list[Settlement]]:
    """The streak after `settlements` of its batch, and those of them that are part of it."""
    rejected: list[Settlement] = []
    for one in settlements:
        verdict = one.outcome.verdict
        if verdict.kind is Kind.DONE:
            streak, rejected = NO_STREAK, []
        elif verdict.kind is Kind.REJECTED and (any_pattern or not _OF_THE_ROW.search(verdict.why)):
            pattern = pattern_of(verdict.why)
            if not any_pattern and streak.pattern not in ("", pattern):
                streak, rejected = NO_STREAK, []
            streak = replace(streak, count=streak.count + 1, pattern=pattern)
            rejected.append(one)
    return streak, rejected


def _reason(verdict: Verdict) -> str:
    advice = f"; {verdict.remedy}" if verdict.remedy else ""
    return f"the provider rejects call after call: {verdict.why}{advice}"


def _is_rejected(outcome: JobOutcome, verdict: Verdict) -> bool:
    return outcome.action == Fail(verdict.why) and not outcome.job.tries.faults


def _failed(settlements: Iterable[Settlement]) -> tuple[int, ...]:
    """The jobs that were failed for being rejected, and not before."""
    return tuple(
        one.job.job_id
        for settlement in settlements
        for one in settlement.jobs
        if _is_rejected(one, settlement.outcome.verdict)
    )


def _without_failures(settlement: Settlement, now: int) -> Settlement:
    """`settlement` with its jobs to be tried again.

    That counts as a fault of each: a second rejection fails it.
    """
    verdict = settlement.outcome.verdict
    jobs = tuple(
        replace(one, action=RetryAt(now)) if _is_rejected(one, verdict) else one
        for one in settlement.jobs
    )
    return replace(settlement, jobs=jobs)

"""Systematic rejections: call after call of a batch is rejected in the same way.

The cause is not the rows but a wrong parameter, a login page or an account that lost its rights,
which would fail every row, at one call each. So after `REJECTIONS` of them the batch is paused, and
the rows that failed are queued again. A row that is rejected again after the user has resumed the
batch fails.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from runner.core.message_pattern import pattern_of
from runner.core.retry import Fail, Requeue
from runner.core.settlement import JobOutcome, Settlement
from runner.core.verdict import Kind, Verdict

# After this many rejections in a row with the same message, the rows are not the cause; nor after
# so many with different messages, which may repeat what is in the rows.
REJECTIONS = 5
DIFFERENT_REJECTIONS = 15

# Messages about one row: it is too long, or a content filter refuses it.
_OF_THE_ROW = re.compile(
    r"context.?(length|window|size)|maximum context|too (long|large|big|many tokens)"
    r"|(exceed|longer|larger|more).{0,60}(tokens|length|characters)|max(imum)?.{0,20}(tokens|length)"
    r"|content.{0,20}(policy|filter|management|moderat)|(data|content).?inspection|moderation"
    r"|inappropriate|sensitive|unsafe|prohibited|harmful|safety|risk.?control",
    re.IGNORECASE,
)
_OF_THE_ACCOUNT = re.compile(r"\baccount\b|账号|账户", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Streak:
    """Consecutive calls of a batch that were rejected.

    Attributes:
        count: The number of calls, with those of other runners and those before a restart.
        pattern: The `pattern_of` the latest messages; empty if unknown.
        others: The number of calls before these, with other messages.
        failed_jobs: The ids of the jobs that these calls failed.
    """

    count: int = 0
    pattern: str = ""
    others: int = 0
    failed_jobs: tuple[int, ...] = ()

    def as_stored(self, count: int) -> Streak:
        """Returns the streak with the stored count, which other runners may have changed.

        They add to it, and an answer to one of their calls ends the streak.
        """
        return replace(self, count=count) if count else NO_STREAK

    @property
    def is_systematic(self) -> bool:
        """Whether the streak is too long for the rows to be the cause."""
        return self.count - self.others >= REJECTIONS or self.count >= DIFFERENT_REJECTIONS

    def extended(self, pattern: str, *, any_pattern: bool) -> Streak:
        """Returns the streak with one more rejection, whose message has this pattern."""
        differs = not any_pattern and self.pattern not in ("", pattern)
        others = self.count if differs else self.others
        return replace(self, count=self.count + 1, pattern=pattern, others=others)


NO_STREAK = Streak()


@dataclass(frozen=True, slots=True)
class Rejections:
    """The systematic rejections among the settlements of a turn.

    Attributes:
        streaks: By batch, the rejections since its last answer.
        settlements: All settlements, changed so that a systematic rejection fails no job.
        pause_reasons: By batch, why it is to be paused.
        requeued: The ids of jobs that failed in earlier turns and are to be queued again.
    """

    streaks: Mapping[int, Streak]
    settlements: Sequence[Settlement]
    pause_reasons: Mapping[int, str]
    requeued: Sequence[int]


def find_systematic(
    settlements: Sequence[Settlement],
    streak_of: Callable[[int], Streak],
    answered: Callable[[int], bool],
) -> Rejections:
    """Finds the systematic rejections of a turn.

    Args:
        settlements: The settlements of the turn, in the order in which their calls ended.
        streak_of: Returns the streak of a batch before the turn.
        answered: Returns whether any job of a batch has been answered. Until one has, every
            rejection counts; afterwards, rejections for a row's length or contents do not.
    """
    streaks, reasons = dict[int, Streak](), dict[int, str]()
    changed: dict[int, Settlement] = {}
    requeued: list[int] = []
    for batch_id, own in _by_batch(settlements).items():
        streak, rejected = _extended(streak_of(batch_id), own, any_pattern=not answered(batch_id))
        if streak.is_systematic and rejected:
            reasons[batch_id] = _reason(rejected[-1].outcome.verdict)
            changed |= {each.call.id: _without_failures(each) for each in rejected}
            requeued += streak.failed_jobs
            streaks[batch_id] = replace(streak, failed_jobs=())
        else:
            streaks[batch_id] = replace(
                streak, failed_jobs=(*streak.failed_jobs, *_failed(rejected))
            )
    settled = [changed.get(settlement.call.id, settlement) for settlement in settlements]
    return Rejections(streaks, settled, reasons, requeued)


def is_about_row(why: str) -> bool:
    """Whether a rejection is about the length or the contents of its row, and not of all."""
    return bool(_OF_THE_ROW.search(why)) and not _OF_THE_ACCOUNT.search(why)


def _by_batch(settlements: Iterable[Settlement]) -> dict[int, list[Settlement]]:
    by_batch: dict[int, list[Settlement]] = {}
    for settlement in settlements:
        if settlement.call.batch_id is not None:
            by_batch.setdefault(settlement.call.batch_id, []).append(settlement)
    return by_batch


def _extended(
    streak: Streak, settlements: Iterable[Settlement], *, any_pattern: bool
) -> tuple[Streak, list[Settlement]]:
    """Returns the streak after `settlements` of its batch, and which of them are part of it."""
    rejected: list[Settlement] = []
    for settlement in settlements:
        verdict = settlement.outcome.verdict
        if verdict.kind is Kind.DONE:
            streak, rejected = NO_STREAK, []
        elif verdict.kind is Kind.REJECTED and (any_pattern or not is_about_row(verdict.why)):
            streak = streak.extended(pattern_of(verdict.why), any_pattern=any_pattern)
            rejected.append(settlement)
    return streak, rejected


def _reason(verdict: Verdict) -> str:
    advice = f"; {verdict.remedy}" if verdict.remedy else ""
    return f"the provider rejects call after call: {verdict.why}{advice}"


def _is_rejected(outcome: JobOutcome, verdict: Verdict) -> bool:
    return outcome.action == Fail(verdict.why) and not outcome.job.tries.was_requeued


def _failed(settlements: Iterable[Settlement]) -> tuple[int, ...]:
    """Returns the ids of the jobs that the rejections themselves failed."""
    return tuple(
        outcome.job.job_id
        for settlement in settlements
        for outcome in settlement.jobs
        if _is_rejected(outcome, settlement.outcome.verdict)
    )


def _without_failures(settlement: Settlement) -> Settlement:
    """Returns `settlement` with its rejected jobs queued again; a second rejection fails them."""
    verdict = settlement.outcome.verdict
    jobs = tuple(
        replace(outcome, action=Requeue()) if _is_rejected(outcome, verdict) else outcome
        for outcome in settlement.jobs
    )
    return replace(settlement, jobs=jobs)

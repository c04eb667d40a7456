"""Call after call rejected in the same way."""

from __future__ import annotations

import pytest

from runner.core.admission import Permit
from runner.core.charging import Outcome
from runner.core.rejections import (
    DIFFERENT_REJECTIONS,
    NO_STREAK,
    REJECTIONS,
    Rejections,
    Streak,
    find_systematic,
)
from runner.core.retry import Fail, JobAction, Release, Requeue, RetryAt, Succeed, tries_after
from runner.core.settlement import Call, CallJob, JobOutcome, Settlement
from runner.core.tries import Tries
from runner.core.verdict import Kind, Verdict

PERMIT = Permit(1, ("mine", "qwen"), {})
REJECTED = Verdict(Kind.REJECTED, 'HTTP 400, request "a1" of 12 is not allowed')
SAME = Verdict(Kind.REJECTED, 'HTTP 400, request "b2" of 977 is not allowed', remedy="log in")
OTHER = Verdict(Kind.REJECTED, "HTTP 400, no such parameter")
OF_THE_ROW = Verdict(Kind.REJECTED, "HTTP 400, maximum context length is 8192 tokens")
FIRST = Tries()
DONE, FAULT = Verdict(Kind.DONE), Verdict(Kind.TRANSIENT, "HTTP 502")


def ended(
    number: int, verdict: Verdict, *, batch: int | None = 1, tries: Tries = FIRST
) -> Settlement:
    action: JobAction = Fail(verdict.why)
    if verdict.kind is not Kind.REJECTED:
        action = Succeed("a") if verdict is DONE else Release()
    job = CallJob(number, tries)
    call = Call(number, PERMIT, (job,), batch)
    return Settlement(call, Outcome(verdict), (JobOutcome(job, action),))


def found_in(
    *verdicts: Verdict, before: Streak = NO_STREAK, answered: bool = True, first: int = 1
) -> Rejections:
    found = [ended(number, verdict) for number, verdict in enumerate(verdicts, first)]
    return find_systematic(found, lambda _batch: before, lambda _batch: answered)


def actions(found: Rejections) -> list[JobAction]:
    return [one.action for settlement in found.settlements for one in settlement.jobs]


def test_a_handful_of_rejections_in_the_same_way_is_systematic_and_fails_no_row() -> None:
    found = found_in(DONE, *[REJECTED] * (REJECTIONS - 1), SAME)
    assert actions(found) == [Succeed("a"), *[Requeue()] * REJECTIONS]
    why = f"the provider rejects call after call: {SAME.why}; log in"
    assert found.pause_reasons == {1: why}
    assert found.streaks[1].count == REJECTIONS
    assert found.requeued == []


def test_fewer_are_the_rows_own_fault() -> None:
    found = found_in(*[REJECTED] * (REJECTIONS - 1))
    assert actions(found) == [Fail(REJECTED.why)] * (REJECTIONS - 1)
    assert found.pause_reasons == {}
    assert found.streaks[1].failed_jobs == (1, 2, 3, 4)


def test_rows_that_were_failed_before_it_was_known_are_queued_again() -> None:
    before = found_in(DONE, *[REJECTED] * 3).streaks[1]
    found = found_in(SAME, SAME, before=before, first=5)
    assert found.requeued == [2, 3, 4]
    assert actions(found) == [Requeue()] * 2
    assert found.streaks[1].failed_jobs == ()


def test_calls_in_flight_when_the_batch_was_paused_fail_no_row_either() -> None:
    paused = found_in(*[REJECTED] * REJECTIONS).streaks[1]
    found = found_in(REJECTED, before=paused, first=9)
    assert (actions(found), found.requeued) == ([Requeue()], [])


def test_an_answer_ends_a_streak() -> None:
    found = found_in(*[REJECTED] * 4, DONE, *[REJECTED] * 4)
    assert found.pause_reasons == {}
    assert found.streaks[1].count == 4
    assert found.streaks[1].failed_jobs == (6, 7, 8, 9)


def test_another_message_begins_the_handful_anew() -> None:
    found = found_in(*[REJECTED] * 4, OTHER, *[REJECTED] * 4)
    assert found.pause_reasons == {}
    assert list(found_in(REJECTED, before=found.streaks[1]).pause_reasons) == [1]


def test_rejections_with_ever_other_messages_are_systematic_in_the_end() -> None:
    """Such as messages that repeat the row, or that come from two servers in turn."""
    messages = [f"HTTP 422, cannot read {'x' * number}" for number in range(DIFFERENT_REJECTIONS)]
    varied = [Verdict(Kind.REJECTED, why) for why in messages]
    assert found_in(*varied[1:]).pause_reasons == {}
    found = found_in(*varied[5:], before=found_in(*varied[:5]).streaks[1], first=6)
    assert list(found.pause_reasons) == [1]
    assert found.requeued == [1, 2, 3, 4, 5]


def test_the_ids_of_requests_in_messages_are_not_a_difference() -> None:
    ids = ["fd4dc63c8d8c7d7b", "req_011CSHoEe", "2f1e-77aa", "a0-b1", "0b00"]
    rejected = [Verdict(Kind.REJECTED, f"HTTP 400, no (request id: {one})") for one in ids]
    assert list(found_in(*rejected).pause_reasons) == [1]


@pytest.mark.parametrize("between", [FAULT, OF_THE_ROW])
def test_what_is_no_evidence_is_passed_over(between: Verdict) -> None:
    found = found_in(*[REJECTED] * 4, between, REJECTED)
    assert list(found.pause_reasons) == [1]
    assert actions(found)[4] == (Release() if between is FAULT else Fail(between.why))


@pytest.mark.parametrize(
    "why", ["your account was flagged as unsafe", "账号存在风险内容 (risk control)"]
)
def test_an_account_that_is_blocked_for_what_it_sent_is_not_the_rows_fault(why: str) -> None:
    assert list(found_in(*[Verdict(Kind.REJECTED, why)] * REJECTIONS).pause_reasons) == [1]


def test_before_any_answer_every_message_counts() -> None:
    mixed = [REJECTED, OTHER, REJECTED, OTHER, REJECTED]
    assert list(found_in(*mixed, answered=False).pause_reasons) == [1]
    assert found_in(*mixed).pause_reasons == {}
    assert list(found_in(*[OF_THE_ROW] * 5, answered=False).pause_reasons) == [1]
    assert found_in(*[OF_THE_ROW] * 5).pause_reasons == {}


def test_rejections_before_a_restart_count_and_their_message_is_not_known() -> None:
    stored = NO_STREAK.as_stored(4)
    assert list(found_in(OTHER, before=stored).pause_reasons) == [1]
    assert Streak(4, "as before", failed_jobs=(7,)).as_stored(0) == NO_STREAK


def test_a_row_that_is_rejected_again_after_the_batch_was_resumed_fails() -> None:
    again = tries_after(Requeue(), Tries(attempts=3, faults=1)).with_attempt()
    found = find_systematic(
        [ended(n, REJECTED, tries=again if n % 2 else FIRST) for n in range(REJECTIONS)],
        lambda _batch: NO_STREAK,
        lambda _batch: True,
    )
    fails = [Fail(REJECTED.why) if n % 2 else Requeue() for n in range(REJECTIONS)]
    assert (actions(found), list(found.pause_reasons)) == (fails, [1])


def test_faults_of_its_own_fail_no_row_that_is_rejected_for_the_first_time() -> None:
    had_a_fault = tries_after(RetryAt(0), FIRST).with_attempt()
    rejected = [ended(n, REJECTED, tries=had_a_fault) for n in range(REJECTIONS)]
    found = find_systematic(rejected, lambda _batch: NO_STREAK, lambda _batch: True)
    assert actions(found) == [Requeue()] * REJECTIONS


def test_every_batch_has_a_streak_of_its_own_and_a_call_for_none_has_none() -> None:
    found = find_systematic(
        [ended(n, REJECTED, batch=(None, 1, 2)[n % 3]) for n in range(3 * REJECTIONS - 3)],
        lambda batch: Streak(1, failed_jobs=(99,)) if batch == 2 else NO_STREAK,
        lambda _batch: True,
    )
    assert (list(found.pause_reasons), found.requeued) == ([2], [99])
    assert {b: s.count for b, s in found.streaks.items()} == {1: 4, 2: REJECTIONS}

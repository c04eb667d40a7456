"""What the end of a call changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runner.core.admission import Permit
from runner.core.charging import Outcome
from runner.core.period import Calendar
from runner.core.retry import (
    Accept,
    Fail,
    Reask,
    Release,
    RetryAt,
    RetryLimits,
    SplitPack,
    Succeed,
    Tries,
)
from runner.core.settlement import (
    LONG_WAIT_MS,
    Call,
    CallJob,
    ParsedAnswer,
    RouteEvidence,
    Settlement,
    UnseenCall,
    settle,
    settle_unseen_calls,
    settle_windows,
)
from runner.core.states import CallState
from runner.core.verdict import Kind, Scope, Verdict
from runner.core.window import Quota, Window, open_window

NOW = 1_795_500_000_000
ROUTE = ("mine", "qwen")
DAILY = Quota("day", Scope.ACCOUNT, 100, Calendar("day", "Asia/Shanghai"))
OF_MODEL = replace(DAILY, name="model day", scope=Scope.MODEL)
LIMITS = RetryLimits(max_attempts=3, max_asks=2)
DONE = Verdict(Kind.DONE)


def opened(rule: Quota) -> Window:
    return replace(open_window(rule, "mine", "qwen", NOW), reserved=3)


DAY, MODEL_DAY = opened(DAILY), opened(OF_MODEL)
RESERVED = {w.quota: (w.period_key, 1) for w in (DAY, MODEL_DAY)}
PERMIT = Permit(1, ROUTE, RESERVED, DAY.period_key)


def call(number: int = 1, jobs: int = 1, permit: Permit = PERMIT) -> Call:
    return Call(number, permit, tuple(CallJob(n) for n in range(1, jobs + 1)), batch_id=1)


def settled(
    verdict: Verdict = DONE,
    *answers: ParsedAnswer,
    of: Call | None = None,
    route: RouteEvidence | None = None,
) -> Settlement:
    made = of or call(jobs=max(1, len(answers)))
    evidence = {} if route is None else {"route": route}
    return settle(made, Outcome(verdict), answers, LIMITS, jitter=0.5, now=NOW, **evidence)


def test_each_answer_of_a_pack_is_judged_alone() -> None:
    found = settled(DONE, ParsedAnswer("yes", said="yes"), ParsedAnswer(invalid="missing"))
    assert [one.action for one in found.jobs] == [Succeed("yes"), SplitPack("missing")]
    assert (found.state, found.started_task) == (CallState.DONE, False)


def test_an_invalid_answer_to_a_job_alone_is_asked_again() -> None:
    assert settled(DONE, ParsedAnswer(invalid="no label")).jobs[0].action == Reask("no label")


def test_a_task_of_the_provider_is_accepted() -> None:
    found = settled(DONE, ParsedAnswer(task_id="t1"))
    assert found.jobs[0].action == Accept("t1")
    assert found.started_task


def test_a_refusal_is_held_against_nobody() -> None:
    found = settled(Verdict(Kind.SPENT, "tomorrow", Scope.ACCOUNT))
    assert found.jobs[0].action == Release()
    assert found.state is CallState.SPENT


BUSY = Verdict(Kind.TRANSIENT, "HTTP 503", overloaded=True)


def test_an_overloaded_server_refuses_for_pace_whatever_its_status_says() -> None:
    """What is refused for pace costs nothing, and parks nothing while slowing down may help."""
    found = settled(BUSY, route=RouteEvidence(others_answered=False, exhausted=False))
    assert (found.state, found.outcome.parks) == (CallState.THROTTLED, False)
    assert found.jobs[0].action == Release()


def test_a_job_that_is_refused_while_others_are_answered_has_met_a_fault() -> None:
    """It may be the job: it is not asked for ever."""
    action = (
        settled(BUSY, route=RouteEvidence(others_answered=True, exhausted=False)).jobs[0].action
    )
    assert isinstance(action, RetryAt)
    assert action.counted
    worn = Call(1, PERMIT, (CallJob(1, Tries(faults=2)),), 1)
    assert isinstance(settled(BUSY, of=worn).jobs[0].action, Fail)


@pytest.mark.parametrize(
    ("wait_ms", "exhausted", "parks"),
    [
        (None, False, False),
        (None, True, True),
        (5_000, False, False),
        (LONG_WAIT_MS + 1, False, True),
    ],
)
def test_a_route_is_parked_when_slowing_down_does_not_help_or_the_wait_is_long(
    wait_ms: int | None,
    *,
    exhausted: bool,
    parks: bool,
) -> None:
    verdict = Verdict(Kind.THROTTLED, "busy", wait_ms=wait_ms)
    found = settled(verdict, route=RouteEvidence(exhausted=exhausted))
    assert found.outcome.parks is parks


def test_the_windows_of_calls_that_end_together_are_settled_once_for_each() -> None:
    known = {(w.account, w.model, w.quota, w.period_key): w for w in (DAY, MODEL_DAY)}
    other = replace(PERMIT, reserved=dict(RESERVED))
    yes = ParsedAnswer("yes")
    ends = [settled(DONE, yes, of=call(n, permit=p)) for n, p in enumerate((PERMIT, PERMIT, other))]
    changed = settle_windows(known, ends, NOW)
    assert [(w.spent, w.reserved) for w in changed.values()] == [(3, 0), (3, 0)]


def test_calls_whose_end_nobody_saw_count_as_spent_in_each_of_their_windows() -> None:
    known = {(w.account, w.model, w.quota, w.period_key): w for w in (DAY, MODEL_DAY)}
    unseen = [UnseenCall(ROUTE, RESERVED, probe=False)] * 2
    changed = settle_unseen_calls(known, unseen, NOW)
    assert [(w.spent, w.reserved) for w in changed.values()] == [(2, 1), (2, 1)]


def test_a_window_that_is_gone_is_nobodys_concern() -> None:
    assert settle_windows({}, [settled(Verdict(Kind.SPENT))], NOW) == {}
    assert settle_unseen_calls({}, [UnseenCall(ROUTE, RESERVED, probe=True)], NOW) == {}

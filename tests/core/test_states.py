"""What the words for batches, jobs and calls promise."""

import pytest

from runner.core.states import (
    TRANSITIONS,
    CallState,
    Counts,
    IllegalTransition,
    JobEvent,
    JobState,
    after,
)
from runner.core.verdict import Kind

EVERY_PAIR = [(state, event) for state in JobState for event in JobEvent]


@pytest.mark.parametrize(("state", "event"), EVERY_PAIR)
def test_an_event_leads_where_the_table_says_or_is_refused(
    state: JobState, event: JobEvent
) -> None:
    if (state, event) in TRANSITIONS:
        assert after(state, event) is TRANSITIONS[state, event]
    else:
        with pytest.raises(IllegalTransition, match=f"{event} cannot happen to a {state} job"):
            after(state, event)


def test_a_job_that_meets_no_trouble_is_claimed_and_answered() -> None:
    assert after(after(JobState.READY, JobEvent.CLAIMED), JobEvent.ANSWERED) is JobState.SUCCEEDED


def test_a_fault_sends_a_job_through_waiting_back_to_ready() -> None:
    waiting = after(JobState.RUNNING, JobEvent.BACKED_OFF)
    assert waiting is JobState.WAITING
    assert after(waiting, JobEvent.DUE) is JobState.READY


def test_a_late_answer_is_taken_from_every_state_but_succeeded() -> None:
    taken = {state for state, event in TRANSITIONS if event is JobEvent.ANSWERED}
    assert taken == set(JobState) - {JobState.SUCCEEDED}


def test_nothing_happens_to_a_job_that_succeeded() -> None:
    assert not any(state is JobState.SUCCEEDED for state, _ in TRANSITIONS)


def test_only_a_user_brings_a_failed_job_back() -> None:
    ways = {event for (_, event), to in TRANSITIONS.items() if to is JobState.READY}
    assert ways == {JobEvent.DUE, JobEvent.RELEASED, JobEvent.RETRIED, JobEvent.LOST}
    assert after(JobState.FAILED, JobEvent.RETRIED) is JobState.READY


def test_every_state_of_a_job_but_ready_can_be_reached_from_ready() -> None:
    reached = {JobState.READY}
    for _ in JobState:
        reached |= {to for (state, _), to in TRANSITIONS.items() if state in reached}
    assert reached == set(JobState)


def test_every_verdict_is_a_state_of_a_call() -> None:
    open_states = {CallState.RESERVED, CallState.UNSEEN}
    assert {s.value for s in set(CallState) - open_states} == {kind.value for kind in Kind}


def test_counts_add_up_to_the_rows_of_the_batch() -> None:
    counts = Counts(1, 2, 4, succeeded=8, failed=16, pending=32, duplicate=64)
    assert counts.to_ask == 7
    assert counts.unfinished == 103
    assert counts.rows == 127

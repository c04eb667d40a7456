"""What becomes of a job after its call."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.core.retry import (
    BASE_WAIT_MS,
    FAULTS_IN_PACK,
    FIRST_POLL_MS,
    LONGEST_POLL_MS,
    LONGEST_REST_MS,
    LONGEST_TASK_MS,
    LONGEST_WAIT_MS,
    MAX_CRASHES,
    MAX_FREE_PROBES,
    PROBE_REST_MS,
    Accept,
    Fail,
    JobAction,
    Reask,
    Release,
    RetryAt,
    RetryLimits,
    SplitPack,
    Succeed,
    Tries,
    after_answer,
    after_crash,
    after_lost_task,
    after_refusal,
    backoff_ms,
    event_of,
    next_poll_at,
    tries_after,
)
from runner.core.states import JobEvent
from runner.core.verdict import Kind, Verdict

MINUTE_MS = 60_000
LIMITS = RetryLimits(max_attempts=3, max_asks=2)
FAULT = Verdict(Kind.TRANSIENT, "HTTP 502")
ALMOST_ONE = 1 - 2**-53
jitters = st.floats(0, 1, exclude_max=True)


def refused(verdict: Verdict, tries: Tries | None = None) -> JobAction:
    return after_refusal(verdict, tries or Tries(), LIMITS, jitter=0.5, now=1_000)


def test_a_valid_answer_ends_the_job_even_at_the_last_try() -> None:
    assert after_answer("mixed", "", Tries(invalid_replies=99), LIMITS) == Succeed("mixed")
    assert after_answer("", "", Tries(), LIMITS) == Succeed("")


def test_a_bad_answer_is_asked_again_until_the_limit() -> None:
    assert after_answer(None, "no label", Tries(), LIMITS) == Reask("no label")
    last = after_answer(None, "no label", Tries(invalid_replies=1), LIMITS)
    assert last == Fail("no valid answer in 2 replies: no label")
    once = after_answer(None, "no label", Tries(), RetryLimits(max_asks=1))
    assert once == Fail("no valid answer in 1 reply: no label")


def test_an_answer_that_asking_again_would_not_change_fails_at_once() -> None:
    assert after_answer(None, "filtered", Tries(), LIMITS, final=True) == Fail("filtered")


def test_one_more_call_leaves_the_rest_of_what_a_job_has_been_through() -> None:
    before = Tries(attempts=2, crashes=3, faults=4, invalid_replies=5, splits=6)
    assert before.with_attempt() == replace(before, attempts=3)


def test_a_row_that_may_be_to_blame_lets_others_go_first_ever_longer() -> None:
    busy = Verdict(Kind.TRANSIENT, "HTTP 200, no answer", overloaded=True, perhaps_row=True)

    def rest(attempts: int) -> JobAction:
        tries = Tries(attempts=attempts)
        return after_refusal(busy, tries, LIMITS, jitter=0.5, now=0, others_answered=False)

    waits = [one.due for n in range(1, MAX_FREE_PROBES) if isinstance(one := rest(n), RetryAt)]
    assert waits == sorted(waits)
    assert waits[0] < MINUTE_MS <= waits[-1] <= LONGEST_REST_MS
    assert all(isinstance(rest(n), RetryAt) for n in range(1, MAX_FREE_PROBES))


def test_a_rejected_request_fails_with_the_providers_words() -> None:
    assert refused(Verdict(Kind.REJECTED, "HTTP 400, too long")) == Fail("HTTP 400, too long")


def test_a_fault_is_tried_again_until_the_limit() -> None:
    assert refused(FAULT) == RetryAt(1_000 + BASE_WAIT_MS // 2)
    assert refused(FAULT, Tries(faults=1)) == RetryAt(1_000 + BASE_WAIT_MS)
    assert refused(FAULT, Tries(faults=2)) == Fail("HTTP 502 (tried 3 times)")


@pytest.mark.parametrize(
    "kind", [Kind.THROTTLED, Kind.SPENT, Kind.UNAUTHORISED, Kind.GONE, Kind.LOCAL]
)
def test_what_is_not_the_jobs_fault_costs_it_no_attempt(kind: Kind) -> None:
    assert refused(Verdict(kind), Tries(attempts=99, faults=99, invalid_replies=99)) == Release()


def in_a_pack(verdict: Verdict, tries: Tries, *, circuit_open: bool = False) -> JobAction:
    return after_refusal(
        verdict, tries, LIMITS, jitter=0.5, now=1_000, pack_size=20, circuit_open=circuit_open
    )


def test_what_goes_wrong_in_a_pack_is_never_held_against_a_job() -> None:
    """However often: a row fails by itself only."""
    assert after_answer(
        None, "no label", Tries(invalid_replies=99), LIMITS, pack_size=2
    ) == SplitPack("no label")
    assert in_a_pack(Verdict(Kind.REJECTED, "HTTP 400"), Tries()) == SplitPack("HTTP 400")
    assert in_a_pack(FAULT, Tries()) == RetryAt(1_000 + BASE_WAIT_MS // 2)
    assert in_a_pack(FAULT, Tries(faults=FAULTS_IN_PACK - 1)) == SplitPack("HTTP 502")
    assert in_a_pack(FAULT, Tries(faults=99)) == SplitPack("HTTP 502")


def test_a_probe_that_meets_a_fault_lets_others_go_first_and_counts_nothing() -> None:
    rested = RetryAt(1_000 + PROBE_REST_MS, counted=False)
    assert in_a_pack(FAULT, Tries(faults=99), circuit_open=True) == rested
    often = Tries(attempts=MAX_FREE_PROBES, faults=99)
    assert in_a_pack(FAULT, often, circuit_open=True) == SplitPack("HTTP 502"), "but not for ever"


def test_a_task_is_looked_at_soon_then_more_rarely_and_given_up_in_the_end() -> None:
    assert next_poll_at(0, 0) == FIRST_POLL_MS
    assert next_poll_at(0, 100_000) == 110_000
    assert next_poll_at(0, LONGEST_TASK_MS) == LONGEST_TASK_MS + LONGEST_POLL_MS
    assert next_poll_at(0, LONGEST_TASK_MS + 1) is None


@given(st.integers(0, 10_000), jitters)
def test_full_jitter_stays_below_the_exponential_and_the_longest_wait(
    faults: int, jitter: float
) -> None:
    wait = backoff_ms(faults, jitter)
    assert 0 <= wait < LONGEST_WAIT_MS
    assert wait < BASE_WAIT_MS * 2**faults


@given(st.integers(0, 40), jitters, jitters)
def test_a_wait_grows_with_jitter_and_with_faults(faults: int, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert backoff_ms(faults, low) <= backoff_ms(faults, high)
    assert backoff_ms(faults, one) <= backoff_ms(faults + 1, one)


def test_jitter_is_full_it_reaches_from_nothing_to_the_bound() -> None:
    assert [backoff_ms(n, 0.0) for n in range(9)] == [0] * 9
    assert backoff_ms(0, ALMOST_ONE) == BASE_WAIT_MS - 1
    assert backoff_ms(99, ALMOST_ONE) == LONGEST_WAIT_MS - 1


def test_a_job_that_kills_its_runners_is_given_up_in_the_end() -> None:
    assert after_crash(Tries(crashes=MAX_CRASHES - 2)) is None
    assert after_crash(Tries(crashes=MAX_CRASHES - 1)) == Fail(
        f"the program died {MAX_CRASHES} times while it worked on this row"
    )


def test_a_job_whose_task_is_lost_too_often_is_given_up() -> None:
    assert after_lost_task("lost", 1, 3) is None
    assert after_lost_task("lost", 2, 3) == Fail("lost (tried 3 times)")


@pytest.mark.parametrize(
    ("action", "event", "changes"),
    [
        (Succeed("mixed"), JobEvent.ANSWERED, {}),
        (Accept("task-1"), JobEvent.ACCEPTED, {}),
        (Fail("no label"), JobEvent.GAVE_UP, {}),
        (RetryAt(9), JobEvent.BACKED_OFF, {"faults": 4}),
        (RetryAt(9, counted=False), JobEvent.BACKED_OFF, {}),
        (Reask("no label"), JobEvent.RELEASED, {"invalid_replies": 5}),
        (SplitPack("no label"), JobEvent.RELEASED, {"faults": 0, "splits": 6}),
        (Release(), JobEvent.RELEASED, {"attempts": 6}),
    ],
)
def test_each_action_is_an_event_and_counts_what_it_tells_about_the_job(
    action: JobAction, event: JobEvent, changes: dict[str, int]
) -> None:
    tries = Tries(attempts=7, crashes=1, faults=3, invalid_replies=4, splits=5)
    assert event_of(action) is event
    assert tries_after(action, tries) == replace(tries, **changes)

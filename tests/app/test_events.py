"""What is worth telling: found in the progress of a run, and named so that it is told once."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from runner.app.accounts.credits import Credits
from runner.app.running.events import EXPIRING_MS, UNREACHABLE_MS, EventFinder, expiring
from runner.app.status.status import QuotaLine
from runner.core.demand import WaitReason
from runner.core.gate import ParkReason
from runner.core.grants import Expiry
from runner.core.states import BatchState, Counts
from tests.app.test_publishing import NOW, WINDOW, batch, progress


@pytest.fixture
def finder() -> EventFinder:
    return EventFinder()


def offline(at: int) -> WaitReason:
    return WaitReason(1, ParkReason.OFFLINE, "no connection", at + 30_000)


def test_a_spent_allowance_is_the_same_event_as_long_as_its_day_lasts(finder: EventFinder) -> None:
    spent = WaitReason(1, ParkReason.SPENT, "", NOW + 9_000, WINDOW)
    first, second = (next(finder.found(progress(NOW + later, [spent]))) for later in (0, 60_000))
    assert first.kind == "spent"
    assert first.key == second.key
    other = replace(spent, window=replace(WINDOW, period_key="2026-11-25"))
    assert next(finder.found(progress(NOW, [other]))).key != first.key


def test_a_provider_is_unreachable_after_an_hour_and_not_before(finder: EventFinder) -> None:
    told = []
    for minute in range(75):
        at = NOW + minute * 60_000
        told += list(finder.found(replace(progress(at, [offline(at)]), in_flight=0)))
    assert {event.kind for event in told} == {"unreachable"}
    assert len({event.key for event in told}) == 1
    assert told[0].at == NOW + UNREACHABLE_MS
    assert list(finder.found(progress(NOW + 2 * UNREACHABLE_MS))) == []
    again = NOW + 3 * UNREACHABLE_MS
    assert list(finder.found(replace(progress(again, [offline(again)]), in_flight=0))) == []


def test_a_batch_that_was_paused_for_a_reason_is_told_and_one_that_a_person_paused_is_not(
    finder: EventFinder,
) -> None:
    paused = replace(batch(), state=BatchState.PAUSED, pause_reason="the model is gone")
    (event,) = finder.found(replace(progress(), batches=(), paused=(paused,)))
    assert (event.kind, "midnight resume 1" in event.text) == ("failing", True)
    by_hand = replace(paused, pause_reason="")
    assert list(finder.found(replace(progress(), batches=(), paused=(by_hand,)))) == []


def test_an_account_that_is_refused_while_others_go_on_is_told_once_a_day(
    finder: EventFinder,
) -> None:
    shown = replace(progress(), refused=(("mine", "HTTP 401, no such token"),))
    first, again = (next(finder.found(replace(shown, at=NOW + at))) for at in (0, 60_000))
    assert (first.kind, first.facts) == ("refused", {"account": "mine"})
    assert "no such token" in first.text
    assert first.key == again.key


@pytest.mark.parametrize(("left", "told"), [(EXPIRING_MS, 1), (EXPIRING_MS + 1, 0), (0, 0)])
def test_credits_that_expire_soon_are_told(left: int, told: int) -> None:
    soon = Credits(
        at=NOW, since=0, available=90_000, frozen=0, expiring=Expiry(50_000, NOW + left, None)
    )
    found = list(expiring([QuotaLine(WINDOW, 0, soon), QuotaLine(WINDOW, 0, None)], NOW))
    assert len(found) == told
    assert all("about 50 credits of mine expire" in event.text for event in found)
    assert [_moment(event.facts["by"]) for event in found] == [NOW + left] * told


def test_a_program_is_told_the_whole_moment_at_which_a_run_goes_on(finder: EventFinder) -> None:
    spent = WaitReason(1, ParkReason.SPENT, "", NOW + 9_000, WINDOW)
    event = next(finder.found(progress(NOW, [spent])))
    assert _moment(event.as_object()["until"]) == NOW + 9_000
    assert _moment(event.as_object()["at"]) == NOW


def _moment(text: str) -> int:
    """In ms since the epoch; it fails without a zone."""
    told = datetime.fromisoformat(text)
    assert told.tzinfo is not None
    return round(told.timestamp() * 1000)


def test_a_run_that_does_not_wait_is_not_said_to_go_on() -> None:
    spent = WaitReason(1, ParkReason.SPENT, "", NOW + 9_000, WINDOW)
    for waits, told in ((True, "the run goes on at"), (False, "asked not to wait")):
        (event,) = EventFinder(waits=waits).found(progress(NOW, [spent]))
        assert told in event.text
        assert ("goes on" in event.text) == waits


def test_an_event_names_the_database_that_its_commands_are_about() -> None:
    finder = EventFinder((("--db", "/a place/own.db"),))
    counts = Counts(ready=1, failed=3)
    paused = replace(batch(), state=BatchState.PAUSED, pause_reason="too many", counts=counts)
    (event,) = finder.found(replace(progress(), batches=(), paused=(paused,)))
    assert "see why with: midnight --db '/a place/own.db' failures 1;" in event.text
    assert event.text.endswith("midnight --db '/a place/own.db' resume 1")


def test_two_runners_find_the_same_outage(finder: EventFinder) -> None:
    other, keys = EventFinder(0.5), set()
    for one, begins in ((finder, NOW), (other, NOW + 7_000)):
        for later in (0, UNREACHABLE_MS):
            at = begins + later
            seen = one.found(replace(progress(at, [offline(at)]), in_flight=0))
            keys |= {event.key for event in seen}
    assert len(keys) == 1

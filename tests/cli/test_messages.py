"""Numbers, spans and moments as they are said, and a sentence for every cause of waiting."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from runner.app.accounts.credits import Credits
from runner.core.demand import WaitReason
from runner.core.gate import Gate, ParkReason
from runner.core.grants import Expiry
from runner.core.period import Calendar, Period, Refill, Rolling
from runner.core.time_units import HOUR_MS, MINUTE_MS
from runner.core.window import Source, Window
from runner.wording import fmt, messages, wait_messages

NOW = round(datetime(2026, 11, 24, 8, 48, tzinfo=UTC).timestamp() * 1000)
H = HOUR_MS
WINDOW = Window(
    "modelscope",
    "",
    "calls_per_day",
    "2026-11-24",
    NOW - H,
    NOW + 7 * H,
    2000,
    Calendar("day", "Asia/Shanghai"),
    limit_source=Source.HEADER,
    spent=2000,
)
CAUSES = [
    *(cause.value for cause in ParkReason if cause),
    "due",
    "in flight",
    "concurrency",
    "pace",
    "hours",
    "capped",
    "daily",
    "flow",
]


@pytest.mark.parametrize(
    ("ms", "said"),
    [
        (0, "0 s"),
        (43_999, "43 s"),
        (185_000, "3 min 5 s"),
        (7 * H + 12 * MINUTE_MS, "7 h 12 min"),
        (96 * H + 2 * MINUTE_MS, "4 d 0 h 2 min"),
    ],
)
def test_spans_are_said_as_coarsely_as_they_matter(ms: int, said: str) -> None:
    assert fmt.duration(ms) == said


@pytest.mark.parametrize(
    ("ahead", "said"),
    [
        (5_000, "08:48:05 (in 5 s)"),
        (7 * H, "15:48 (in 7 h 0 min)"),
        (16 * H, "00:48 tomorrow (in 16 h 0 min)"),
        (3 * 24 * H, "Fri 27 Nov 08:48 (in 3 d 0 h 0 min)"),
        (60 * 24 * H, "Sat 23 Jan 2027 08:48 (in 60 d 0 h 0 min)"),
    ],
)
def test_moments_are_said_from_where_one_stands(ahead: int, said: str) -> None:
    assert fmt.until(NOW + ahead, NOW, UTC) == said


@pytest.mark.parametrize(
    ("ms", "said"), [(60_000, "1 min"), (90_000, "90 s"), (24 * H, "24 h"), (1_500, "1500 ms")]
)
def test_a_period_is_said_in_one_unit(ms: int, said: str) -> None:
    assert messages.period_name(Rolling(ms)) == f"in any {said}"


def test_a_share_is_complete_only_when_it_is() -> None:
    assert [fmt.percent(999, 1000), fmt.percent(5, 5), fmt.percent(0, 0)] == [
        "99 %",
        "100 %",
        "100 %",
    ]


def test_every_cause_has_a_sentence_of_its_own() -> None:
    """One for each, none of them a bare code."""
    room = replace(WINDOW, spent=10)
    said = {
        cause: wait_messages.wait(WaitReason(1, cause, "so it said", NOW + H, room), NOW, UTC)
        for cause in CAUSES
    }
    assert len(set(said.values())) == len(CAUSES)
    assert all(len(sentence.split()) > 3 for sentence in said.values())


def test_a_spent_day_says_how_much_until_when_and_what_then() -> None:
    reason = WaitReason(1, ParkReason.SPENT, "", WINDOW.resets_at, WINDOW)
    assert wait_messages.wait(reason, NOW, UTC) == (
        "waiting for the reset: 2,000 of 2,000 calls spent today; "
        "sleeping until 15:48 (in 7 h 0 min; 23:48 in Asia/Shanghai), then one probe"
    )


@pytest.mark.parametrize(
    ("period", "allowance"),
    [
        (Calendar("day", "UTC"), "today's allowance"),
        (Calendar("month", "UTC"), "this month's allowance"),
        (Rolling(60_000), "the allowance"),
        (Refill(60_000), "the allowance"),
    ],
)
def test_only_what_is_granted_needs_a_login(period: Period, allowance: str) -> None:
    """An allowance that comes back by itself says when, whatever its period."""
    window = replace(WINDOW, model="m", period=period, spent=0)
    reason = WaitReason(1, ParkReason.SPENT, "", NOW + H, window)
    said = f"{allowance} of m is spent until 09:48 (in 1 h 0 min)"
    assert wait_messages.end_reasons([reason], NOW, UTC) == [said]
    assert f"says that {allowance} of m is spent" in wait_messages.wait(reason, NOW, UTC)


def test_a_probe_under_way_is_said_before_anything_else() -> None:
    window = replace(WINDOW, gate=Gate(probe_in_flight=True))
    assert "probe call is under way" in wait_messages.wait(
        WaitReason(1, ParkReason.SPENT, "", None, window), NOW, UTC
    )


def test_a_balance_tells_what_is_frozen_and_what_expires_by_when_and_how_that_is_known() -> None:
    seen = (NOW - 48 * MINUTE_MS, NOW - 33 * MINUTE_MS)
    told = Credits(NOW, 180_500, 20_000, 0, Expiry(130_400, NOW + 24 * H, seen))
    assert messages.balance(told, NOW + 1, UTC) == (
        "180.5 credits, 20 frozen (as of 08:48); about 130 of them expire by 08:48 tomorrow "
        "(estimate: a grant was seen between 08:00 and 08:15)"
    )
    unseen = Credits(NOW, 500, 0, 9_000, Expiry(500, NOW + 24 * H, None))
    assert "fewer than 1 of them" in messages.balance(unseen, NOW + 1, UTC)
    assert "before anybody looked" in messages.balance(unseen, NOW + 1, UTC)
    assert "0.5 credits (as of 08:48, less our calls since); " in messages.balance(
        unseen, NOW + 1, UTC
    )
    none = Credits(NOW, 0, 0, 0, None)
    assert messages.balance(none, NOW + 1, UTC) == "0 credits (as of 08:48)"
    unknown = Credits(NOW, 500, 0, 0, None)
    assert "none of them is known to expire" in messages.balance(unknown, NOW + 1, UTC)


def test_a_budget_names_what_is_kept_and_how_the_limit_is_known() -> None:
    window = replace(WINDOW, spent=100, reserve=200, limit_source=Source.CONFIGURED)
    assert messages.window_line(window) == (
        "modelscope: 100 of 2,000 calls spent, 200 kept for you (limit as configured)"
    )
    assert "not known yet" in messages.window_line(replace(window, limit=None))

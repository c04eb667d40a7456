"""The start and the end of calls: jobs, ledger and windows change together."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.quota import Refused
from runner.core.retry import Accept
from runner.core.settlement import Call, Settlement
from runner.core.states import Counts, JobState
from runner.core.verdict import Scope
from runner.core.window import Quota
from runner.store import batch_rows, batches
from runner.store.counts import Changes
from runner.store.rescue import rescue
from runner.store.reserve import reserve
from runner.store.tables import jobs, metadata
from tests.store.kit import (
    DAILY,
    DAY,
    HOUR,
    MODEL,
    NOON,
    OURS,
    THEIRS,
    Store,
    asked_again,
    done,
    each,
    failed,
    faulted,
    never_left,
    open_gates,
    rejected,
    reread,
    settle,
    spent,
    start,
    start_one,
    submit,
    throttled,
    try_start,
)

FOUR = (Quota("account", Scope.ACCOUNT, 4, DAILY),)


async def state_of(connection: AsyncConnection, job_id: int = 1) -> JobState:
    query = select(jobs.c.state).where(jobs.c.id == job_id)
    return JobState((await connection.execute(query)).scalar_one())


# ---- reserving


def test_a_day_begins_with_one_probe_and_its_answer_opens_the_gate(store: Store) -> None:
    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection)
        [probe] = await start(connection, batch, 5)
        assert probe.permit.probe
        refused = await try_start(connection, batch, 5)
        assert isinstance(refused, Refused)
        assert refused.until is None
        await settle(connection, done(probe))
        calls = await start(connection, batch, 5)
        assert [call.permit.probe for call in calls] == [False] * 5

    store.play(scene)


def test_no_more_calls_are_reserved_than_the_day_allows(store: Store) -> None:
    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection)
        [probe] = await _started(connection, batch)
        await settle(connection, done(probe))
        assert len(await _started(connection, batch)) == 3
        assert isinstance(await try_start(connection, batch, 9, quotas=FOUR), Refused)
        assert (await reread(connection, batch)).counts == Counts(6, 0, 3, 1, 0)

    store.play(scene)


async def _started(connection: AsyncConnection, batch: batches.Batch) -> list[Call]:
    calls = await try_start(connection, batch, 9, quotas=FOUR)
    assert not isinstance(calls, Refused)
    return calls


def test_a_refused_start_leaves_no_trace(store: Store) -> None:
    async def prepare(connection: AsyncConnection) -> None:
        batch = await submit(connection)
        await settle(connection, spent(await start_one(connection, batch)))

    async def refuse(connection: AsyncConnection) -> None:
        batch = await batches.get_batch(connection, 1)
        assert batch is not None
        assert isinstance(await try_start(connection, batch, 5), Refused)

    store.play(prepare)
    before = store.dump()
    store.play(refuse)
    assert store.dump() == before


def test_an_empty_batch_reserves_nothing(store: Store) -> None:
    async def scene(connection: AsyncConnection) -> None:
        assert await start(connection, await submit(connection, 0), 5) == []

    store.play(scene)
    assert store.rows("SELECT * FROM windows") == store.rows("SELECT * FROM calls") == []


# ---- the ledger and the windows


def test_what_a_call_cost_is_in_the_ledger(store: Store) -> None:
    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection)
        await settle(connection, done(await start_one(connection, batch)), now=NOON + 7)

    store.play(scene)
    assert store.rows(
        """SELECT rows_asked, model, period_key, state, rows_finished, status, prompt_tokens,
           completion_tokens, reserved_at_ms, settled_at_ms FROM calls"""
    ) == [(1, MODEL, "2026-11-24", "done", 1, 200, 7, 3, NOON, NOON + 7)]
    assert store.rows("SELECT job_id, call_id, answer, reply FROM results") == [
        (1, 1, "yes", "because: yes")
    ]


def test_a_call_that_ends_behind_midnight_settles_the_day_it_was_reserved_in(
    store: Store,
) -> None:
    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection)
        await open_gates(connection, batch)
        late = await start_one(connection, batch)
        await start_one(connection, batch, now=NOON + DAY)
        await settle(connection, done(late), now=NOON + DAY)

    store.play(scene)
    counts = "SELECT period_key, spent, reserved FROM windows WHERE model = '' ORDER BY period_key"
    assert store.rows(counts) == [("2026-11-24", 2, 0), ("2026-11-25", 0, 1)]


def test_a_call_whose_end_nobody_saw_counts_as_spent_and_one_that_never_left_does_not(
    store: Store,
) -> None:
    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection)
        await open_gates(connection, batch)
        one, *_ = await start(connection, batch, 3)
        await settle(connection, never_left(one))
        assert await rescue(connection, OURS, NOON) == 2
        assert await rescue(connection, OURS, NOON) == 0

    store.play(scene)
    assert store.rows("SELECT spent, reserved FROM windows") == [(3, 0), (3, 0)]


def test_a_rescued_probe_lets_another_one_go(store: Store) -> None:
    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection)
        await start_one(connection, batch)
        await rescue(connection, OURS, NOON)
        assert (await start_one(connection, batch)).permit.probe

    store.play(scene)


@pytest.mark.parametrize("back", [1, HOUR, 400 * DAY])
def test_nothing_is_settled_before_it_was_reserved_when_the_clock_is_set_back(
    store: Store, back: int
) -> None:
    """Neither what is seen to end nor what is rescued."""

    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection)
        await open_gates(connection, batch)
        one, _ = await start(connection, batch, 2)
        await settle(connection, done(one), now=NOON - back)
        await rescue(connection, OURS, NOON - back)

    store.play(scene)
    assert store.rows("SELECT settled_at_ms - reserved_at_ms FROM calls") == [(0,)] * 3


# ---- what happens to the jobs


def test_a_runner_taken_for_dead_can_neither_fail_nor_release_what_is_claimed_again(
    store: Store,
) -> None:
    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection)
        late = await start_one(connection, batch)
        await rescue(connection, OURS, NOON)
        await start_one(connection, batch, THEIRS)
        for end in (failed, throttled, asked_again, lambda one: faulted(one, NOON)):
            await settle(connection, end(late))
            assert await state_of(connection) is JobState.RUNNING

    store.play(scene)
    assert store.rows("SELECT runner_id, attempts FROM jobs WHERE id = 1") == [(THEIRS, 2)]


def test_a_runner_can_not_move_a_later_claim_of_its_own(store: Store) -> None:
    """A retry of a settlement that was committed after all must not hit the next attempt."""

    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection)
        first = await start_one(connection, batch)
        await settle(connection, asked_again(first))
        await start_one(connection, batch)
        await settle(connection, failed(first))
        assert await state_of(connection) is JobState.RUNNING

    store.play(scene)


def test_a_refused_claim_settled_twice_does_not_touch_the_next_one(store: Store) -> None:
    """A refusal takes its attempt back, so the next claim has the same number."""

    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection)
        first = await start_one(connection, batch)
        await settle(connection, throttled(first))
        await start_one(connection, batch, now=NOON + HOUR)
        await settle(connection, throttled(first), now=NOON + HOUR)
        assert await state_of(connection) is JobState.RUNNING

    store.play(scene)


@pytest.mark.parametrize("meanwhile", ["ready", "running", "waiting", "failed", "succeeded"])
def test_a_late_answer_is_taken_once_wherever_the_job_is_by_then(
    store: Store, meanwhile: str
) -> None:
    """It was paid for; only an answer that is there already is better."""

    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection)
        late = await start_one(connection, batch)
        await rescue(connection, OURS, NOON)
        if meanwhile != "ready":
            again = await start_one(connection, batch, THEIRS)
            ends = {
                "waiting": faulted(again, NOON + 1),
                "failed": failed(again),
                "succeeded": done(again, "first"),
            }
            if meanwhile in ends:
                await settle(connection, ends[meanwhile], runner_id=THEIRS)
        assert await state_of(connection) == meanwhile
        for answer in ("late", "later"):
            await settle(connection, done(late, answer))
        assert await state_of(connection) is JobState.SUCCEEDED

    store.play(scene)
    first = "first" if meanwhile == "succeeded" else "late"
    assert store.rows("SELECT answer, error FROM results") == [(first, None)]


def test_the_runner_that_has_the_job_finds_a_late_answer_there(store: Store) -> None:
    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection)
        late = await start_one(connection, batch)
        await rescue(connection, OURS, NOON)
        again = await start_one(connection, batch, THEIRS)
        await settle(connection, done(late, "late"))
        await settle(connection, failed(again), runner_id=THEIRS)
        [row] = await batch_rows.export_page(connection, batch, 0, 1)
        assert (row.state, row.answer, row.error) == ("succeeded", "late", None)

    store.play(scene)
    assert store.rows("SELECT id, rows_finished FROM calls") == [(1, 1), (2, 0)]


ENDS: dict[str, Callable[[Call], Settlement]] = {
    "done": done,
    "failed": failed,
    "rejected": rejected,
    "faulted": lambda call: faulted(call, NOON + HOUR),
    "asked again": asked_again,
    "throttled": throttled,
    "never left": never_left,
    "accepted": lambda call: each(call, Accept(f"task {call.id}")),
}


def test_calls_settled_together_end_as_they_do_one_after_the_other(store: Store) -> None:
    """A turn of the engine settles all that has ended since the last one."""

    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection, 1 + len(ENDS))
        await open_gates(connection, batch)
        calls = await start(connection, batch, len(ENDS))
        settlements = [end(call) for end, call in zip(ENDS.values(), calls, strict=True)]
        apart = await connection.begin_nested()
        for settlement in settlements:
            await settle(connection, settlement)
        expected = await everything(connection)
        await apart.rollback()
        await settle(connection, *settlements)
        assert await everything(connection) == expected
        states = {row.state for row in expected["jobs"]}
        assert states == {"succeeded", "failed", "waiting", "ready", "pending"}

    store.play(scene)


async def everything(connection: AsyncConnection) -> dict[str, list[Row[Any]]]:
    """Every row of every table, but the windows: a sum may come to the same in other steps."""
    tables = [table for table in metadata.sorted_tables if table.name != "windows"]
    return {
        table.name: list(
            await connection.execute(select(table).order_by(*table.primary_key.columns))
        )
        for table in tables
    }


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_calls_for_one_job_settled_together_the_answer_counts(
    store: Store, order: tuple[int, int]
) -> None:
    """The first was taken for lost; its answer comes in the turn in which the second fails."""

    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection)
        late = await start_one(connection, batch)
        await rescue(connection, OURS, NOON)
        again = await start_one(connection, batch)
        both = (done(late, "late"), failed(again))
        await settle(connection, *(both[number] for number in order))

    store.play(scene)
    assert store.rows("SELECT call_id, answer FROM results") == [(1, "late")]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_calls_for_one_job_settled_together_the_stale_one_moves_nothing(
    store: Store, order: tuple[int, int]
) -> None:
    """Nor does it keep the job from being moved by the other."""

    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection)
        late = await start_one(connection, batch)
        await rescue(connection, OURS, NOON)
        again = await start_one(connection, batch)
        both = (failed(late), faulted(again, NOON + HOUR))
        await settle(connection, *(both[number] for number in order))
        assert await state_of(connection) is JobState.WAITING

    store.play(scene)


def test_a_settlement_given_twice_in_one_turn_counts_once(store: Store) -> None:
    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection)
        call = await start_one(connection, batch)
        await settle(connection, asked_again(call), asked_again(call))

    store.play(scene)
    assert store.rows("SELECT state, invalid_replies, attempts FROM jobs WHERE id = 1") == [
        ("ready", 1, 1)
    ]
    assert store.rows("SELECT spent, reserved FROM windows") == [(1, 0), (1, 0)]


def test_a_call_for_no_batch_is_in_the_ledger_and_in_the_windows(store: Store) -> None:
    """As one that a client makes."""

    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection)
        probe = await start_one(connection, batch)
        await settle(connection, never_left(probe))
        changes = Changes()
        call = replace(probe, id=2, jobs=(), batch_id=None)
        await reserve(connection, [call], OURS, NOON, changes)
        await changes.write(connection)
        await settle(connection, done(call))
        assert (await reread(connection, batch)).counts == Counts(ready=10)

    store.play(scene)
    assert store.rows("SELECT batch_id, rows_asked, rows_finished, state FROM calls") == [
        (1, 1, 0, "local"),
        (None, 0, 0, "done"),
    ]

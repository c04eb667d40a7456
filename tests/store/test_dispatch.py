"""The start and the end of calls: the queue and the ledger move together."""

from runner.store.dispatch import Started
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.quota import Refused
from runner.core.retry import REJECTIONS_TO_STOP
from runner.core.states import BatchState, Counts
from runner.core.verdict import Scope
from runner.core.window import Quota
from runner.store import batches, dispatch
from runner.store.batches import Batch
from runner.store.database import Database
from tests.store.kit import (
    DAILY,
    DAY,
    MODEL,
    NOON,
    OURS,
    Store,
    broken_promises,
    done,
    never_left,
    open_gates,
    rejected,
    reread,
    spent,
    start,
    start_one,
    submit,
    try_start,
)

FOUR = (Quota("account", Scope.ACCOUNT, 4, DAILY),)


def test_a_day_begins_with_one_probe_and_its_answer_opens_the_gate(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection)
            [probe] = await start(connection, batch, 5)
            assert probe.probe
            refused = await try_start(connection, batch, 5)
            assert isinstance(refused, Refused)
            assert refused.until is None
            await dispatch.finish(connection, done(probe), NOON)
            assert [one.probe for one in await start(connection, batch, 5)] == [False] * 5

    store.run(main)
    assert broken_promises(store.path) == []


def test_no_more_calls_are_reserved_than_the_day_allows(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection)
            [probe] = await _start(connection, batch, FOUR)
            await dispatch.finish(connection, done(probe), NOON)
            assert len(await _start(connection, batch, FOUR)) == 3
            refused = await try_start(connection, batch, 9, quotas=FOUR)
            assert isinstance(refused, Refused)
            assert (await reread(connection, batch)).counts == Counts(6, 0, 3, 1, 0)

    store.run(main)


async def _start(
    connection: AsyncConnection, batch: Batch, quotas: tuple[Quota, ...]
) -> list[Started]:
    started = await try_start(connection, batch, 9, quotas=quotas)
    assert not isinstance(started, Refused)
    return started


def test_a_refused_start_leaves_no_trace(store: Store) -> None:
    async def prepare(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection)
            await dispatch.finish(connection, spent(await start_one(connection, batch)), NOON)

    async def refuse(database: Database) -> None:
        async with database.write() as connection:
            batch = await batches.get_batch(connection, 1)
            assert isinstance(await try_start(connection, batch, 5), Refused)

    store.run(prepare)
    before = store.dump()
    store.run(refuse)
    assert store.dump() == before


def test_an_empty_queue_reserves_nothing(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection, 0)
            assert await start(connection, batch, 5) == []

    store.run(main)
    assert store.rows("SELECT * FROM windows") == store.rows("SELECT * FROM calls") == []


def test_a_call_that_ends_behind_midnight_settles_the_day_it_was_reserved_in(
    store: Store,
) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection)
            await open_gates(connection, batch)
            late = await start_one(connection, batch)
            await start_one(connection, batch, now=NOON + DAY)
            await dispatch.finish(connection, done(late), NOON + DAY)

    store.run(main)
    counts = "SELECT day, spent, reserved FROM windows WHERE model = '' ORDER BY day"
    assert store.rows(counts) == [("2026-11-24", 2, 0), ("2026-11-25", 0, 1)]
    assert broken_promises(store.path) == []


def test_a_call_whose_end_nobody_saw_counts_as_spent_and_one_that_never_left_does_not(
    store: Store,
) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection)
            await open_gates(connection, batch)
            one, *_ = await start(connection, batch, 3)
            await dispatch.finish(connection, never_left(one), NOON)
            assert await dispatch.rescue(connection, OURS, NOON) == 2
            assert await dispatch.rescue(connection, OURS, NOON) == 0

    store.run(main)
    assert store.rows("SELECT spent, reserved FROM windows") == [(3, 0), (3, 0)]


def test_a_rescued_probe_lets_another_one_go(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection)
            await start_one(connection, batch)
            await dispatch.rescue(connection, OURS, NOON)
            assert (await start_one(connection, batch)).probe

    store.run(main)


def test_a_batch_whose_every_call_is_rejected_is_paused_before_it_fails_them_all(
    store: Store,
) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection)
            for _ in range(REJECTIONS_TO_STOP):
                assert (await reread(connection, batch)).state is BatchState.ACTIVE
                await dispatch.finish(
                    connection, rejected(await start_one(connection, batch)), NOON
                )
            batch = await reread(connection, batch)
            assert batch.state is BatchState.PAUSED
            assert "HTTP 400" in batch.pause_reason
            assert batch.counts == Counts(ready=5, failed=5)

    store.run(main)
    assert broken_promises(store.path) == []


def test_what_a_call_cost_is_in_the_ledger(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection)
            await dispatch.finish(connection, done(await start_one(connection, batch)), NOON + 7)

    store.run(main)
    assert store.rows(
        """SELECT jobs, model, day, state, rows, status, prompt_tokens, completion_tokens,
           reserved_at_ms, settled_at_ms FROM calls"""
    ) == [(1, MODEL, "2026-11-24", "done", 1, 200, 7, 3, NOON, NOON + 7)]
    assert store.rows("SELECT job_id, call_id, answer, reply FROM results") == [
        (1, 1, "yes", "because: yes")
    ]

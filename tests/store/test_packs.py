"""Calls that carry several jobs: who goes together, and what becomes of each."""

from dataclasses import replace

from runner.core.packing import Packing
from runner.core.retry import REJECTIONS_TO_STOP, Fail, Reask, RetryAt, SplitPack, Succeed
from runner.core.states import BatchState, Counts
from runner.store import batches, dispatch
from runner.store.database import Database
from runner.store.dispatch import Started
from tests.store.kit import (
    NOON,
    OURS,
    Store,
    broken_promises,
    done,
    each,
    new_batch,
    open_gates,
    rejected,
    reread,
    start,
    start_one,
    submit,
)

FOUR = Packing(4)
YES = Succeed("yes")


def ids(started: Started) -> list[int]:
    return [job.job_id for job in started.jobs]


def test_a_call_carries_as_many_jobs_as_fit_and_the_last_one_the_rest(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection, 10, packing=FOUR)
            assert ids(await open_gates(connection, batch)) == [1, 2, 3, 4]
            assert [ids(one) for one in await start(connection, batch, 9)] == [
                [5, 6, 7, 8],
                [9, 10],
            ]
            batch = await reread(connection, batch)
            assert (batch.calls, batch.counts) == (3, Counts(running=6, succeeded=4))

    store.run(main)
    assert store.rows("SELECT jobs, rows FROM calls") == [(4, 4), (4, 0), (2, 0)]
    assert broken_promises(store.path) == []


def test_a_budget_of_bytes_closes_a_call_early_but_no_row_is_too_large_to_go(
    store: Store,
) -> None:
    """A row is `{"n":1}`: seven bytes, and eight from row 10 on."""

    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection, 11, packing=Packing(4, 15))
            await open_gates(connection, batch)
            packs = [ids(one) for one in await start(connection, batch, 9)]
            assert packs == [[3, 4], [5, 6], [7, 8], [9, 10], [11]]
            small = await submit(connection, 2, "small", packing=Packing(4, 1))
            assert [ids(one) for one in await start(connection, small, 9)] == [[12], [13]]

    store.run(main)


def test_good_answers_are_kept_and_the_other_rows_come_back_in_smaller_company(
    store: Store,
) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection, 12, packing=FOUR)
            await open_gates(connection, batch)
            one, two = await start(connection, batch, 2)
            bad = SplitPack("missing")
            await dispatch.finish(connection, each(one, YES, bad, YES, bad), NOON)
            await dispatch.finish(connection, each(two, bad, bad, bad, bad), NOON)
            again = await start(connection, batch, 9)
            assert [ids(one) for one in again] == [[6, 8], [9, 10], [11, 12]]
            assert [job.tries.splits for job in again[0].jobs] == [1, 1]
            await dispatch.finish(connection, each(again[0], bad, bad), NOON)
            assert [ids(one) for one in await start(connection, batch, 9)] == [[6], [8]]
            assert (await reread(connection, batch)).counts == Counts(running=6, succeeded=6)

    store.run(main)
    assert broken_promises(store.path) == []


def test_rows_that_were_never_in_doubt_go_before_those_that_come_back(store: Store) -> None:
    """Else each call would carry one of them, and none would be full."""

    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection, 11, packing=FOUR)
            one = await start_one(connection, batch)
            await dispatch.finish(connection, each(one, SplitPack(), YES, YES, YES), NOON)
            assert ids(await start_one(connection, batch)) == [5, 6, 7, 8]
            assert [ids(one) for one in await start(connection, batch, 9)] == [[9, 10, 11], [1]]

    store.run(main)


def test_each_job_of_a_call_goes_its_own_way(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection, 4, packing=FOUR)
            one = await start_one(connection, batch)
            ways = (YES, Fail("never"), RetryAt(NOON + 5), Reask("no label"))
            await dispatch.finish(connection, each(one, *ways), NOON)
            batch = await reread(connection, batch)
            assert batch.counts == Counts(ready=1, waiting=1, succeeded=1, failed=1)
            [again] = (await start_one(connection, batch)).jobs
            assert again.asked == (("because: yes", "no label"),)

    store.run(main)
    assert store.rows("SELECT jobs, rows FROM calls ORDER BY id") == [(4, 2), (1, 0)]
    assert broken_promises(store.path) == []


def test_a_rejected_call_of_many_counts_once_and_a_batch_without_hope_stops(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection, 40, packing=FOUR)
            for _ in range(REJECTIONS_TO_STOP):
                assert (await reread(connection, batch)).state is BatchState.ACTIVE
                one = await start_one(connection, batch)
                ended = replace(each(one, *[SplitPack()] * 4), outcome=rejected(one).outcome)
                await dispatch.finish(connection, ended, NOON)
            assert (await reread(connection, batch)).state is BatchState.PAUSED

    store.run(main)


def test_a_dead_runners_packs_come_back_whole(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection, 8, packing=FOUR)
            late = await start_one(connection, batch)
            assert await dispatch.rescue(connection, OURS, NOON) == 4
            again = await start_one(connection, batch)
            assert ids(again) == ids(late)
            await dispatch.finish(connection, done(late, "late"), NOON)
            await dispatch.finish(connection, each(again, *[SplitPack()] * 4), NOON)
            assert (await reread(connection, batch)).counts == Counts(ready=4, succeeded=4)

    store.run(main)
    assert store.rows("SELECT DISTINCT answer FROM results") == [("late",)]
    assert broken_promises(store.path) == []


def test_smaller_packs_from_now_on_leave_no_row_behind(store: Store) -> None:
    """The job file says `pack = 1` since yesterday, and some rows were halved before."""

    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection, 4, packing=FOUR)
            one = await start_one(connection, batch)
            await dispatch.finish(connection, each(one, *[SplitPack()] * 4), NOON)
            await batches.set_job(connection, batch.id, new_batch(4))
            alone = await reread(connection, batch)
            assert [ids(one) for one in await start(connection, alone, 9)] == [[1], [2], [3], [4]]

    store.run(main)

"""Calls that carry several jobs: who goes together, and what becomes of each."""

from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.packing import Packing
from runner.core.retry import Fail, Reask, RetryAt, SplitPack, Succeed
from runner.core.settlement import Call
from runner.core.states import Counts
from runner.store import batch_updates, jobs
from runner.store.rescue import rescue
from tests.store.kit import (
    NOON,
    OURS,
    Store,
    done,
    each,
    new_batch,
    open_gates,
    reread,
    settle,
    start,
    start_one,
    submit,
)

FOUR = Packing(4)
YES = Succeed("yes")


def ids(call: Call) -> list[int]:
    return [job.job_id for job in call.jobs]


def test_a_call_carries_as_many_jobs_as_fit_and_the_last_one_the_rest(store: Store) -> None:
    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection, 10, packing=FOUR)
        assert ids(await open_gates(connection, batch)) == [1, 2, 3, 4]
        assert [ids(call) for call in await start(connection, batch, 9)] == [[5, 6, 7, 8], [9, 10]]
        batch = await reread(connection, batch)
        assert (batch.calls_made, batch.counts) == (3, Counts(running=6, succeeded=4))

    store.play(scene)
    assert store.rows("SELECT rows_asked, rows_finished FROM calls") == [(4, 4), (4, 0), (2, 0)]


def test_a_budget_of_bytes_closes_a_call_early_but_no_row_is_too_large_to_go(
    store: Store,
) -> None:
    """A row is `{"n":1}`: seven bytes, and eight from row 10 on."""

    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection, 11, packing=Packing(4, 15))
        await open_gates(connection, batch)
        packs = [ids(call) for call in await start(connection, batch, 9)]
        assert packs == [[3, 4], [5, 6], [7, 8], [9, 10], [11]]
        small = await submit(connection, 2, "small", packing=Packing(4, 1))
        assert [ids(call) for call in await start(connection, small, 9)] == [[12], [13]]

    store.play(scene)


def test_the_size_of_a_row_is_that_of_its_text_in_bytes(store: Store) -> None:
    """A budget is of bytes: three in each of these letters."""

    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection, bodies=['{"n":"' + "字" * 10 + '"}'])
        [job] = (await jobs.read_ready(connection, [batch], 1))[batch.id]
        assert job.size == len('{"n":""}') + 30

    store.play(scene)


def test_good_answers_are_kept_and_the_other_rows_come_back_in_smaller_packs(
    store: Store,
) -> None:
    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection, 12, packing=FOUR)
        await open_gates(connection, batch)
        one, two = await start(connection, batch, 2)
        bad = SplitPack("missing")
        await settle(connection, each(one, YES, bad, YES, bad), each(two, bad, bad, bad, bad))
        again = await start(connection, batch, 9)
        assert [ids(call) for call in again] == [[6, 8], [9, 10], [11, 12]]
        assert [job.tries.splits for job in again[0].jobs] == [1, 1]
        await settle(connection, each(again[0], bad, bad))
        assert [ids(call) for call in await start(connection, batch, 9)] == [[6], [8]]
        assert (await reread(connection, batch)).counts == Counts(running=6, succeeded=6)

    store.play(scene)


def test_rows_that_were_never_in_doubt_go_before_those_that_come_back(store: Store) -> None:
    """Else each call would carry one of them, and none would be full."""

    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection, 11, packing=FOUR)
        one = await start_one(connection, batch)
        await settle(connection, each(one, SplitPack(), YES, YES, YES))
        assert ids(await start_one(connection, batch)) == [5, 6, 7, 8]
        assert [ids(call) for call in await start(connection, batch, 9)] == [[9, 10, 11], [1]]

    store.play(scene)


def test_each_job_of_a_call_goes_its_own_way(store: Store) -> None:
    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection, 4, packing=FOUR)
        one = await start_one(connection, batch)
        ways = (YES, Fail("never"), RetryAt(NOON + 5), Reask("no label"))
        await settle(connection, each(one, *ways))
        batch = await reread(connection, batch)
        assert batch.counts == Counts(ready=1, waiting=1, succeeded=1, failed=1)
        assert ids(await start_one(connection, batch)) == [4]

    store.play(scene)
    assert store.rows("SELECT rows_asked, rows_finished FROM calls ORDER BY id") == [(4, 2), (1, 0)]
    assert store.rows("SELECT job_id, reply, reason FROM invalid_replies") == [
        (4, "because: yes", "no label")
    ]


def test_a_dead_runners_packs_come_back_whole(store: Store) -> None:
    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection, 8, packing=FOUR)
        late = await start_one(connection, batch)
        assert await rescue(connection, OURS, NOON) == 4
        again = await start_one(connection, batch)
        assert ids(again) == ids(late)
        await settle(connection, done(late, "late"))
        await settle(connection, each(again, *[SplitPack()] * 4))
        assert (await reread(connection, batch)).counts == Counts(ready=4, succeeded=4)

    store.play(scene)
    assert store.rows("SELECT DISTINCT answer FROM results") == [("late",)]


def test_smaller_packs_from_now_on_leave_no_row_behind(store: Store) -> None:
    """The job file says `pack = 1` since yesterday, and some packs were split before."""

    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection, 4, packing=FOUR)
        one = await start_one(connection, batch)
        await settle(connection, each(one, *[SplitPack()] * 4))
        await batch_updates.set_job(connection, batch, new_batch(4))
        alone = await reread(connection, batch)
        assert [ids(call) for call in await start(connection, alone, 9)] == [[1], [2], [3], [4]]

    store.play(scene)

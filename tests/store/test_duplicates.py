"""What asks the same is asked once: duplicates in a batch, and answers of other batches."""

from itertools import cycle, islice

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.states import Counts
from runner.store import batch_rows, batches, enqueue, failures, retries, reuse
from runner.store.rescue import rescue
from tests.store.kit import (
    NOON,
    OURS,
    Store,
    done,
    failed,
    fingerprint,
    new_batch,
    open_gates,
    reread,
    settle,
    start,
    start_one,
    submit,
)


def test_rows_that_ask_the_same_are_asked_once_and_all_have_the_answer(store: Store) -> None:
    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection, asks="abaab")
        assert batch.counts == Counts(ready=2, duplicate=3)
        assert batch.calls_needed == 2
        await settle(connection, done(await start_one(connection, batch), "A"))
        await settle(connection, done(await start_one(connection, batch), "B"))
        batch = await reread(connection, batch)
        assert batch.done
        assert (batch.calls_made, batch.reused) == (2, 3)
        page = await batch_rows.export_page(connection, batch, 0, 10)
        told = [(row.answer, row.call_id, row.reused) for row in page]
        assert told == [
            ("A", 1, False),
            ("B", 2, False),
            ("A", 1, True),
            ("A", 1, True),
            ("B", 2, True),
        ]

    store.play(scene)


def test_duplicates_are_found_across_the_chunks_of_a_loading_batch(store: Store) -> None:
    """Whatever has become of the first of them by then."""

    async def scene(connection: AsyncConnection) -> None:
        batch = await batches.create_batch(connection, new_batch(7), NOON)
        batch = await enqueue.enqueue(
            connection,
            batch,
            0,
            ["{}"] * 3,
            [fingerprint("a"), fingerprint("b"), fingerprint("c")],
            NOON,
        )
        await open_gates(connection, batch)
        two = await start_one(connection, batch)
        await settle(connection, failed(two, "never"))
        batch = await reread(connection, batch)
        asked = [fingerprint("a"), fingerprint("b"), fingerprint("c"), fingerprint("a")]
        batch = await enqueue.enqueue(connection, batch, 3, ["{}"] * 4, asked, NOON)
        assert batch.counts == Counts(ready=1, duplicate=1, succeeded=3, failed=2)

    store.play(scene)


def test_duplicates_fail_with_their_job_and_are_retried_with_it(store: Store) -> None:
    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection, asks="aab")
        late = await start_one(connection, batch)
        await settle(connection, failed(late, "never"))
        assert (await reread(connection, batch)).counts == Counts(ready=1, failed=2)
        errors = [one.error for one in await failures.first_failures(connection, batch, 9)]
        assert errors == ["never", "never"]
        assert await retries.retry_failed(connection, batch) == 2
        assert (await reread(connection, batch)).counts == Counts(ready=2, duplicate=1)
        await settle(connection, failed(await start_one(connection, batch)))
        await settle(connection, done(late, "late after all"))
        assert (await reread(connection, batch)).counts == Counts(ready=1, succeeded=2)

    store.play(scene)
    assert store.rows("SELECT id, rows_finished FROM calls") == [(1, 1), (2, 0)]


def test_duplicates_of_a_job_that_killed_its_runners_fail_with_it(store: Store) -> None:
    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection, asks="aaa")
        while not (await reread(connection, batch)).done:
            await start_one(connection, batch)
            await rescue(connection, OURS, NOON)
        assert (await reread(connection, batch)).counts == Counts(failed=3)

    store.play(scene)


@pytest.mark.parametrize("reuse", [True, False])
def test_answers_of_other_batches_are_taken_where_that_is_wanted(
    store: Store, *, reuse: bool
) -> None:
    async def scene(connection: AsyncConnection) -> None:
        first = await submit(connection, asks="ab")
        await settle(connection, done(await start_one(connection, first), "A"))
        second = await submit(connection, asks="acab", digest="second", reuse_answers=reuse)
        if not reuse:
            assert second.counts == Counts(ready=3, duplicate=1)
            return
        assert second.counts == Counts(ready=2, succeeded=2)
        assert second.reused == 2
        page = await batch_rows.export_page(connection, second, 0, 10)
        told = [(row.answer, row.call_id, row.reused, row.model) for row in page]
        assert told[0] == told[2] == ("A", 1, True, first.models[0])

    store.play(scene)


def test_what_another_batch_has_had_answered_since_is_not_asked_when_its_turn_comes(
    store: Store,
) -> None:
    async def scene(connection: AsyncConnection) -> None:
        first = await submit(connection, asks="ab")
        second = await submit(connection, asks="aabc", digest="second", reuse_answers=True)
        assert second.counts == Counts(ready=3, duplicate=1)
        await open_gates(connection, first)
        [call] = await start(connection, second, 2)
        assert [job.job_id for job in call.jobs] == [5], "rows 1 and 2 have their answer"
        second = await reread(connection, second)
        assert (second.calls_made, second.reused) == (1, 2)

    store.play(scene)


def test_it_can_be_told_what_would_not_have_to_be_asked(store: Store) -> None:
    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection, asks="abcb")
        await open_gates(connection, batch)
        await settle(connection, failed(await start_one(connection, batch)))
        asked = list(map(fingerprint, "abcz"))
        assert await reuse.answered_before(connection, asked) == {asked[0]}
        assert await reuse.answered_before(connection, []) == set()
        many = [number.to_bytes(4) for number in range(50_000)]
        among = [*many, *asked, *many]
        assert await reuse.answered_before(connection, among) == {asked[0]}

    store.play(scene)


def test_a_failure_is_no_answer_to_be_reused(store: Store) -> None:
    async def scene(connection: AsyncConnection) -> None:
        first = await submit(connection, asks="a")
        await settle(connection, failed(await start_one(connection, first)))
        second = await submit(connection, asks="a", digest="second", reuse_answers=True)
        assert second.counts == Counts(ready=1)

    store.play(scene)


def test_the_same_question_many_times_keeps_one_entry_in_the_index(store: Store) -> None:
    async def scene(connection: AsyncConnection) -> None:
        await submit(connection, asks="a" * 500 + "b")

    store.play(scene)
    assert store.rows("SELECT job_id FROM fingerprints") == [(1,), (501,)]


@pytest.mark.parametrize(("end", "state"), [(done, "succeeded"), (failed, "failed")])
def test_however_many_jobs_duplicate_one_they_end_with_it_at_once(
    store: Store, end: object, state: str
) -> None:
    """No database binds a hundred thousand values in one statement."""
    number = 100_000

    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection, asks="a" * number)
        assert batch.counts == Counts(ready=1, duplicate=number - 1)
        assert callable(end)
        await settle(connection, end(await start_one(connection, batch)))
        if state == "failed":
            assert await retries.retry_failed(connection, batch) == number
            await settle(connection, end(await start_one(connection, batch)))

    store.play(scene)
    assert store.rows("SELECT state, count(*) FROM jobs GROUP BY state") == [(state, number)]
    assert store.one("SELECT count(*) FROM results") == number


def test_many_questions_of_another_batch_are_reused_in_one_chunk(store: Store) -> None:
    asks = [str(number) for number in range(20_000)]

    async def scene(connection: AsyncConnection) -> None:
        first = await submit(connection, asks=asks[:300])
        await open_gates(connection, first)
        await settle(connection, *map(done, await start(connection, first, 300)))
        again = list(islice(cycle(asks), 25_000))
        second = await submit(connection, asks=again, digest="second", reuse_answers=True)
        assert second.counts == Counts(ready=19_700, succeeded=600, duplicate=4_700)

    store.play(scene)

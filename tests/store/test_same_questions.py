"""What asks the same is asked once: followers of a batch, and answers of other batches."""

import pytest

from runner.core.states import Counts
from runner.store import batches, dispatch
from runner.store.database import Database
from tests.store.kit import (
    NOON,
    Store,
    broken_promises,
    done,
    failed,
    new_batch,
    open_gates,
    reread,
    start,
    start_one,
    submit,
)


def test_rows_that_ask_the_same_are_asked_once_and_all_have_the_answer(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection, asks="abaab")
            assert batch.counts == Counts(ready=2, following=3)
            assert batch.calls_needed == 2
            await dispatch.finish(connection, done(await start_one(connection, batch), "A"), NOON)
            await dispatch.finish(connection, done(await start_one(connection, batch), "B"), NOON)
            batch = await reread(connection, batch)
            assert batch.done
            assert (batch.calls, batch.reused) == (2, 3)
            page = await batch_rows.export_page(connection, batch, 0, 10)
            told = [(row.answer, row.call_id, row.reused) for row in page]
            assert told == [
                ("A", 1, False),
                ("B", 2, False),
                ("A", 1, True),
                ("A", 1, True),
                ("B", 2, True),
            ]

    store.run(main)
    assert broken_promises(store.path) == []


def test_twins_are_found_across_the_chunks_of_a_loading_batch(store: Store) -> None:
    """Whatever has become of the first of them by then."""

    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await batches.create_batch(connection, new_batch(7), NOON)
            batch = await enqueue.enqueue(
                connection, batch, 0, ["{}"] * 3, [b"a", b"b", b"c"], NOON
            )
            await open_gates(connection, batch)
            two = await start_one(connection, batch)
            await dispatch.finish(connection, failed(two, "never"), NOON)
            batch = await reread(connection, batch)
            batch = await enqueue.enqueue(
                connection, batch, 3, ["{}"] * 4, [b"a", b"b", b"c", b"a"], NOON
            )
            assert batch.counts == Counts(ready=1, following=1, succeeded=3, failed=2)

    store.run(main)
    assert broken_promises(store.path) == []


def test_followers_fail_with_their_leader_and_are_retried_with_it(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection, asks="aab")
            late = await start_one(connection, batch)
            await dispatch.finish(connection, failed(late, "never"), NOON)
            assert (await reread(connection, batch)).counts == Counts(ready=1, failed=2)
            assert [one.error for one in await batch_rows.failures(connection, batch, 9)] == [
                "never",
                "never",
            ]
            assert await results.retry_failed(connection, batch) == 2
            assert (await reread(connection, batch)).counts == Counts(ready=2, following=1)
            await dispatch.finish(connection, failed(await start_one(connection, batch)), NOON)
            await dispatch.finish(connection, done(late, "late after all"), NOON)
            assert (await reread(connection, batch)).counts == Counts(ready=1, succeeded=2)

    store.run(main)
    assert store.rows("SELECT id, rows FROM calls") == [(1, 0), (2, 0)]
    assert broken_promises(store.path) == []


@pytest.mark.parametrize("reuse", [True, False])
def test_answers_of_other_batches_are_taken_where_that_is_wanted(
    store: Store, *, reuse: bool
) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            first = await submit(connection, asks="ab")
            await dispatch.finish(connection, done(await start_one(connection, first), "A"), NOON)
            second = await submit(connection, asks="acab", digest="second", reuse=reuse)
            if not reuse:
                assert second.counts == Counts(ready=3, following=1)
                return
            assert second.counts == Counts(ready=2, succeeded=2)
            assert second.reused == 2
            page = await batch_rows.export_page(connection, second, 0, 10)
            told = [(row.answer, row.call_id, row.reused, row.model) for row in page]
            assert told[0] == told[2] == ("A", 1, True, first.models[0])

    store.run(main)
    assert broken_promises(store.path) == []


def test_what_another_batch_has_had_answered_since_is_not_asked_when_its_turn_comes(
    store: Store,
) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            first = await submit(connection, asks="ab")
            second = await submit(connection, asks="aabc", digest="second", reuse=True)
            assert second.counts == Counts(ready=3, following=1)
            await open_gates(connection, first)
            [started] = await start(connection, second, 2)
            assert [job.job_id for job in started.jobs] == [5], "rows 1 and 2 have their answer"
            second = await reread(connection, second)
            assert (second.calls, second.reused) == (1, 2)

    store.run(main)
    assert broken_promises(store.path) == []


def test_it_can_be_told_what_would_not_have_to_be_asked(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection, asks="abcb")
            await open_gates(connection, batch)
            await dispatch.finish(connection, failed(await start_one(connection, batch)), NOON)
            asked = [b"a", b"b", b"c", b"z"]
            assert await enqueue.answered_before(connection, asked) == {b"a"}
            assert await enqueue.answered_before(connection, []) == set()

    store.run(main)


def test_a_failure_is_no_answer_to_be_reused(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            first = await submit(connection, asks="a")
            await dispatch.finish(connection, failed(await start_one(connection, first)), NOON)
            second = await submit(connection, asks="a", digest="second", reuse=True)
            assert second.counts == Counts(ready=1)

    store.run(main)


def test_a_million_times_the_same_question_keeps_one_entry_in_the_index(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            await submit(connection, asks="a" * 500 + "b")

    store.run(main)
    assert store.rows("SELECT job_id FROM requests") == [(1,), (501,)]

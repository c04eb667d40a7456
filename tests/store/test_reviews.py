"""What people answer: kept beside the models' answers, taken back, and carried over."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.states import Counts
from runner.store import disputed, pruning, retries, reviews
from runner.store.batches import Batch
from runner.store.reviews import NewReview
from tests.store.kit import NOON, Store, done, failed, reread, settle, start_one, submit


async def answered(connection: AsyncConnection, batch: Batch, *answers: str | None) -> Batch:
    """The next rows of a batch have these answers; None: they fail."""
    for answer in answers:
        call = await start_one(connection, batch)
        await settle(connection, failed(call) if answer is None else done(call, answer))
    return await reread(connection, batch)


async def review(
    connection: AsyncConnection,
    batch: Batch,
    job_id: int,
    answer: str,
    who: str = "ann",
    at: int = 0,
) -> Batch:
    await reviews.record(connection, batch, [NewReview(job_id, answer, who)], NOON + at)
    return await reread(connection, batch)


async def counting(connection: AsyncConnection, batch: Batch) -> dict[int, str]:
    """By job, the answer of the review that counts."""
    found = await reviews.standing(connection, batch.first_job, batch.last_job)
    return {job_id: one.answer for job_id, one in found.items()}


def test_of_several_reviews_of_a_row_the_last_one_counts_and_none_is_lost(store: Store) -> None:
    async def scene(connection: AsyncConnection) -> None:
        batch = await answered(connection, await submit(connection, 3), "a", "b")
        for number, who in enumerate(("ann", "bob", "ann")):
            batch = await review(connection, batch, 2, f"{number}", who, at=number)
        assert batch.reviews_made == 3
        assert await counting(connection, batch) == {2: "2"}
        told = [(one.reviewer, one.answer) for one in await reviews.history(connection, 2)]
        assert told == [("ann", "0"), ("bob", "1"), ("ann", "2")]
        assert await reviews.by_reviewer(connection, batch) == [("ann", 1)]
        assert await reviews.standing(connection, 1, 1) == {}

    store.play(scene)
    assert store.rows("SELECT answer FROM results ORDER BY job_id") == [("a",), ("b",)]


def test_only_ones_own_review_is_taken_back_and_the_one_before_counts_again(store: Store) -> None:
    async def scene(connection: AsyncConnection) -> None:
        batch = await answered(connection, await submit(connection, 3), "a", "b")
        for at, (job_id, who) in enumerate([(1, "ann"), (2, "ann"), (2, "bob")]):
            batch = await review(connection, batch, job_id, who, who, at)
        latest = await reviews.latest_of(connection, batch, "ann")
        assert latest is not None
        assert await reviews.take_back(connection, latest, NOON + 9) == [2]
        assert await counting(connection, batch) == {1: "ann", 2: "bob"}
        assert await reviews.take_back(connection, latest, NOON + 9) == []
        for who in ("bob", "ann"):
            latest = await reviews.latest_of(connection, batch, who)
            assert latest is not None
            await reviews.take_back(connection, latest, NOON + 9)
        assert await counting(connection, batch) == {}
        assert await reviews.latest_of(connection, batch, "ann") is None
        told = [one.taken_back_at for one in await reviews.history(connection, 2)]
        assert told == [NOON + 9, NOON + 9]

    store.play(scene)


def test_rows_that_ask_the_same_are_reviewed_and_taken_back_together(store: Store) -> None:
    async def scene(connection: AsyncConnection) -> None:
        batch = await answered(connection, await submit(connection, asks="abab"), "x", "y")
        alike = await reviews.alike_jobs(connection, 3)
        assert alike == await reviews.alike_jobs(connection, 1) == [1, 3]
        given = [NewReview(job_id, "z", "ann") for job_id in alike]
        await reviews.record(connection, batch, [*given, NewReview(2, "z", "ann")], NOON)
        latest = next(iter(await reviews.history(connection, 3)))
        assert await reviews.take_back(connection, latest, NOON) == [1, 3]
        assert await counting(connection, batch) == {2: "z"}

    store.play(scene)


def test_failed_rows_that_a_person_has_answered_are_not_asked_again(store: Store) -> None:
    """Nor is what asks the same; a vote about the same row neither."""

    async def scene(connection: AsyncConnection) -> None:
        batch = await answered(connection, await submit(connection, asks="abca"), None, None, "x")
        part = await submit(connection, 3, "part", part_of=batch.id, part="vote 2", first_row=1)
        part = await answered(connection, part, None, None, None)
        batch = await review(connection, batch, 1, "mine")
        assert await retries.retry_parts(connection, batch.id) == 1 + 2
        batch, part = await reread(connection, batch), await reread(connection, part)
        assert batch.counts == Counts(ready=1, failed=2, succeeded=1)
        assert part.counts == Counts(ready=2, failed=1)

    store.play(scene)


def test_reviews_go_with_their_batch(store: Store) -> None:
    async def scene(connection: AsyncConnection) -> None:
        batch = await answered(connection, await submit(connection, 1), "a")
        other = await answered(connection, await submit(connection, 1, "other"), "a")
        await review(connection, batch, batch.first_job, "b")
        await review(connection, other, other.first_job, "b")
        await pruning.hide(connection, [batch.id], NOON)
        while await pruning.empty_some(connection):
            pass

    store.play(scene)
    assert store.rows("SELECT job_id FROM reviews") == [(2,)]


def test_a_batch_that_replaces_another_takes_over_what_people_have_answered(store: Store) -> None:
    async def scene(connection: AsyncConnection) -> None:
        old = await answered(connection, await submit(connection, asks="abcb"), "x", "x", "x")
        for at, (job_id, answer) in enumerate([(1, "no"), (1, "A"), (2, "B"), (4, "B")]):
            old = await review(connection, old, job_id, answer, at=at)
        new = await submit(connection, asks="zbabc", digest="new")
        new = await review(connection, new, new.first_job + 3, "own", "bob")
        assert await reviews.carry_over(connection, old, new) == 2
        found = await counting(connection, new)
        assert {job_id - new.first_job: answer for job_id, answer in found.items()} == {
            1: "B", 2: "A", 3: "own"
        }  # fmt: skip
        carried = (await reviews.history(connection, new.first_job + 2))[0]
        assert (carried.reviewer, carried.reviewed_at) == ("ann", NOON + 1)
        assert await reviews.carry_over(connection, old, new) == 0
        assert (await reread(connection, new)).reviews_made == 3

    store.play(scene)


def test_they_are_carried_over_by_row_where_something_else_is_asked(store: Store) -> None:
    async def scene(connection: AsyncConnection) -> None:
        old = await answered(
            connection, await submit(connection, bodies=["{}", "[]", "1"]), "x", "x"
        )
        for job_id in (1, 2, 3):
            old = await review(connection, old, job_id, f"{job_id}")
        new = await submit(connection, bodies=["{}", "else"], digest="new")
        assert await reviews.carry_over(connection, old, new, by_row=True) == 1
        assert await counting(connection, new) == {new.first_job: "1"}
        empty = await submit(connection, 2, "none")
        assert await reviews.carry_over(connection, empty, new) == 0

    store.play(scene)


def test_rows_with_different_answers_are_found_without_those_reviewed(store: Store) -> None:
    async def scene(connection: AsyncConnection) -> None:
        batch = await submit(connection, 6)
        more = {"part_of": batch.id, "first_row": batch.first_row}
        second = await submit(connection, 6, "second", part="vote 2", **more)
        check = await submit(connection, 3, "check", part="check", row_step=2, **more)
        batch = await answered(connection, batch, "a", "a", None, "a", "a", "a")
        second = await answered(connection, second, "a", "b", "c", "a", None)
        check = await answered(connection, check, "b", None, "a")
        found, last = await disputed.search(connection, [batch], None, 1, most=1)
        assert ([one.number for one in found], last) == ([3], 3)
        found, last = await disputed.search(connection, [batch], None, 4, most=1)
        assert (found, last) == ([], 6)
        found, last = await disputed.search(connection, [batch, second], None, 1)
        assert [(one.number, one.answers) for one in found] == [
            (2, ("a", "b")), (3, (None, "c")), (5, ("a", None))
        ]  # fmt: skip
        assert last == 6
        found, _ = await disputed.search(connection, [batch, second], check, 1)
        assert [(one.number, one.alone) for one in found] == [
            (1, "b"),
            (2, None),
            (3, None),
            (5, "a"),
        ]
        await review(connection, batch, 3, "mine")
        batch = await review(connection, batch, 5, "mine")
        found, _ = await disputed.search(connection, [batch, second], check, 2)
        assert [one.number for one in found] == [2]
        found, _ = await disputed.search(connection, [batch], None, 1)
        assert found == []  # the failed row is reviewed
        found, _ = await disputed.search(connection, [batch], None, 5, every=True)
        assert [(one.number, one.body) for one in found] == [(6, '{"n":6}')]

    store.play(scene)

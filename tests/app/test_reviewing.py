"""Rows that people look at: which they are, what is recorded, and where it is seen."""

from __future__ import annotations

import csv
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import anyio
import pytest
from support import reviewed
from support.files import settings

from runner.app.application import Application, open_application
from runner.app.results.rows import RowResult
from runner.app.reviews import review_files, review_rows
from runner.app.reviews.review_rows import MARKED, ReviewQuery
from runner.app.reviews.reviewing import choices_of, reviewer_named
from runner.drawing.report_page import page
from runner.errors import ConfigError, InputError, NotFoundError
from runner.files import parse_selection
from runner.jobfile import AnswerSpec
from runner.store.batches import Batch

T = TypeVar("T")
P, N, M = "positive", "negative", "neutral"
DISPUTED = {"": [P, P, None, P, N, P], "vote 2": [P, N, None, P, P, None]}
VOTES = "votes = 2"
LABELS = 'kind = "labels"\nlabels = ["a", "b", "c"]'

Scene = Callable[[Application, Batch], Awaitable[T]]


def play(folder: Path, scene: Scene[T], answers: Any = DISPUTED, **more: Any) -> T:
    """Open the program on a batch whose rows have ended."""

    async def main() -> T:
        async with open_application(settings(folder), environ={"TOKEN": "x"}) as midnight:
            async with midnight._database.write() as connection:
                batch = await reviewed.ended(connection, answers, **more)
            return await scene(midnight, batch)

    return anyio.run(main)


async def marked(midnight: Application, batch: Batch, wanted: ReviewQuery = MARKED) -> list[int]:
    found = await review_rows.find(midnight.reading, await midnight.parts_of(batch), wanted)
    return found.left


async def row(midnight: Application, batch: Batch, number: int) -> RowResult:
    fresh = await midnight.batch(str(batch.id))
    return [one async for one in midnight.rows(fresh)][number - 1]


async def exported(midnight: Application, batch: Batch, path: Path, **more: Any) -> list[Any]:
    await midnight.export(await midnight.batch(str(batch.id)), path, **more)
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_marked_rows_are_those_that_the_output_marks(tmp_path: Path) -> None:
    answers = DISPUTED | {"check": [N, None, N]}
    kinds = [P, P, "", N, "", P]
    rows = [{"text": str(n), "kind": kind} for n, kind in enumerate(kinds)]

    async def scene(midnight: Application, batch: Batch) -> None:
        found = await exported(midnight, batch, tmp_path / "out.csv")
        in_output = [n for n, one in enumerate(found, 1) if one["review"] == "true"]
        assert in_output == await marked(midnight, batch) == [1, 2, 3, 4, 5]
        parts = await midnight.parts_of(batch)
        steps, at = [], 0
        while at is not None and (at := (await review_rows.next_marked(
            midnight.reading, parts, at, 9
        ))[0]) is not None:  # fmt: skip
            steps.append(at)
        assert steps == in_output
        reasons = [",".join((await row(midnight, batch, n)).reasons) for n in range(1, 7)]
        assert reasons == ["check", "votes", "failed", "gold", "votes", ""]

    more = f'{VOTES}\npack = 2\ncheck = 0.5\ngold = "kind"'
    play(tmp_path, scene, answers, rows=rows, more=more)


def test_of_a_plain_batch_the_failed_rows_are_marked_and_its_columns_stay(tmp_path: Path) -> None:
    async def scene(midnight: Application, batch: Batch) -> None:
        assert await marked(midnight, batch) == [2]
        found = await exported(midnight, batch, tmp_path / "out.csv")
        assert list(found[0]) == ["text", "answer", "model", "state", "error"]

    play(tmp_path, scene, {"": [P, None, N]})


def test_a_persons_answer_is_the_answer_and_the_models_stays_visible(tmp_path: Path) -> None:
    async def scene(midnight: Application, batch: Batch) -> None:
        reviewing = await midnight.reviewing(batch, "ann")
        assert (await reviewing.record(2, " Neutral. ")).numbers == (2,)
        await reviewing.record(3, N)
        await reviewing.record(5, P)
        found = await exported(midnight, batch, tmp_path / "out.csv", details=True)
        told = [
            (one["answer"], one["state"], one["error"], one["review"], one["reviewed_by"],
             one["model_answer"]) for one in found
        ]  # fmt: skip
        assert told == [
            (P, "succeeded", "", "false", "", P),
            (M, "succeeded", "", "false", "ann", P),
            (N, "succeeded", "", "false", "ann", ""),
            (P, "succeeded", "", "false", "", P),
            (P, "succeeded", "", "false", "ann", N),
            (P, "succeeded", "", "false", "", P),
        ]
        assert (found[1]["model"], found[4]["model"]) == ("", "deepseek-ai/DeepSeek-V3.2")
        assert found[1]["reviewed_at"][:2] == "20"
        assert found[0]["reviewed_at"] == ""
        assert await marked(midnight, batch) == []
        story = await midnight.story(batch, 2)
        assert [one.answer for one in story.reviews] == [M]
        assert [one.answer for _, one in story.parts] == [P, N]

    play(tmp_path, scene, more=VOTES)


def test_the_last_answer_is_taken_back_also_in_a_later_session(tmp_path: Path) -> None:
    async def scene(midnight: Application, batch: Batch) -> None:
        first = await midnight.reviewing(batch, "ann")
        await first.record(2, M)
        await first.record(5, M)
        later = await midnight.reviewing(await midnight.batch("reviews"), "ann")
        assert await (await midnight.reviewing(batch, "bob")).take_back() == []
        assert [await later.take_back() for _ in range(3)] == [[5], [2], []]
        assert await marked(midnight, batch) == [2, 3, 5]
        assert (await row(midnight, batch, 5)).answer == N

    play(tmp_path, scene, more=VOTES)


def test_two_people_at_once_the_later_counts_and_each_takes_back_their_own(tmp_path: Path) -> None:
    async def scene(midnight: Application, batch: Batch) -> None:
        ann, bob = [await midnight.reviewing(batch, name) for name in ("ann", "bob")]
        async with anyio.create_task_group() as tasks:
            for number in (2, 3, 5):
                for person, answer in ((ann, P), (bob, N)):
                    tasks.start_soon(person.record, number, answer)
        for number in (2, 3, 5):
            await bob.record(number, M)
        assert [(await row(midnight, batch, n)).answer for n in (2, 3, 5)] == [M] * 3
        assert await ann.take_back() != []
        assert [(await row(midnight, batch, n)).answer for n in (2, 3, 5)] == [M] * 3

    play(tmp_path, scene, more=VOTES)


def test_rows_that_ask_the_same_are_answered_and_taken_back_together(tmp_path: Path) -> None:
    rows = [{"text": text} for text in "abcb"]

    async def scene(midnight: Application, batch: Batch) -> None:
        assert await marked(midnight, batch) == [2, 4]
        reviewing = await midnight.reviewing(batch, "ann")
        assert (await reviewing.record(4, P)).numbers == (2, 4)
        assert await marked(midnight, batch) == []
        assert await reviewing.take_back() == [4, 2]  # the one that was shown comes first

    play(tmp_path, scene, {"": [P, None, N]}, rows=rows)


@pytest.mark.parametrize(
    ("number", "answer", "error", "said"),
    [
        (2, "splendid", InputError, "not a valid answer: the reply is not one of the labels"),
        (2, "positive or negative", InputError, "not one of the labels"),
        (2, "", InputError, "the reply is empty"),
        (4, P, InputError, "row 4 has no answer yet"),
        (0, P, NotFoundError, "no row 0"),
        (5, P, NotFoundError, "no row 5"),
    ],
)
def test_what_is_no_answer_to_no_row_is_refused(
    tmp_path: Path, number: int, answer: str, error: type[Exception], said: str
) -> None:
    async def scene(midnight: Application, batch: Batch) -> None:
        reviewing = await midnight.reviewing(batch, "ann")
        with pytest.raises(error, match=said):
            await reviewing.record(number, answer)
        assert (await midnight.batch("reviews")).reviews_made == 0

    play(tmp_path, scene, {"": [P, None, N]}, rows=[{"text": c} for c in "abcd"])


def test_a_batch_that_is_deleted_meanwhile_takes_no_answer(tmp_path: Path) -> None:
    async def scene(midnight: Application, batch: Batch) -> None:
        reviewing = await midnight.reviewing(batch, "ann")
        await reviewing.record(2, M)
        await midnight.delete([batch])
        for act in (reviewing.question(2), reviewing.record(2, M), reviewing.take_back()):
            with pytest.raises(NotFoundError, match="deleted meanwhile"):
                await act

    play(tmp_path, scene, more=VOTES)


def test_rows_are_chosen_by_columns_results_and_a_sample_that_stays(tmp_path: Path) -> None:
    def wanted(*where: str, every: bool = True, sample: str | None = None) -> ReviewQuery:
        return ReviewQuery(every, parse_selection(where, sample, None))

    async def scene(midnight: Application, batch: Batch) -> None:
        assert await marked(midnight, batch, wanted()) == [1, 2, 3, 4, 5, 6]
        assert await marked(midnight, batch, wanted("answer == positive")) == [1, 2, 4, 6]
        assert await marked(midnight, batch, wanted("text contains so", every=False)) == [5]
        assert await marked(midnight, batch, wanted("agreement < 1", every=False)) == [2, 3, 5]
        with pytest.raises(InputError, match="no column"):
            await marked(midnight, batch, wanted("stars > 3"))
        parts = await midnight.parts_of(batch)
        before = await review_rows.find(midnight.reading, parts, wanted(sample="3"))
        await (await midnight.reviewing(batch, "ann")).record(before.left[0], M)
        after = await review_rows.find(
            midnight.reading, await midnight.parts_of(batch), wanted(sample="3")
        )
        assert (after.reviewed, after.left) == (before.left[:1], before.left[1:])

    play(tmp_path, scene, more=VOTES)


def test_a_grown_batch_has_what_people_answered_before_and_its_difference_too(
    tmp_path: Path,
) -> None:
    async def scene(midnight: Application, batch: Batch) -> None:
        await (await midnight.reviewing(batch, "ann")).record(2, N)
        async with midnight._database.write() as connection:
            other = await reviewed.ended(connection, {"": [P, P]}, digest="other")
        found = await midnight.difference(await midnight.batch(str(batch.id)), other)
        assert dict(found.changes) == {(N, P): 1}

    play(tmp_path, scene, {"": [P, None]})


# files


async def imported(midnight: Application, batch: Batch, text: str, path: Path) -> Any:
    await anyio.Path(path).write_text(text, encoding="utf-8")
    reviewing = await midnight.reviewing(batch, "ann")
    return await review_files.read_answers(reviewing, path)


def test_a_file_of_marked_rows_is_filled_in_and_read(tmp_path: Path) -> None:
    path = tmp_path / "marked.csv"

    async def scene(midnight: Application, batch: Batch) -> None:
        reviewing = await midnight.reviewing(batch, "ann")
        assert await review_files.write_rows(reviewing, await marked(midnight, batch), path) == 3
        lines = path.read_text(encoding="utf-8").splitlines()
        assert lines[0] == "row,text,answer,model_answer,votes,reasons"
        assert lines[1] == "2,Nobody came.,,positive,positive: 1; negative: 1,votes"
        filled = "\n".join([lines[0], lines[1].replace(",,", ",NEGATIVE,"), *lines[2:]]) + "\n"
        first = await imported(midnight, batch, filled, path)
        assert (first.recorded, first.unchanged, first.empty) == (1, 0, 2)
        again = await imported(midnight, batch, filled, path)
        assert (again.recorded, again.unchanged) == (0, 1)
        assert (await row(midnight, batch, 2)).answer == N

    play(tmp_path, scene, more=VOTES)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("row,answer\n2,bad\n3,positive\n", "nothing is stored: row 2: the reply is not one of"),
        ("row,answer\n99,positive\n", "there is no row '99'"),
        ("row,answer\nx,positive\n", "there is no row 'x'"),
        ("row,answer\n2,positive\n2,negative\n", "row 2: there are two answers"),
        ("answer\npositive\n", "no column"),
    ],
)
def test_a_file_with_an_answer_that_is_none_stores_nothing(
    tmp_path: Path, text: str, said: str
) -> None:
    async def scene(midnight: Application, batch: Batch) -> None:
        with pytest.raises(InputError, match=said):
            await imported(midnight, batch, text, tmp_path / "in.csv")
        assert (await midnight.batch("reviews")).reviews_made == 0

    play(tmp_path, scene, more=VOTES)


def test_rows_that_have_not_ended_take_no_answer_from_a_file(tmp_path: Path) -> None:
    async def scene(midnight: Application, batch: Batch) -> None:
        text = "row,answer\n1,positive\n2,positive\n"
        with pytest.raises(InputError, match="row 2 has no answer yet"):
            await imported(midnight, batch, text, tmp_path / "in.csv")

    play(tmp_path, scene, {"": [P]}, rows=[{"text": c} for c in "ab"])


def test_columns_of_the_dataset_do_not_get_in_the_way_of_a_file(tmp_path: Path) -> None:
    rows = [{"row": "7", "answer": "no", "text": "a"}, {"row": "8", "answer": "yes", "text": "b"}]

    async def scene(midnight: Application, batch: Batch) -> None:
        text = "row,answer,midnight_row,midnight_answer\n7,no,1,negative\n"
        assert (await imported(midnight, batch, text, tmp_path / "in.csv")).recorded == 1
        assert (await row(midnight, batch, 1)).answer == N

    play(tmp_path, scene, {"": [None, P]}, rows=rows)


# what can be answered


def test_answers_have_keys_where_they_are_few() -> None:
    def keys(**spec: Any) -> str:
        return "".join(one.key for one in choices_of(AnswerSpec(**spec)))

    assert keys(kind="label", labels=("a", "b", "c")) == "123"
    many = keys(kind="labels", labels=tuple(f"label {n}" for n in range(60)))
    assert len(many) == len(set(many)) == 30
    assert not set(many) & set("esuvq")
    assert keys(kind="number", integer=True, min=0, max=5) == "012345"
    assert keys(kind="number", integer=True, min=1, max=10) == ""
    assert keys(kind="number", min=0, max=1) == ""
    assert keys(kind="text") == ""


def test_a_reviewer_has_a_name() -> None:
    assert reviewer_named(" ann  b ") == "ann b"
    assert reviewer_named(None)
    for wrong in ("", " ", "x" * 65):
        with pytest.raises(ConfigError, match="--as"):
            reviewer_named(wrong)


def test_only_answers_of_chats_are_reviewed(tmp_path: Path) -> None:
    async def scene(midnight: Application, batch: Batch) -> None:
        with pytest.raises(ConfigError, match="embedding"):
            await midnight.reviewing(batch, "ann")

    answer = 'kind = "text"'
    play(tmp_path, scene, {"": ["[1]"]}, more='kind = "embedding"', answer=answer)


# reports


def test_a_report_counts_the_answers_that_count_and_compares_models_with_people(
    tmp_path: Path,
) -> None:
    async def scene(midnight: Application, batch: Batch) -> None:
        for person, number, answer in (("ann", 2, N), ("bob", 3, M), ("ann", 6, P)):
            await (await midnight.reviewing(batch, person)).record(number, answer)
        batch = await midnight.batch(str(batch.id))
        found = await midnight.quality(batch)
        given = [one["answer"] for one in await exported(midnight, batch, tmp_path / "out.csv")]
        assert dict(found.labels) == {P: 3, N: 2, M: 1} == {a: given.count(a) for a in given}
        assert found.people is not None
        assert dict(found.people.confusion) == {(N, P): 1, (P, P): 1}
        assert (found.people.correct, found.people.rows, found.people.missing) == (1, 2, 1)
        assert found.reviewed == (("ann", 2), ("bob", 1))
        assert found.to_review == len(await marked(midnight, batch)) == 1
        drawn = page(await midnight.full_report(wanted_of(batch)))
        for part in ("Agreement of the votes", "Rows that people have looked at", "ann: 2, bob: 1",
                     "50.0 % (1 of 2); 1 without an answer", "To review"):  # fmt: skip
            assert part in drawn, part

    play(tmp_path, scene, more=VOTES)


def wanted_of(batch: Batch) -> Any:
    from runner.app.reports.reporting import ReportQuery

    return ReportQuery(batch=batch)


@pytest.mark.parametrize(
    ("answer", "answers", "said", "labels"),
    [
        (reviewed.LABELS, [P, P, None], N, [(P, 2), (N, 1), (M, 0)]),
        (LABELS, ['["a","b"]', '["a"]', None], '["b"]', [("a", 2), ("b", 2), ("c", 0)]),
        ('kind = "number"', ["10", "9", None], "9", [("9", 2), ("10", 1)]),
        ('kind = "text"', ["one", "one", None], "two", [("one", 2), ("two", 1)]),
        ('kind = "text"', ["one", "x" * 99, None], "two", []),
        ('kind = "text"', ["one", "two", None], "x" * 99, []),
        ('kind = "text"', ["one", "one", None], "one", []),
    ],
)
def test_answers_are_counted_where_they_are_few(
    tmp_path: Path, answer: str, answers: list[str], said: str, labels: list[tuple[str, int]]
) -> None:
    async def scene(midnight: Application, batch: Batch) -> None:
        await (await midnight.reviewing(batch, "ann")).record(3, said)
        found = await midnight.quality(await midnight.batch("reviews"))
        assert list(found.labels) == labels

    play(tmp_path, scene, {"": answers}, answer=answer)

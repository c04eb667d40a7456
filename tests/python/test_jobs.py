"""Jobs built in Python: the same as their job files, and what their answers are in Python."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from support.library import MODEL, letters, rows, simulator

from runner import Answer, Job, JobFileError, Result, open_midnight, run

TOML = """
[job]
name = "others"
model = "Qwen/Qwen3-8B"
[prompt]
user = "Which letter is {{ text }}?"
[answer]
kind = "label"
labels = ["a", "b", "c"]
"""


class Order(BaseModel):
    item: str
    number: int


@dataclass
class Pair:
    first: str
    second: bool


def test_a_job_is_the_same_as_a_job_file_that_says_the_same(tmp_path: Path) -> None:
    file = tmp_path / "letters.toml"
    file.write_text(TOML)
    digests = {job.jobfile.digest for job in (letters(), Job.load(file), Job.parse(TOML))}
    assert len(digests) == 1
    assert Job.load(file).name == "others"


def test_what_every_argument_says_is_in_the_job_file() -> None:
    found = letters(
        system="You know letters.",
        examples=[{"text": "one", "answer": "a"}],
        parameters={"temperature": 0, "stop": None},
        pack=20,
        check=0.02,
        votes=3,
        gold="right",
        reuse=True,
        rotate="spread",
        priority=-1,
        max_calls=500,
        max_asks=5,
        max_attempts=2,
        timeout_s=60,
    ).jobfile
    job = found.job
    assert (job.pack, job.check, job.votes, job.gold, job.reuse) == (20, 0.02, 3, "right", True)
    assert (job.rotate, job.priority) == ("spread", -1)
    assert found.parameters == {"temperature": 0, "stop": None}
    assert (found.limits.max_calls, found.limits.max_attempts) == (500, 2)
    assert (found.limits.timeout_s, found.answer.max_asks) == (60, 5)
    assert found.prompt.examples == ('{"text":"one","answer":"a"}',)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"user": "{{ text"}, "template error"),
        ({"user": " "}, "blank"),
        ({"model": []}, "model"),
        ({"pack": 1_000}, "pack"),
        ({"answer": Answer.label("a")}, "two labels"),
        ({"answer": Answer.number(5, 1)}, "min is greater than max"),
        ({"answer": Answer.regex("(a")}, "regular expression"),
    ],
)
def test_a_job_that_makes_no_sense_says_what(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(JobFileError, match="job 'job'") as caught:
        Job(**{"model": MODEL, "user": "{{ text }}"} | wrong)
    assert told in str(caught.value)


def answered(job: Job[Any]) -> list[Result[Any]]:
    """The results of twenty rows."""
    found = run(job, rows(20), simulator=simulator())
    assert all(result.ok for result in found), found[0]
    return found


def asked(answer: Answer[Any], **more: Any) -> list[Any]:
    """The answers to twenty rows."""
    job = Job(model=MODEL, user="{{ text }}", answer=answer, **more)
    return [result.answer for result in answered(job)]


@pytest.mark.parametrize("pack", [1, 8])
def test_answers_have_the_types_that_were_asked_for(pack: int) -> None:
    assert {type(one) for one in asked(Answer.text(), pack=pack)} == {str}
    assert set(asked(Answer.label("x", "y"), pack=pack)) == {"x", "y"}
    several = asked(Answer.labels("x", "y", "z", least=1, most=2), pack=pack)
    assert {len(one) for one in several} <= {1, 2}
    whole = asked(Answer.number(1, 5, integer=True), pack=pack)
    assert {type(one) for one in whole} == {int}
    assert {type(one) for one in asked(Answer.number(0, 1), pack=pack)} == {float}
    assert {type(one) for one in asked(Answer.json(), pack=pack)} <= {dict, list}


def test_json_is_an_instance_of_what_was_asked_for() -> None:
    assert {type(one) for one in asked(Answer.json(Order))} == {Order}
    assert {type(one) for one in asked(Answer.json(Pair))} == {Pair}
    lists = asked(Answer.json(list[Order]))
    assert {type(one) for each in lists for one in each} == {Order}
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    assert {type(one["n"]) for one in asked(Answer.json(schema))} == {int}


def test_a_regular_expression_is_matched() -> None:
    assert all(one.startswith("S") for one in asked(Answer.regex("S.*")))


def test_vectors_are_lists_of_floats_and_images_files(tmp_path: Path) -> None:
    vectors = answered(Job.embedding(model=MODEL, text="{{ text }}", parameters={"dimensions": 4}))
    assert {len(one.answer) for one in vectors} == {4}
    images = answered(Job.image(model=MODEL, text="{{ text }}", folder=tmp_path / "out"))
    assert {one.answer for one in images} == set((tmp_path / "out").iterdir())


def test_a_row_may_be_the_request_itself() -> None:
    job = Job.parse(f'[job]\nkind = "request"\nmodel = "{MODEL}"')
    body = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}]}
    line = {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": body}
    [result] = run(job, [line], simulator=simulator())
    assert result.answer["choices"][0]["message"]["content"]


def test_a_batch_is_found_again_by_its_name_with_its_types() -> None:
    provider = simulator()

    async def main() -> None:
        async with open_midnight(simulator=provider) as midnight:
            job = Job(name="scores", model=MODEL, user="{{ text }}", answer=Answer.number(0, 1))
            plan = await midnight.plan(job, rows(20))
            assert (plan.rows, plan.calls) == (20, 20)
            assert await midnight.batches() == []
            await midnight.run(await midnight.submit(job, rows(20)))
            batch = await midnight.batch("scores")
            assert [one.id for one in await midnight.batches()] == [batch.id]
            assert {type(one.answer) for one in await midnight.collect(batch)} == {float}
            assert [day.calls for day in await midnight.report(batch)] == [20]
            assert (await midnight.quota())[0].spent == 20

    provider.rehearse(main)


def test_a_batch_is_paused_resumed_cancelled_and_exported(tmp_path: Path) -> None:
    provider = simulator()

    async def main() -> None:
        async with open_midnight(simulator=provider) as midnight:
            batch = await midnight.submit(letters(), rows(5))
            await midnight.pause(batch)
            assert (await midnight.run(batch)).left == 5
            await midnight.cancel(batch)
            assert batch.state == "cancelled"
            assert [result async for result in midnight.results(batch)] == []
            await midnight.resume(batch)
            assert (await midnight.run(batch)).done
            finished = batch.state
            await midnight.cancel(batch)
            assert (await midnight.refresh(batch)).state == finished != "cancelled"
            assert await midnight.export(batch, tmp_path / "out.csv", details=True) == 5

    provider.rehearse(main)
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 6


def test_importing_the_package_loads_nothing_else() -> None:
    told = (
        "import sys, runner; found = {'pydantic', 'anyio', 'httpx'} & set(sys.modules);"
        "assert not found, found; assert 'run' in dir(runner); from runner import *; run, Job"
    )
    subprocess.run([sys.executable, "-c", told], check=True)


def test_a_name_that_is_not_there_is_told() -> None:
    import runner  # the module itself is meant

    with pytest.raises(AttributeError, match="nothing"):
        runner.nothing  # noqa: B018

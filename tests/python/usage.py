"""The types that users see: mypy checks each `assert_type` with the package; nothing is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, assert_type

from pydantic import BaseModel

from runner import Answer, Batch, Job, Result, Results, Simulator, open_midnight, run

MODEL = "Qwen/Qwen3-8B"


class Order(BaseModel):
    item: str


assert_type(Job(model=MODEL, user="{{ a }}"), Job[str])
assert_type(Job(model=[MODEL], user="{{ a }}", answer=Answer.label("a", "b")), Job[str])
assert_type(Job(model=MODEL, user="{{ a }}", answer=Answer.labels("a", "b")), Job[list[str]])
assert_type(Job(model=MODEL, user="{{ a }}", answer=Answer.number(0, 10)), Job[float])
assert_type(Job(model=MODEL, user="{{ a }}", answer=Answer.number(0, 10, integer=True)), Job[int])
assert_type(Job(model=MODEL, user="{{ a }}", answer=Answer.json(Order)), Job[Order])
assert_type(Job(model=MODEL, user="{{ a }}", answer=Answer.json(list[Order])), Job[list[Order]])
assert_type(Job(model=MODEL, user="{{ a }}", answer=Answer.json()), Job[Any])
assert_type(Job(model=MODEL, user="{{ a }}", answer=Answer.json({"type": "object"})), Job[Any])
assert_type(Job.load("job.toml"), Job[Any])
assert_type(Job.embedding(model=MODEL, text="{{ a }}"), Job[list[float]])
assert_type(Job.image(model=MODEL, text="{{ a }}", folder="out"), Job[Path])


async def main() -> None:
    job = Job(model=MODEL, user="{{ a }}", answer=Answer.json(Order))
    async with open_midnight(simulator=Simulator(calls_per_day=10)) as midnight:
        batch = await midnight.submit(job, [{"a": 1}])
        assert_type(batch, Batch[Order])
        async for result in midnight.results(batch):
            assert_type(result, Result[Order])
            assert_type(result.answer, Order | None)
        assert_type(await midnight.run(batch, pace="asap"), Batch[Order])
        assert_type(await midnight.collect(batch), Results[Order])
        assert_type(await midnight.batch("name"), Batch[Any])
    assert_type(run(job, ({"a": n} for n in range(3))), Results[Order])

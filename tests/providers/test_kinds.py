"""Every kind of call, from the endpoint to the simulated provider and back, in virtual time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import anyio
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner import magic, virtual
from runner.core.verdict import Kind
from runner.core.window import Count
from runner.providers.account import Account
from runner.providers.call_result import CallResult
from runner.providers.downloads import Expired, Image, Unfit
from runner.providers.endpoint import Endpoint
from runner.providers.images import TaskDone, TaskFailed, TaskLost, TaskPending, TaskStatus
from runner.providers.presets import preset
from runner.providers.transport import open_transport
from runner.simulator import (
    FAULT_KINDS,
    SimulatedProvider,
    SimulatorConfig,
    SimulatorTransport,
    build_app,
    make_image,
    vector,
)

T = TypeVar("T")
LIMIT = 1_000_000
EMBEDDER, PAINTER = "Qwen/Qwen3-Embedding-8B", "Qwen/Qwen-Image"


@dataclass
class Scene:
    """An endpoint, and the provider at its other end."""

    endpoint: Endpoint
    simulator: SimulatedProvider

    async def embed(self, *inputs: str, **parameters: Any) -> CallResult:
        return await self.endpoint.embed(EMBEDDER, inputs, parameters, 30, 0)

    async def generate_image(self, prompt: str = "a cat", **parameters: Any) -> CallResult:
        return await self.endpoint.generate_image(PAINTER, prompt, parameters, 30, 0)

    async def wait(self, task_id: str) -> TaskStatus:
        """Poll every 4 s, as a runner would, until there is something else to tell."""
        while isinstance(  # noqa: ASYNC110 - nobody but the provider knows
            found := await self.endpoint.task(task_id, 10), TaskPending
        ):
            await anyio.sleep(4)
        return found


def play(main: Callable[[Scene], Awaitable[T]], images: str = "tasks", **settings: Any) -> T:
    async def stage() -> T:
        clock = virtual.VirtualClock(1_795_000_000_000)
        simulator = SimulatedProvider(SimulatorConfig(**settings), clock.now)
        found = replace(preset("modelscope"), images=images)
        account = Account("mine", found, "http://modelscope.test/v1", ())
        async with open_transport(SimulatorTransport(build_app(simulator))) as transport:
            return await main(Scene(Endpoint(account, "ms-mine", transport), simulator))

    return virtual.run(stage)


async def a_painting(scene: Scene) -> tuple[TaskStatus, Any]:
    """A task to its end, and what is at the first URL of it, if it has one."""
    heard = await scene.generate_image()
    assert heard.reply is not None
    task = await scene.wait(heard.reply.task_id)
    image = (
        await scene.endpoint.fetch(task.urls[0], LIMIT, 10) if isinstance(task, TaskDone) else None
    )
    return task, image


def test_vectors_come_back_for_every_input() -> None:
    async def main(scene: Scene) -> list[CallResult]:
        return [
            await scene.embed("one", "two", encoding_format=encoding, dimensions=5)
            for encoding in ("float", "base64")
        ]

    for heard in play(main):
        assert heard.verdict.kind is Kind.DONE
        assert heard.reply is not None
        vectors = [orjson.loads(text or "") for text in heard.reply.vectors]
        assert vectors == [vector("one", 5), vector("two", 5)]
        assert heard.tokens == 2
        assert heard.counts["calls_per_day"] in {Count(2000, 1999), Count(2000, 1998)}


def test_a_bad_answer_leaves_one_place_empty() -> None:
    async def main(scene: Scene) -> CallResult:
        return await scene.embed("one", "two")

    heard = play(main, faults={"bad_answer": 1.0})
    assert heard.verdict.kind is Kind.DONE
    assert heard.reply is not None
    assert [text is None for text in heard.reply.vectors] == [False, True]


VERDICTS = {"throttle": Kind.THROTTLED, "bad_answer": Kind.DONE}


@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_a_fault_means_the_same_whatever_was_asked(kind: str) -> None:
    async def main(scene: Scene) -> list[CallResult]:
        return [await scene.embed("one"), await scene.generate_image()]

    for heard in play(main, faults={kind: 1.0}):
        assert heard.verdict.kind is VERDICTS.get(kind, Kind.TRANSIENT)


def test_a_spent_day_is_heard_of_whatever_was_asked() -> None:
    async def main(scene: Scene) -> list[CallResult]:
        return [await scene.embed("one"), await scene.generate_image()]

    for heard in play(main, calls_per_day=0):
        assert (heard.verdict.kind, heard.verdict.quota) == (Kind.SPENT, "calls_per_day")


def test_an_image_is_asked_for_waited_for_and_fetched() -> None:
    async def main(scene: Scene) -> Any:
        task, image = await a_painting(scene)
        return task, image, scene.simulator.stats()

    task, image, stats = play(main)
    assert isinstance(task, TaskDone)
    assert image == Image(make_image("a cat"), "image/png")
    assert (stats.calls, stats.images) == (1, 1), "looking costs nothing"


def test_a_task_outlives_whoever_asked_for_it() -> None:
    async def main(scene: Scene) -> Any:
        heard = await scene.generate_image()
        assert heard.reply is not None
        await anyio.sleep(30 * 24 * 3600)
        return await scene.endpoint.task(heard.reply.task_id, 10), scene.simulator.stats().images

    task, images = play(main)
    assert isinstance(task, TaskDone)
    assert images == 1


@pytest.mark.parametrize("parameters", [{}, {"response_format": "b64_json"}])
def test_images_that_come_at_once_are_fetched_likewise(parameters: Any) -> None:
    async def main(scene: Scene) -> Any:
        heard = await scene.generate_image(n=2, **parameters)
        assert heard.reply is not None
        return [await scene.endpoint.fetch(url, LIMIT, 10) for url in heard.reply.images]

    images = play(main, "direct")
    assert images == [Image(make_image("a cat", number), "image/png") for number in (0, 1)]


@pytest.mark.parametrize(("kind", "end"), [("task_failed", TaskFailed), ("task_lost", TaskLost)])
def test_a_task_that_comes_to_nothing_says_so(kind: str, end: type) -> None:
    task, _ = play(a_painting, faults={kind: 1.0})
    assert isinstance(task, end)


@pytest.mark.parametrize("kind", ["image_garbage", "image_html", "image_too_large", "bad_answer"])
def test_what_is_no_image_is_not_taken_for_one(kind: str) -> None:
    _, image = play(a_painting, faults={kind: 1.0})
    assert isinstance(image, Unfit)


def test_a_stale_url_is_told_and_the_task_names_a_fresh_one() -> None:
    async def main(scene: Scene) -> Any:
        heard = await scene.generate_image()
        assert heard.reply is not None
        found = []
        for _ in range(2):
            task = await scene.wait(heard.reply.task_id)
            assert isinstance(task, TaskDone)
            found.append(await scene.endpoint.fetch(task.urls[0], LIMIT, 10))
        return found

    first, second = play(main, faults={"url_expired": 1.0})
    assert isinstance(first, Expired)
    assert second == Image(make_image("a cat"), "image/png")


@given(st.text(min_size=1, max_size=20), st.integers(0, 9))
@settings(max_examples=25)
def test_every_prompt_and_input_gets_its_own_image_and_vector(text: str, seed: int) -> None:
    async def main(scene: Scene) -> Any:
        embedded, painted = await scene.embed(text), await scene.generate_image(text)
        assert embedded.reply is not None
        assert painted.reply is not None
        return embedded.reply.vectors[0], await scene.endpoint.fetch(
            painted.reply.images[0], LIMIT, 10
        )

    numbers, image = play(main, "direct", seed=seed)
    assert orjson.loads(numbers) == vector(text)
    assert image == Image(make_image(text), "image/png")
    assert magic.image_type(image.data) == "image/png"

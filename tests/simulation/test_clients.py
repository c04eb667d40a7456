"""Requests of clients, through the real engine, the store and the HTTP client."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import Any

import anyio
import orjson
import pytest

from runner.core.admission import Permit
from runner.core.demand import Rules
from runner.core.gate import ParkReason
from runner.core.pacing import Pace
from runner.core.verdict import Kind
from runner.engine import trouble
from runner.engine.client_call import (
    Answered,
    ClientOutcome,
    ClientQuestion,
    NotAdmitted,
    Streaming,
)
from runner.engine.client_queue import PATIENCE_MS, UNAVAILABLE
from runner.engine.engine import Engine
from runner.engine.run import RunOptions
from tests.support.world import MODEL, UTC8, World, ms, simulate

ASAP = RunOptions(rules=Rules(Pace.ASAP))
CHAT = "/v1/chat/completions"


def question(text: str = "hi", **more: Any) -> ClientQuestion:
    body = {"messages": [{"role": "user", "content": text}]}
    return ClientQuestion(
        **({"client": "ada", "models": (MODEL,), "url": CHAT, "body": body} | more)
    )


async def ask(engine: Engine, text: str = "hi", **more: Any) -> ClientOutcome:
    return await engine.ask(question(text, **more)).outcome()


async def calls(world: World) -> list[tuple[Any, ...]]:
    """The ledger: by call, its client, its batch, its state."""
    from sqlalchemy import text

    query = "SELECT client, batch_id, state FROM calls ORDER BY id"
    async with world.database.read() as connection:
        return [tuple(row) for row in await connection.execute(text(query))]


def test_a_client_is_answered_and_its_call_is_in_the_ledger_under_its_name(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        async with world.engine() as engine:
            answer = await ask(engine)
            assert isinstance(answer, Answered)
            assert orjson.loads(answer.result.body)["choices"][0]["message"]["content"]
            assert answer.route == ("mine", MODEL)
        assert await calls(world) == [("ada", None, "done")]
        assert await world.defects() == []

    simulate(tmp_path, story)


def test_nothing_of_a_request_is_kept_in_memory_once_it_is_settled(tmp_path: Path) -> None:
    """Every request that comes alone is a demand of its own, so keys must not pile up."""

    async def story(world: World) -> None:
        async with world.engine() as engine:
            for number in range(5):
                await ask(engine, f"hi {number}")
                await anyio.sleep(1)
            assert (engine._calls._under_way, engine._clients._groups) == ({}, {})
            assert len(engine._memory.shares) <= 1

    simulate(tmp_path, story)


def test_a_client_is_told_within_its_patience_that_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(world: World) -> None:
        async with world.engine() as engine:
            assert isinstance(await ask(engine), Answered)
            monkeypatch.setattr(trouble, "DISK_FLOOR", 1 << 62)
            begun = anyio.current_time()
            refused = await ask(engine)
            assert refused == NotAdmitted(None, UNAVAILABLE)
            assert anyio.current_time() - begun == pytest.approx(PATIENCE_MS / 1000, abs=0.1)

    simulate(tmp_path, story)


def test_clients_go_before_the_night_batch_and_have_the_reserve(tmp_path: Path) -> None:
    """The batch takes 150 of 200 calls, and not one of the 50 that are left for clients."""

    async def story(world: World) -> None:
        batch = await world.queue(300)
        async with world.engine() as engine, anyio.create_task_group() as tasks:
            tasks.start_soon(engine.run, world.wanted(ASAP))
            answers = [await ask(engine, f"hi {number}") for number in range(50)]
            assert all(isinstance(one, Answered) for one in answers)
            await anyio.sleep(3600)
            made = await calls(world)
            assert len([one for one in made if one[0] == "ada"]) == 50
            assert len([one for one in made if one[1] == batch.id]) == 150
            assert {one[2] for one in made} == {"done"}, "the provider has refused none"
            spent = await ask(engine)
            assert isinstance(spent, NotAdmitted)
            tasks.cancel_scope.cancel()
        assert world.simulator.stats().refused == 0

    simulate(tmp_path, story, reserve=50, limits={"calls_per_day": 200})


@pytest.mark.parametrize(
    ("pace", "a_day"),
    [
        pytest.param(Pace.AUTO, 400, marks=pytest.mark.slow),
        pytest.param(Pace.AUTO, 2_000, marks=pytest.mark.nightly),
        pytest.param(Pace.ASAP, 2_000, marks=pytest.mark.nightly),
    ],
)
def test_chat_and_a_night_batch_share_the_calls_of_a_day(
    tmp_path: Path, pace: Pace, a_day: int
) -> None:
    """Chat is never refused while its reserve lasts, the batch takes the rest, nobody is refused.

    On the second day chat asks for more than its reserve: what it takes before the batch has
    taken all is the batch's loss, and what comes after that is told no, by us.
    """
    random, options = Random(1), RunOptions(rules=Rules(pace))
    reserve = a_day // 10

    async def day(world: World, engine: Engine, asks: int) -> list[ClientOutcome]:
        date, found = world.local().date(), []
        for number in range(asks):
            await anyio.sleep(random.uniform(0, 2 * 80_000 / asks))
            if world.local().date() == date:
                found.append(await ask(engine, f"{date} {number}"))
        midnight = datetime.combine(date + timedelta(days=1), time(0, 0, 30), UTC8)
        await anyio.sleep(max(0, ms(midnight) - world.clock.now()) / 1000)
        return found

    async def story(world: World) -> None:
        batch = await world.queue(a_day * 5 // 2)
        async with world.engine() as engine, anyio.create_task_group() as tasks:
            tasks.start_soon(engine.run, world.wanted(options))
            first = await day(world, engine, reserve)
            assert all(isinstance(one, Answered) for one in first)
            second = await day(world, engine, 2 * reserve)
            assert [isinstance(one, Answered) for one in second[:reserve]] == [True] * reserve
            by_day = [one.calls for one in await world.days()]
            made = [one for one in await calls(world) if one[2] != "reserved"]
            tasks.cancel_scope.cancel()
        answered = sum(isinstance(one, Answered) for one in second)
        assert by_day[:2] == [a_day, a_day], "nothing of a day is left over"
        assert {one[2] for one in made} == {"done"}
        assert len([one for one in made if one[0] == "ada"]) == reserve + answered
        assert len([one for one in made if one[1] == batch.id]) >= 2 * a_day - reserve - answered
        assert world.simulator.stats().refused == 0

    limits = {"calls_per_day": a_day}
    simulate(tmp_path, story, reserve=reserve, limits=limits, calls_per_day=a_day)


def test_a_spent_day_is_told_at_once_with_the_moment_it_comes_back(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        async with world.engine() as engine:
            for _ in range(3):
                assert isinstance(await ask(engine), Answered)
            before = world.clock.now()
            refused = await ask(engine)
            assert isinstance(refused, NotAdmitted)
            assert refused.waiting is not None
            assert refused.waiting.cause is ParkReason.SPENT
            assert refused.waiting.window is not None
            assert refused.waiting.until is not None
            assert refused.waiting.until >= refused.waiting.window.resets_at
            assert world.clock.now() - before < 1_000
        assert world.simulator.stats().refused == 0

    simulate(tmp_path, story, calls_per_day=3)


def test_a_client_that_asks_for_it_waits_for_the_next_day(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        async with world.engine() as engine:
            for _ in range(3):
                await ask(engine)
            day = world.local().date()
            answer = await ask(engine, wait_ms=30 * 3_600_000)
            assert isinstance(answer, Answered)
            assert world.local().date() == day + timedelta(days=1)

    simulate(tmp_path, story, calls_per_day=3)


def test_another_account_answers_when_the_first_is_spent(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        async with world.engine(accounts=("mine", "yours")) as engine:
            found = [await ask(engine) for _ in range(6)]
            routes = [one.route[0] for one in found if isinstance(one, Answered)]
            assert routes == ["mine"] * 3 + ["yours"] * 3

    simulate(tmp_path, story, calls_per_day=3)


def test_a_refusal_is_made_good_by_another_call_and_its_client_sees_none(tmp_path: Path) -> None:
    """A provider that throttles a third of all calls."""

    async def story(world: World) -> None:
        async with world.engine() as engine:
            found = [await ask(engine, f"hi {number}") for number in range(30)]
            assert all(isinstance(one, Answered) for one in found)
            kinds = {one.result.verdict.kind for one in found if isinstance(one, Answered)}
            assert kinds == {Kind.DONE}
        assert len([one for one in await calls(world) if one[2] == "throttled"]) > 3

    simulate(tmp_path, story, faults={"throttle": 0.3})


def test_a_model_that_nobody_serves_is_refused_at_once(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        async with world.engine(models={"mine": {"chat": MODEL}}) as engine:
            refused = await ask(engine, models=("other",))
            assert refused == NotAdmitted(None)
            assert isinstance(await ask(engine, models=("other", "chat")), Answered)

    simulate(tmp_path, story)


def test_a_stream_is_handed_over_and_its_tokens_are_counted(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        async with world.engine() as engine:
            found = await ask(engine, stream=True)
            assert isinstance(found, Streaming)
            async with found.pieces as pieces:
                events = b"".join([piece async for piece in pieces])
            assert found.broken_off() == ""
            assert events.endswith(b"data: [DONE]\n\n")
            assert b'null,"tool_calls"' not in events
            assert b'"usage":{' not in events, "the client has not asked for it"
        async with world.database.read() as connection:
            from sqlalchemy import text

            query = text("SELECT state, prompt_tokens, completion_tokens FROM calls")
            [(state, prompt, completion)] = await connection.execute(query)
        assert (state, prompt > 0, completion > 0) == ("done", True, True)

    simulate(tmp_path, story)


def test_a_client_that_leaves_before_its_call_costs_nothing(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        async with world.engine() as engine:
            request = engine.ask(question())
            request.leave()
            await anyio.sleep(1)
            assert isinstance(await ask(engine), Answered)
        assert [state for _, _, state in await calls(world)] == ["done"]

    simulate(tmp_path, story)


def test_a_client_that_leaves_during_its_call_has_spent_it(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        async with world.engine() as engine:
            request = engine.ask(question())
            await anyio.sleep(0.2)
            request.leave()
            await anyio.sleep(1)
            [window] = [w for w in (await engine_windows(world)) if w == 1]
            assert window == 1
        assert [state for _, _, state in await calls(world)] == ["transient"]

    simulate(tmp_path, story, latency_ms=(500, 500))


async def engine_windows(world: World) -> list[int]:
    """What is spent in the account's windows."""
    from sqlalchemy import text

    async with world.database.read() as connection:
        query = text("SELECT spent FROM windows WHERE model = ''")
        return [row.spent for row in await connection.execute(query)]


def test_an_engine_that_has_ended_refuses(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        async with world.engine() as engine:
            await ask(engine)
        assert await ask(engine) == NotAdmitted(None, "the server is stopping")

    simulate(tmp_path, story)


def test_a_request_that_was_admitted_while_the_engine_stops_is_not_sent(tmp_path: Path) -> None:
    """Its client was told no already; its call is in the ledger, and costs nothing."""

    async def story(world: World) -> None:
        async with world.engine() as engine:
            await ask(engine)
            request = engine.ask(question())
            [demand] = engine._clients.demands(engine._accounts.accounts)
            engine._clients.close()
            permit = Permit(demand.key, ("mine", MODEL), {})
            [call] = engine._clients.calls([permit], 9)
            engine._clients.started([call])
            assert await request.outcome() == NotAdmitted(None, "the server is stopping")
            endpoint = engine._accounts.endpoints["mine"]
            ended = await call.make(endpoint, world.clock.now, watched=False)
            assert ended.result.verdict.kind is Kind.LOCAL
        assert world.simulator.stats().calls == 1

    simulate(tmp_path, story)

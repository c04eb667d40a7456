"""A settlement that cannot be stored: set aside whole, told, and paid for once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runner.core.demand import Rules
from runner.core.pacing import Pace
from runner.core.stop_reason import StopReason
from runner.core.verdict import Kind
from runner.engine.run import RunOptions
from runner.providers.call_result import CallResult
from runner.providers.endpoint import Endpoint
from runner.store import set_aside
from tests.store.promises import broken_promises
from tests.store.releases import rows
from tests.support.statements import watched
from tests.support.world import World, simulate

ASAP = RunOptions(rules=Rules(Pace.ASAP))
ROWS = 40

# What no database can store, in a reply: as what it is read from cannot say it, it is put there.
UNSTORABLE: dict[str, dict[str, Any]] = {
    "a token count of 64 bits": {"prompt_tokens": 2**63},
    "half of a surrogate pair": {"content": "it may be \ud800 or not"},
}


def poison(monkeypatch: pytest.MonkeyPatch, bad: Mapping[str, Any], rows: Sequence[int]) -> None:
    """Let the replies about these rows say what cannot be stored."""
    ask = Endpoint.chat

    async def chat(endpoint: Endpoint, model: str, messages: Any, *rest: Any) -> CallResult:
        result = await ask(endpoint, model, messages, *rest)
        asked = messages[-1]["content"]
        if result.reply is None or not any(asked.endswith(f"letters {row}?") for row in rows):
            return result
        return replace(result, reply=replace(result.reply, **bad))

    monkeypatch.setattr(Endpoint, "chat", chat)


@pytest.mark.parametrize("bad", UNSTORABLE.values(), ids=UNSTORABLE)
@pytest.mark.parametrize("poisoned", [[7], [0], [3, 4, 30], list(range(ROWS))])
def test_what_cannot_be_stored_is_set_aside_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: Mapping[str, Any], poisoned: list[int]
) -> None:
    poison(monkeypatch, bad, poisoned)

    async def story(world: World) -> None:
        batch = await world.queue(ROWS)
        for _ in range(2):  # the second run finds nothing to do
            assert await world.run(ASAP) is StopReason.DONE
        assert world.simulator.stats().calls == ROWS, "nothing is paid for again"
        counts = (await world.batch(batch)).counts
        assert (counts.succeeded, counts.failed) == (ROWS - len(poisoned), len(poisoned))
        found = [row for row in await world.rows(batch) if row.state == "failed"]
        assert [row.job_id - batch.first_job for row in found] == poisoned
        assert {row.error for row in found} == {"its reply could not be stored: it is set aside"}
        await all_is_kept(world, bad, len(poisoned))

    simulate(tmp_path, story)
    path = tmp_path / "queue.db"
    assert broken_promises(path) == []
    assert rows(path, "SELECT state, count(*) FROM calls GROUP BY state") == [("done", ROWS)]
    assert rows(path, "SELECT spent FROM windows WHERE quota = 'calls_per_day'") == [(ROWS,)]


async def all_is_kept(world: World, bad: Mapping[str, Any], number: int) -> None:
    async with world.database.read() as connection:
        kept = await set_aside.read(connection)
    assert len(kept) == number
    for one in kept:
        assert one.settlement.items() >= {**bad, "verdict": Kind.DONE.value}.items()
        assert one.error
        assert one.error.isascii()


def test_no_turn_takes_more_statements_because_it_is_about_more_calls(tmp_path: Path) -> None:
    few, most_of_few = statements(tmp_path / "few", 8)
    many, most_of_many = statements(tmp_path / "many", 2_000)
    assert (few <= 4, many >= 200) == (True, True), "calls that start in one turn"
    assert most_of_many == most_of_few


@pytest.mark.parametrize("size", [1, 20])
def test_no_turn_takes_more_statements_because_more_batches_are_open(
    tmp_path: Path, size: int
) -> None:
    _, most_of_few = statements(tmp_path / "few", size, batches=15)
    _, most_of_many = statements(tmp_path / "many", size, batches=60)
    assert most_of_many == most_of_few


def statements(folder: Path, number: int, *, batches: int = 1) -> tuple[int, int]:
    """Drain so many rows; the most calls that started in a turn, and the most statements of one.

    Each call takes as long as any other, so those that start together end together.
    """
    turns: Counter[int] = Counter()

    async def story(world: World) -> None:
        def note(_statement: str, _values: object) -> None:
            turns[world.database._writes] += 1

        for each in range(batches):
            await world.queue(number, name=f"letters {each}", reuse_answers=True)
        with watched(world.database._writer.sync_engine, note):
            run = world.run(ASAP, provider="openai-compatible", max_concurrency=256)
            assert await run is StopReason.DONE

    folder.mkdir()
    simulate(folder, story, latency_ms=(500, 500), calls_per_day=None)
    together = "SELECT count(*) FROM calls GROUP BY reserved_at_ms ORDER BY 1 DESC LIMIT 1"
    return rows(folder / "queue.db", together)[0][0], max(turns.values())

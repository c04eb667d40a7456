"""What a user of the library is told before a dataset is queued, as the command line tells it."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from support.library import letters, simulator

from runner import Job, RunnerWarning, open_midnight, run
from runner.api.rows import Rows

PLAIN = [{"text": "a"}]


def warned(rows: Rows, job: Job[str] | None = None) -> str:
    """What is said of rows when they are submitted; it names the user's file."""

    async def main() -> None:
        async with open_midnight(simulator=provider) as midnight:
            await midnight.submit(job or letters(), rows)

    provider = simulator()
    with pytest.warns(RunnerWarning) as caught:
        provider.rehearse(main)
    assert {one.filename for one in caught} == {__file__}
    return "\n".join(str(one.message) for one in caught)


def test_renamed_columns_are_told() -> None:
    said = warned([{"text": "a", "state": "old"}])
    assert "the dataset has columns named like ours" in said


def test_a_placeholder_that_is_sent_as_it_stands_is_told() -> None:
    job = Job(model="m", user="{{ text }} and {other}")
    assert "{other}" in warned([{"text": "a", "other": "b"}], job)


def test_an_estimate_tells_the_same() -> None:
    async def main() -> None:
        async with open_midnight(simulator=provider) as midnight:
            await midnight.plan(letters(), [{"text": "a", "state": "old"}])

    provider = simulator()
    with pytest.warns(RunnerWarning, match="columns named like ours") as caught:
        provider.rehearse(main)
    assert caught[0].filename == __file__


def test_a_warning_that_is_an_error_queues_nothing() -> None:
    async def main() -> None:
        async with open_midnight(simulator=provider) as midnight:
            with pytest.raises(RunnerWarning):
                await midnight.submit(letters(), [{"text": "a", "state": "old"}])
            assert await midnight.batches() == []

    provider = simulator()
    provider.rehearse(main)


def test_a_whole_batch_tells_it_too() -> None:
    with pytest.warns(RunnerWarning, match="columns named like ours"):
        run(letters(), [{"text": "a", "state": "old"}], simulator=simulator())


def test_what_a_provider_does_with_what_is_sent_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_TOKEN", "x")
    config = tmp_path / "midnight.toml"
    config.write_text('[accounts.mine]\nprovider = "modelscope"\ntoken = "env:SOME_TOKEN"\n')

    async def main() -> None:
        async with open_midnight(db=tmp_path / "queue.db", config=config) as midnight:
            await midnight.submit(letters(), PLAIN)

    with pytest.warns(RunnerWarning, match="what you send for training"):
        anyio.run(main)

"""Runners killed at any moment: nothing is lost, nothing is there twice, every call is counted."""

import os
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from random import Random
from threading import Timer
from typing import Self

import anyio

from runner.store import liveness
from runner.store.opening import open_database
from tests.faults import killed_runner
from tests.store.kit import rescue_dead, submit
from tests.store.promises import broken_promises
from tests.store.releases import rows

KILLS = int(os.environ.get("KILLS", "5"))
PATIENCE_S = 60  # a runner that hangs fails the test
ROOT = Path(killed_runner.__file__).parents[2]


class Child:
    """A runner in a process of its own, waiting for the word to begin."""

    def __init__(self, path: Path) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, killed_runner.__file__, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            text=True,
        )
        self.patience = Timer(PATIENCE_S, self.process.kill)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.patience.cancel()
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            pipe.close()

    def begin(self) -> None:
        self.patience.start()
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def kill_behind(self, number: int) -> None:
        """SIGKILL it once it has said `number` things, in the midst of whatever it does then."""
        self.lines += [self.process.stdout.readline() for _ in range(number)]
        self.process.kill()
        self.lines += self.process.stdout.readlines()
        self.process.wait()

    def finish(self) -> None:
        self.lines += self.process.stdout.readlines()
        assert self.process.wait() == 0

    def told(self, word: str) -> list[int]:
        said = [line.split() for line in self.lines if line.endswith("\n") and line.strip()]
        return [int(number) for first, number in said if first == word]


async def load(path: Path, jobs: int) -> None:
    async with open_database(path) as database, database.write() as connection:
        await submit(connection, jobs)


async def rescue(path: Path) -> None:
    async with open_database(path) as database:
        await rescue_dead(database)
        assert await liveness.alive(database) == []


def test_a_chain_of_killed_runners_loses_nothing(path: Path) -> None:
    """Each is rescued at once, by whoever comes next."""
    anyio.run(load, path, 60 * KILLS)
    chance = Random(20_261_124)
    with ExitStack() as stack:
        children = [stack.enter_context(Child(path)) for _ in range(KILLS + 1)]
        for child in children[:-1]:
            child.begin()
            child.kill_behind(chance.randint(0, 100))
            assert broken_promises(path) == []
            anyio.run(rescue, path)
            running = "SELECT count(*) FROM jobs WHERE state = 'running'"
            assert rows(path, running) == [(0,)]
            assert broken_promises(path) == []
        children[-1].begin()
        children[-1].finish()
        _everything_is_accounted_for(path, children)


def test_runners_killed_beside_a_living_one_are_rescued_by_it(path: Path) -> None:
    anyio.run(load, path, 1_200)
    chance = Random(7)
    with ExitStack() as stack:
        children = [stack.enter_context(Child(path)) for _ in range(5)]
        children[-1].begin()
        for child in children[:-1]:
            child.begin()
            child.kill_behind(chance.randint(5, 40))
        children[-1].finish()
        _everything_is_accounted_for(path, children)


def _everything_is_accounted_for(path: Path, children: list[Child]) -> None:
    sent = [call for child in children for call in child.told("sent")]
    answered = {job for child in children for job in child.told("answered")}
    calls = dict(rows(path, "SELECT id, state FROM calls"))
    results = dict(rows(path, "SELECT job_id, answer FROM results"))
    states = Counter(calls.values())
    assert broken_promises(path) == []
    assert sorted(results) == [job for (job,) in rows(path, "SELECT id FROM jobs ORDER BY id")]
    assert answered <= {job for job, answer in results.items() if answer is not None}
    assert len(set(sent)) == len(sent)
    assert set(sent) <= set(calls)
    assert states["reserved"] == 0
    assert states["unseen"] > 0
    charged = states["done"] + states["unseen"] + states["transient"]
    spent = "SELECT spent, reserved FROM windows"
    assert rows(path, spent) == [(charged, 0)] * 2
    assert rows(path, "SELECT count(*) FROM runners WHERE ended_at_ms IS NULL") == [(0,)]
    assert list(Path(f"{path}-runners").iterdir()) == []

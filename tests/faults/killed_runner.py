"""A runner to be killed: it starts and settles calls in transactions until nothing is left.

Its standard output is the provider's memory: a line for every call that was sent, written behind
the commit of its reservation, and one for every job whose end was acknowledged.
"""

import os
import sys
from dataclasses import replace
from pathlib import Path
from random import Random

import anyio

from runner.core.quota import Refused
from runner.core.retry import Succeed
from runner.core.settlement import Call, Settlement
from runner.core.verdict import Scope
from runner.core.window import Quota
from runner.store import batches, runners
from runner.store.database import Database
from runner.store.opening import open_database
from tests.store.kit import (
    DAILY,
    NOON,
    asked_again,
    done,
    failed,
    faulted,
    promote,
    rescue_dead,
    settle,
    throttled,
    try_start,
)

QUOTAS = (Quota("a day", Scope.ACCOUNT, None, DAILY), Quota("model", Scope.MODEL, None, DAILY))

ANSWERED = 0.8  # the share of calls


def tell(word: str, number: int) -> None:
    os.write(1, f"{word} {number}\n".encode())


def end_of(call: Call, random: Random) -> Settlement:
    """Mostly answers, and now and then anything else that shuts no gate."""
    ends = (failed, asked_again, lambda one: faulted(one, NOON), refused)
    return done(call) if random.random() < ANSWERED else random.choice(ends)(call)


def refused(call: Call) -> Settlement:
    """A refusal that concerns this one job."""
    settlement = throttled(call)
    verdict = replace(settlement.outcome.verdict, scope=None)
    return replace(settlement, outcome=replace(settlement.outcome, verdict=verdict))


class Victim:
    """One runner."""

    def __init__(self, database: Database, runner_id: int) -> None:
        self.database = database
        self.runner_id = runner_id
        self.random = Random(runner_id)

    async def run(self) -> None:
        while await self.turn():
            pass

    async def turn(self) -> bool:
        """Rescue, claim a block, settle each call of it on its own; False when all is done."""
        await rescue_dead(self.database, self.runner_id)
        async with self.database.write() as connection:
            await promote(connection, NOON)
            batch = await batches.get_batch(connection, 1)
            assert batch is not None
            count = self.random.randint(1, 16)
            started = await try_start(connection, batch, count, self.runner_id, quotas=QUOTAS)
        if isinstance(started, Refused):  # another runner's probe
            await anyio.sleep(0.001)
            return True
        async with anyio.create_task_group() as calls:
            for one in started:
                calls.start_soon(self.call, one)
        async with self.database.read() as connection:
            batch = await batches.get_batch(connection, 1)
        assert batch is not None
        return not batch.done

    async def call(self, one: Call) -> None:
        settlement = end_of(one, self.random)
        tell("sent", one.id)
        await anyio.sleep(self.random.random() / 200)
        async with self.database.write() as connection:
            await settle(connection, settlement, runner_id=self.runner_id)
        if isinstance(settlement.jobs[0].action, Succeed):
            tell("answered", one.jobs[0].job_id)


async def main(path: Path) -> None:
    async with (
        open_database(path) as database,
        runners.registered(database, lambda: NOON) as runner_id,
    ):
        await Victim(database, runner_id).run()


if __name__ == "__main__":
    sys.stdin.readline()
    anyio.run(main, Path(sys.argv[1]))

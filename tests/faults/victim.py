"""A runner to be killed: starts and settles calls through the real writer until nothing is left.

Its standard output is the provider's memory: a line for every call that was sent, written behind
the commit of its reservation, and one for every job whose end was acknowledged.
"""

import os
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random

import anyio
from runner.engine.writer import Writer
from runner.store.dispatch import Ended, Order, Started
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.quota import Refused
from runner.core.verdict import Scope
from runner.core.window import Quota
from runner.store import batches, dispatch, queue, runners
from runner.store.database import Database
from runner.store.opening import open_database
from tests.store.kit import (
    ACCOUNT,
    DAILY,
    NOON,
    asked_again,
    done,
    failed,
    faulted,
    throttled,
)

QUOTAS = (Quota("a day", Scope.ACCOUNT, None, DAILY), Quota("model", Scope.MODEL, None, DAILY))

ANSWERED = 0.8  # the share of calls


def tell(word: str, number: int) -> None:
    os.write(1, f"{word} {number}\n".encode())


def end_of(one: Started, chance: Random) -> Ended:
    """Mostly answers, and now and then anything else that shuts no gate."""
    ends = (failed, asked_again, lambda one: faulted(one, NOON), refused)
    return done(one) if chance.random() < ANSWERED else chance.choice(ends)(one)


def refused(one: Started) -> Ended:
    """A refusal that concerns this one job."""
    ended = throttled(one)
    verdict = replace(ended.outcome.verdict, scope=None)
    return replace(ended, outcome=replace(ended.outcome, verdict=verdict))


class Victim:
    """One runner."""

    def __init__(self, database: Database, runner_id: int) -> None:
        self.database = database
        self.runner_id = runner_id
        self.writer = Writer(database)
        self.chance = Random(runner_id)

    async def run(self) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.writer.run)
            while await self.turn():
                pass
            tasks.cancel_scope.cancel()

    async def turn(self) -> bool:
        """Rescue, claim a block, settle each call of it on its own; False when all is done."""
        await runners.rescue_dead(self.database, self.runner_id, NOON)
        await self.writer.do(partial(queue.promote, now=NOON))
        started = await self.writer.do(self.start)
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

    async def start(self, connection: AsyncConnection) -> list[Started] | Refused:
        batch = await batches.get_batch(connection, 1)
        assert batch is not None
        order = Order(
            batch, ACCOUNT, batch.models[0], QUOTAS, self.chance.randint(1, 16), self.runner_id
        )
        return await dispatch.start(connection, order, NOON, reset_jitter_ms=0)

    async def call(self, one: Started) -> None:
        ended = end_of(one, self.chance)
        tell("sent", one.call_id)
        await anyio.sleep(self.chance.random() / 200)
        await self.writer.do(partial(dispatch.finish, ended=ended, now=NOON))
        if hasattr(ended.ends[0].step, "answer"):
            tell("answered", one.jobs[0].job_id)


async def main(path: Path) -> None:
    async with (
        open_database(path) as database,
        runners.registered(database, NOON) as runner_id,
    ):
        await Victim(database, runner_id).run()


if __name__ == "__main__":
    sys.stdin.readline()
    anyio.run(main, Path(sys.argv[1]))

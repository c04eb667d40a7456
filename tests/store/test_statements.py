"""The cost of a turn is the number of its statements, which does not grow with what it stores."""

from collections.abc import Awaitable, Callable, Sequence

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.packing import Packing
from runner.core.retry import Accept, Fail, Reask, Release, RetryAt, SplitPack, Succeed
from runner.core.settlement import Call, Settlement
from runner.store import image_tasks, retries, reuse
from runner.store.batches import Batch
from runner.store.counts import Changes
from runner.store.database import Database
from runner.store.rescue import rescue
from tests.store.kit import (
    ACCOUNT,
    NOON,
    OURS,
    Store,
    done,
    each,
    failed,
    open_gates,
    promote,
    reread,
    settle,
    start,
    submit,
)

MANY = 200
ACTIONS = (
    Succeed("yes"),
    Fail("never"),
    RetryAt(NOON + 1),
    Reask("no label"),
    SplitPack("missing"),
    Release(),
    Accept("task"),
)

Turn = Callable[[AsyncConnection, Batch, list[Call]], Awaitable[object]]


def mixed(calls: Sequence[Call]) -> list[Settlement]:
    """All that can happen to a job, in each call."""
    return [each(call, *ACTIONS) for call in calls]


async def fail_and_retry(connection: AsyncConnection, batch: Batch, calls: list[Call]) -> None:
    await settle(connection, *map(failed, calls))
    await retries.retry_failed(connection, batch)


async def settle_and_promote(connection: AsyncConnection, _b: Batch, calls: list[Call]) -> None:
    await settle(connection, *mixed(calls))
    await promote(connection, NOON + 1)


async def lease(connection: AsyncConnection, _batch: Batch, calls: list[Call]) -> None:
    await settle(connection, *mixed(calls))
    most, later = len(calls), NOON + 10**6
    found = await image_tasks.lease_due(connection, [ACCOUNT], OURS, most, later)
    assert len(found) == most


async def submit_again(connection: AsyncConnection, batch: Batch, calls: list[Call]) -> None:
    """As many rows as there were calls, half of which were asked before."""
    del batch
    await settle(connection, *map(done, calls))
    asks = [str(number // 2) for number in range(2 * len(calls))]
    await submit(connection, asks=asks, digest="again", reuse_answers=True)


async def share_answers(connection: AsyncConnection, batch: Batch, calls: list[Call]) -> None:
    """Another batch asks the same, each of it twice."""
    del batch
    numbers = [job.job_id - 1 for call in calls for job in call.jobs]
    asks = [str(number) for number in (*numbers, *numbers)]
    other = await submit(connection, asks=asks, digest="other", reuse_answers=True)
    await settle(connection, *map(done, calls))
    changes, answered = Changes(), [job.job_id for call in calls for job in call.jobs]
    ended = await reuse.share_answers(connection, answered, [other.id], NOON, changes)
    assert len(ended) == len(calls[0].jobs) * len(calls)
    await changes.write(connection)
    assert (await reread(connection, other)).reused == len(asks)


TURNS: dict[str, Turn] = {
    "reserve": lambda c, batch, calls: start(c, batch, len(calls)),
    "apply": lambda c, _batch, calls: settle(c, *mixed(calls)),
    "apply twice": lambda c, _batch, calls: settle(c, *mixed(calls), *mixed(calls)),
    "rescue": lambda c, _batch, _calls: rescue(c, OURS, NOON),
    "retry": fail_and_retry,
    "promote": settle_and_promote,
    "lease": lease,
    "enqueue": submit_again,
    "share answers": share_answers,
    "answered before": lambda c, _b, calls: reuse.answered_before(
        c, [call.id.to_bytes(8) for call in calls]
    ),
}


@pytest.mark.parametrize("turn", TURNS.values(), ids=TURNS)
def test_a_turn_takes_as_many_statements_for_one_call_as_for_many(store: Store, turn: Turn) -> None:
    async def main(database: Database) -> list[int]:
        return [await _statements(database, turn, number) for number in (1, MANY)]

    few, many = store.run(main)
    assert few == many
    assert store.broken() == []


async def _statements(database: Database, turn: Turn, number: int) -> int:
    """How many statements a turn about `number` calls takes; it is rolled back."""
    said: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    engine = database._writer.sync_engine
    with pytest.raises(_RolledBack):  # noqa: PT012 - a transaction
        async with database.write() as connection:
            packing = Packing(len(ACTIONS))
            asks = [str(row) for row in range(packing.most * (2 * number + 1))]
            batch = await submit(connection, asks=asks, packing=packing)
            await open_gates(connection, batch)
            calls = await start(connection, batch, number)
            assert len(calls) == number
            event.listen(engine, "before_cursor_execute", note)
            try:
                await turn(connection, batch, calls)
            finally:
                event.remove(engine, "before_cursor_execute", note)
            raise _RolledBack
    return len(said)


class _RolledBack(Exception):  # noqa: N818 - an event, not an error
    """The scene is over."""

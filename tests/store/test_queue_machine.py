"""Any order of events, two runners, a clock that jumps: the promises hold after every step."""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)
from runner.store.dispatch import Ended, Started
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.packing import Packing
from runner.core.quota import Refused
from runner.core.retry import Accept, Fail, JobAction, Reask, RetryAt, SplitPack, Succeed
from runner.core.states import BatchState
from runner.core.verdict import Scope
from runner.core.window import Quota
from runner.store import batches, dispatch, queue, tasks
from runner.store.opening import open_database
from tests.store.kit import (
    ACCOUNT,
    DAILY,
    DAY,
    HOUR,
    MINUTE,
    NOON,
    OURS,
    THEIRS,
    asked_again,
    broken_promises,
    done,
    each,
    failed,
    faulted,
    never_left,
    rejected,
    reread,
    rows,
    spent,
    submit,
    throttled,
    try_start,
)

T = TypeVar("T")

MODELS = ("small", "large")
# What the six rows of each batch ask; the second may take the answers of the first.
ASKS = ("abcadd", "eafffg")
PACKINGS = (Packing(1), Packing(3))
# Small enough to be spent within a run.
QUOTAS = (Quota("account", Scope.ACCOUNT, 12, DAILY), Quota("model", Scope.MODEL, 7, DAILY))
JUMPS = (1, MINUTE, HOUR, DAY, 8 * DAY, -1, -MINUTE, -HOUR, -DAY)

# Jobs that shared a call go their own ways.
STEPS: tuple[JobAction, ...] = (
    Succeed("yes"),
    SplitPack("missing"),
    Fail("never"),
    Reask("no label"),
)

ENDS: tuple[Callable[[Started, int], Ended], ...] = (
    lambda one, _now: done(one),
    lambda one, _now: done(one, left=1990),
    lambda one, _now: failed(one),
    lambda one, _now: rejected(one),
    lambda one, now: faulted(one, now + MINUTE),
    lambda one, _now: asked_again(one),
    lambda one, _now: throttled(one),
    lambda one, _now: spent(one),
    lambda one, _now: never_left(one),
    lambda one, _now: each(one, *(STEPS[job.job_id % len(STEPS)] for job in one.jobs)),
    lambda one, now: each(one, *(RetryAt(now + MINUTE, counted=False) for _ in one.jobs)),
    lambda one, _now: each(one, *(Accept(f"task {job.job_id}") for job in one.jobs)),
)


class QueueMachine(RuleBasedStateMachine):
    """Two runners on one database, as the store sees them."""

    blank: Path

    flying = Bundle("flying")
    landed = Bundle("landed")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp(prefix="queue-machine"))
        self.path = Path(shutil.copy(self.blank, self.folder / "queue.db"))
        self.stack = AsyncExitStack()
        opened = open_database(self.path, inline=True, durable=False)
        self.database = self.loop.run_until_complete(self.stack.enter_async_context(opened))
        self.now = NOON
        self.reserved = 0
        self.answers: dict[int, str] = {}

    def teardown(self) -> None:
        self.loop.run_until_complete(self.stack.aclose())
        self.loop.close()
        shutil.rmtree(self.folder)

    def write(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        async def main() -> T:
            async with self.database.write() as connection:
                return await work(connection)

        return self.loop.run_until_complete(main())

    @initialize()
    def two_batches(self) -> None:
        async def work(connection: AsyncConnection) -> None:
            for model, asks, packing in zip(MODELS, ASKS, PACKINGS, strict=True):
                reuse = model == MODELS[1]
                await submit(
                    connection, digest=model, model=model, asks=asks, packing=packing, reuse=reuse
                )

        self.write(work)

    @rule(
        target=flying,
        batch_id=st.sampled_from([1, 2]),
        runner_id=st.sampled_from([OURS, THEIRS]),
        count=st.integers(1, 4),
    )
    def calls_start(self, batch_id: int, runner_id: int, count: int) -> Any:
        async def work(connection: AsyncConnection) -> list[Started] | Refused:
            batch = await batches.get_batch(connection, batch_id)
            assert batch is not None
            return await try_start(connection, batch, count, runner_id, self.now, QUOTAS)

        started = self.write(work)
        if isinstance(started, Refused):
            return multiple()
        self.reserved += len(started)
        return multiple(*started)

    @rule(target=landed, one=consumes(flying), end=st.sampled_from(ENDS))
    def a_call_ends(self, one: Started, end: Callable[[Started, int], Ended]) -> Ended:
        ended = end(one, self.now)
        self.write(lambda connection: dispatch.finish(connection, ended, self.now))
        return ended

    @rule(ended=landed)
    def an_end_is_recorded_again(self, ended: Ended) -> None:
        """As when a commit ran that was reported as failed: nothing at all may change."""
        before = self._all()
        self.write(lambda connection: dispatch.finish(connection, ended, self.now))
        if self._succeeded(before, ended):
            assert self._all() == before

    @rule(runner_id=st.sampled_from([OURS, THEIRS]))
    def a_runner_is_taken_for_dead(self, runner_id: int) -> None:
        """Its calls stay in the bundle: whatever they bring comes late."""
        self.write(lambda connection: dispatch.rescue(connection, runner_id, self.now))
        taken = "SELECT count(*) FROM jobs WHERE state = 'running' AND runner_id = ?"
        assert rows(self.path, taken, runner_id) == [(0,)]

    @rule(batch_id=st.sampled_from([1, 2]))
    def failures_are_retried(self, batch_id: int) -> None:
        async def work(connection: AsyncConnection) -> None:
            batch = await batches.get_batch(connection, batch_id)
            assert batch is not None
            await results.retry_failed(connection, batch)
            assert (await reread(connection, batch)).counts.failed == 0

        self.write(work)

    @rule(batch_id=st.sampled_from([1, 2]), state=st.sampled_from(BatchState))
    def a_batch_is_paused_or_goes_on(self, batch_id: int, state: BatchState) -> None:
        self.write(lambda connection: batches.set_batch_state(connection, batch_id, state))

    @rule()
    def what_is_due_is_promoted(self) -> None:
        self.write(lambda connection: queue.promote(connection, self.now))
        due = "SELECT count(*) FROM jobs WHERE state = 'waiting' AND due_at_ms <= ?"
        assert rows(self.path, due, self.now) == [(0,)]

    @rule(end=st.sampled_from(["done", "failed", "begin again", "later"]))
    def tasks_are_looked_at(self, end: str) -> None:
        async def work(connection: AsyncConnection) -> None:
            for task in await tasks.take_due(connection, [ACCOUNT], self.now):
                match end:
                    case "done":
                        await tasks.done(connection, task, "1.png", self.now)
                    case "failed":
                        await tasks.failed(connection, task, "no", self.now)
                    case "begin again":
                        await tasks.begin_again(connection, task, 3, "lost", self.now)
                    case _:
                        await tasks.look_again(connection, task, self.now + MINUTE)

        self.write(work)

    @rule(by=st.sampled_from(JUMPS))
    def the_clock_jumps(self, by: int) -> None:
        self.now += by

    @invariant()
    def the_promises_hold(self) -> None:
        assert broken_promises(self.path) == []

    @invariant()
    def the_ledger_has_every_call(self) -> None:
        assert rows(self.path, "SELECT count(*) FROM calls") == [(self.reserved,)]

    @invariant()
    def an_answer_stays(self) -> None:
        found = dict(
            rows(self.path, "SELECT job_id, call_id FROM results WHERE answer IS NOT NULL")
        )
        assert self.answers.items() <= found.items()
        self.answers = found

    @invariant()
    def the_quota_day_never_goes_back(self) -> None:
        days = rows(self.path, "SELECT account, day FROM calls ORDER BY id")
        assert days == sorted(days)

    def _all(self) -> list[Any]:
        tables = ("jobs", "results", "calls", "windows", "batches", "asks", "tasks")
        return [rows(self.path, f"SELECT * FROM {table}") for table in tables]  # noqa: S608

    @staticmethod
    def _succeeded(tables: list[Any], ended: Ended) -> bool:
        """Whether every job that it brings an answer for has one."""
        answered = {end.job.job_id for end in ended.ends if isinstance(end.action, Succeed)}
        return answered <= {row[0] for row in tables[0] if row[2] == "succeeded"}


def test_the_promises_hold_after_any_sequence(blank: Path) -> None:
    class Machine(QueueMachine):
        pass

    Machine.blank = blank
    case = Machine.TestCase
    case.settings = settings(
        max_examples=60,
        stateful_step_count=40,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    case("runTest").runTest()


def test_a_clock_set_back_does_not_split_a_call_between_two_days(path: Path) -> None:
    """The account is in tomorrow's window already, the other model still in today's."""
    machine = type("Machine", (QueueMachine,), {"blank": path})()
    try:
        machine.two_batches()
        machine.the_clock_jumps(DAY)
        for one in machine.calls_start(1, OURS, 1).values:
            machine.a_call_ends(one, ENDS[0])
        machine.the_clock_jumps(-DAY)
        machine.calls_start(2, OURS, 1)
        machine.the_promises_hold()
        machine.the_quota_day_never_goes_back()
    finally:
        machine.teardown()

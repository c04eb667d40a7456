"""Any order of events, two runners, a clock that jumps: the promises hold after every step."""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
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
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.packing import Packing
from runner.core.quota import Refused
from runner.core.retry import Accept, Fail, JobAction, Reask, RetryAt, SplitPack, Succeed
from runner.core.settlement import Call, Settlement
from runner.core.states import BatchState
from runner.core.verdict import Scope
from runner.core.window import Quota
from runner.store import batch_updates, batches, image_tasks, retries
from runner.store.rescue import rescue
from tests.store.kit import (
    ACCOUNT,
    DAILY,
    DATABASES,
    DAY,
    HOUR,
    MINUTE,
    NOON,
    OURS,
    THEIRS,
    Make,
    asked_again,
    done,
    each,
    failed,
    faulted,
    never_left,
    promote,
    rejected,
    reread,
    settle,
    settle_task,
    spent,
    submit,
    throttled,
    try_start,
)

T = TypeVar("T")

MODELS = ("small", "large")
# What the rows of each batch ask; the second may take the answers of the first.
ASKS = ("abcaddefghijklmnoppq", "eafffgrstuvwxyzABCDD")
PACKINGS = (Packing(1), Packing(3))
# Small enough to be spent within a run.
QUOTAS = (Quota("account", Scope.ACCOUNT, 24, DAILY), Quota("model", Scope.MODEL, 15, DAILY))
JUMPS = (1, MINUTE, HOUR, DAY, 8 * DAY, -1, -MINUTE, -HOUR, -DAY)

RUNNERS = st.sampled_from([OURS, THEIRS])

# Jobs that shared a call go their own ways.
ACTIONS: tuple[JobAction, ...] = (
    Succeed("yes"),
    SplitPack("missing"),
    Fail("never"),
    Reask("no label"),
)

End = Callable[[Call, int], Settlement]

# Those that park the account's gate come at the end, where they are drawn less often.
ENDS: tuple[End, ...] = (
    lambda call, _now: done(call),
    lambda call, _now: each(call, *(Accept(f"task {job.job_id}") for job in call.jobs)),
    lambda call, _now: each(call, *(ACTIONS[job.job_id % len(ACTIONS)] for job in call.jobs)),
    lambda call, _now: failed(call),
    lambda call, now: faulted(call, now + MINUTE),
    lambda call, _now: asked_again(call),
    lambda call, now: each(call, *(RetryAt(now + MINUTE, counted=False) for _ in call.jobs)),
    lambda call, _now: done(call, left=1990),
    lambda call, _now: rejected(call),
    lambda call, _now: throttled(call),
    lambda call, _now: spent(call),
    lambda call, _now: never_left(call),
)
SOME_ENDS = st.one_of(st.sampled_from(ENDS[:8]), st.sampled_from(ENDS[:8]), st.sampled_from(ENDS))

Flying = tuple[Call, int]
"""A call, and the runner that makes it."""


class QueueMachine(RuleBasedStateMachine):
    """Two runners on one database, as the store sees them."""

    blank: Path
    make: Make

    flying = Bundle("flying")
    landed = Bundle("landed")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp(prefix="queue-machine"))
        self.store = type(self).make(self.blank, self.folder)
        self.stack = AsyncExitStack()
        opening = self.stack.enter_async_context(self.store.opened())
        self.database = self.loop.run_until_complete(opening)
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
                    connection,
                    digest=model,
                    model=model,
                    asks=asks,
                    packing=packing,
                    reuse_answers=reuse,
                )

        self.write(work)
        for batch_id in (1, 2):
            self.a_probe_is_answered(batch_id, OURS)

    @rule(
        target=flying, batch_id=st.sampled_from([1, 2]), runner_id=RUNNERS, count=st.integers(1, 4)
    )
    def calls_start(self, batch_id: int, runner_id: int, count: int) -> Any:
        return multiple(*((call, runner_id) for call in self.start(batch_id, runner_id, count)))

    @rule(batch_id=st.sampled_from([1, 2]), runner_id=RUNNERS)
    def a_probe_is_answered(self, batch_id: int, runner_id: int) -> None:
        """So that more than one call at a time may start."""
        self.settle([done(call) for call in self.start(batch_id, runner_id, 1)], runner_id)

    def start(self, batch_id: int, runner_id: int, count: int) -> list[Call]:
        async def work(connection: AsyncConnection) -> list[Call] | Refused:
            batch = await batches.get_batch(connection, batch_id)
            assert batch is not None
            return await try_start(connection, batch, count, runner_id, self.now, QUOTAS)

        started = self.write(work)
        if isinstance(started, Refused):
            return []
        self.reserved += len(started)
        return started

    @rule(target=landed, one=consumes(flying), end=SOME_ENDS)
    def a_call_ends(self, one: Flying, end: End) -> Any:
        call, runner_id = one
        settlement = end(call, self.now)
        self.settle([settlement], runner_id)
        return settlement, runner_id

    @rule(
        target=landed,
        some=st.lists(consumes(flying), min_size=2, max_size=6),
        ends=st.lists(SOME_ENDS, min_size=6, max_size=6),
    )
    def calls_end_together(self, some: list[Flying], ends: list[End]) -> Any:
        """Each runner settles its own in one turn."""
        ended = [
            (end(call, self.now), runner_id)
            for (call, runner_id), end in zip(some, ends, strict=False)
        ]
        for own in (OURS, THEIRS):
            if settlements := [one for one, runner_id in ended if runner_id == own]:
                self.settle(settlements, own)
        return multiple(*ended)

    @rule(ended=landed)
    def an_end_is_recorded_again(self, ended: tuple[Settlement, int]) -> None:
        """As when a commit ran that was reported as failed: nothing at all may change."""
        before = self._all()
        self.settle([ended[0]], ended[1])
        if self._succeeded(before, ended[0]):
            assert self._all() == before

    def settle(self, settlements: list[Settlement], runner_id: int) -> None:
        self.write(partial(_settled, settlements, runner_id, self.now))

    @rule(runner_id=RUNNERS, died=st.booleans())
    def a_runner_ends_or_is_taken_for_dead(self, runner_id: int, *, died: bool) -> None:
        """Its calls stay in the bundle: whatever they bring comes late."""
        self.write(lambda connection: rescue(connection, runner_id, self.now, died=died))
        taken = f"SELECT count(*) FROM jobs WHERE state = 'running' AND runner_id = {runner_id}"  # noqa: S608
        assert self.store.rows(taken) == [(0,)]
        leased = f"SELECT count(*) FROM image_tasks WHERE runner_id = {runner_id}"  # noqa: S608
        assert self.store.rows(leased) == [(0,)]

    @rule(batch_id=st.sampled_from([1, 2]))
    def failures_are_retried(self, batch_id: int) -> None:
        async def work(connection: AsyncConnection) -> None:
            batch = await batches.get_batch(connection, batch_id)
            assert batch is not None
            number = await retries.retry_failed(connection, batch)
            assert number == batch.counts.failed
            assert (await reread(connection, batch)).counts.failed == 0

        self.write(work)

    @rule(batch_id=st.sampled_from([1, 2]), state=st.sampled_from(BatchState))
    def a_batch_is_paused_or_goes_on(self, batch_id: int, state: BatchState) -> None:
        self.write(lambda connection: batch_updates.set_batch_state(connection, batch_id, state))

    @rule()
    def what_is_due_is_promoted(self) -> None:
        soon = self.now + HOUR
        self.write(lambda connection: promote(connection, soon))
        due = f"SELECT count(*) FROM jobs WHERE state = 'waiting' AND due_at_ms <= {soon}"  # noqa: S608
        assert self.store.rows(due) == [(0,)]

    @rule(
        end=st.sampled_from(["done", "failed", "begin again", "later", "no end yet"]),
        runner_id=RUNNERS,
        most=st.integers(1, 3),
    )
    def tasks_are_polled(self, end: str, runner_id: int, most: int) -> None:
        async def work(connection: AsyncConnection) -> None:
            found = await image_tasks.lease_due(
                connection, [ACCOUNT], runner_id, most, self.now + HOUR
            )
            for task in found:
                match end:
                    case "done":
                        await settle_task(connection, image_tasks.done, task, "1.png", self.now)
                    case "failed":
                        await settle_task(connection, image_tasks.failed, task, "no", self.now)
                    case "begin again":
                        again = (task, 3, "lost", self.now)
                        await settle_task(connection, image_tasks.begin_again, *again)
                    case "later":
                        await image_tasks.poll_again(connection, task, self.now + MINUTE)
                    case _:
                        pass  # the lease stays

        self.write(work)

    @rule(by=st.sampled_from(JUMPS))
    def the_clock_jumps(self, by: int) -> None:
        self.now += by

    @invariant()
    def the_promises_hold(self) -> None:
        assert self.store.broken() == []

    @invariant()
    def the_ledger_has_every_call(self) -> None:
        assert self.store.rows("SELECT count(*) FROM calls") == [(self.reserved,)]

    @invariant()
    def an_answer_stays(self) -> None:
        found = dict(
            self.store.rows("SELECT job_id, call_id FROM results WHERE answer IS NOT NULL")
        )
        assert self.answers.items() <= found.items()
        self.answers = found

    @invariant()
    def the_quota_day_never_goes_back(self) -> None:
        days = self.store.rows("SELECT account, period_key FROM calls ORDER BY id")
        assert days == sorted(days)

    def _all(self) -> dict[str, list[Any]]:
        return {name: rows for name, rows in self.store.dump().items() if name != "runners"}

    @staticmethod
    def _succeeded(tables: dict[str, list[Any]], settlement: Settlement) -> bool:
        """Whether every job that it brings an answer for has one."""
        answered = {one.job.job_id for one in settlement.jobs if isinstance(one.action, Succeed)}
        return answered <= {row[0] for row in tables["jobs"] if row[2] == "succeeded"}


async def _settled(
    settlements: list[Settlement], runner_id: int, now: int, connection: AsyncConnection
) -> None:
    await settle(connection, *settlements, runner_id=runner_id, now=now)


def machine_on(name: str, blank: Path) -> type[QueueMachine]:
    """The machine, on one of the databases."""
    return type("Machine", (QueueMachine,), {"blank": blank, "make": staticmethod(DATABASES[name])})


# Threads add nothing to the order of events, and take ten times as long.
ONE_OF_EACH_KIND = [name for name in DATABASES if name != "threaded"]


@pytest.mark.parametrize("name", ONE_OF_EACH_KIND)
@pytest.mark.parametrize("examples", [10, pytest.param(60, marks=pytest.mark.nightly)])
def test_the_promises_hold_after_any_sequence(name: str, examples: int, blank: Path) -> None:
    case = machine_on(name, blank).TestCase
    case.settings = settings(
        max_examples=examples,
        stateful_step_count=100,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    case("runTest").runTest()


@pytest.mark.parametrize("name", ONE_OF_EACH_KIND)
def test_a_clock_set_back_does_not_split_a_call_between_two_days(name: str, blank: Path) -> None:
    """The account is in tomorrow's window already, the other model still in today's."""
    machine = machine_on(name, blank)()
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

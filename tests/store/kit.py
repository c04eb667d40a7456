"""The databases that the suite runs on, small factories, and a turn of the engine in few words."""

from __future__ import annotations

import shutil
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar

import anyio
import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core import packing, quota
from runner.core.admission import Permit
from runner.core.calendar import day_at
from runner.core.charging import Outcome
from runner.core.period import Calendar
from runner.core.quota import Refused
from runner.core.renewal import windows_at
from runner.core.retry import Fail, JobAction, Reask, Release, RetryAt, Succeed
from runner.core.settlement import Call, CallJob, JobOutcome, Settlement, settle_windows
from runner.core.states import BatchState
from runner.core.verdict import Kind, Scope, Verdict
from runner.core.window import ONE_CALL, Cost, Count, Quota
from runner.store import batch_updates, batches, enqueue, jobs, liveness, reuse, runners, windows
from runner.store.apply import apply, unsettled
from runner.store.batches import Batch, NewBatch
from runner.store.counts import Changes
from runner.store.database import Database
from runner.store.opening import open_database
from runner.store.reserve import last_call_id, reserve
from tests.store import promises, releases

__all__ = ["blank", "path", "sqlite_store", "store"]

T = TypeVar("T")

ZONE = "Asia/Shanghai"
DAILY = Calendar("day", ZONE)
MIDNIGHT = day_at(1_795_500_000_000, ZONE).starts_at
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
NOON = MIDNIGHT + 12 * HOUR
MODEL = "Qwen/Qwen3-8B"
ACCOUNT = "mine"
OURS, THEIRS = 1, 2  # two runners

# What each database raises where a row breaks a rule of the schema.
VIOLATIONS = (IntegrityError, sqlite3.IntegrityError)

QUOTAS = (
    Quota("calls a day", Scope.ACCOUNT, 2000, DAILY),
    Quota("calls a day and model", Scope.MODEL, 500, DAILY),
)


# ---- the databases


class Store(ABC):
    """A database of its own, for one test."""

    @abstractmethod
    def opened(self) -> AbstractAsyncContextManager[Database]:
        """The database, as a program has it; several may have it at once."""

    @abstractmethod
    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What another program reads there: what is committed."""

    @abstractmethod
    def tables(self) -> list[str]:
        """The names of all tables."""

    def run(self, main: Callable[[Database], Awaitable[T]]) -> T:
        """Open the database, run `main` on it, and close it."""

        async def opened() -> T:
            async with self.opened() as database:
                return await main(database)

        return anyio.run(opened)

    def play(self, scene: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Run a scene in one transaction; the promises hold afterwards."""

        async def main(database: Database) -> T:
            async with database.write() as connection:
                return await scene(connection)

        found = self.run(main)
        assert self.broken() == []
        return found

    def broken(self) -> list[str]:
        """What of the store's promises does not hold."""
        return promises.offences(self.rows)

    def one(self, query: str) -> Any:
        """The one value that a query finds."""
        [(value,)] = self.rows(query)
        return value

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table."""
        return {name: self.rows(f"SELECT * FROM {name}") for name in self.tables()}  # noqa: S608


class SqliteStore(Store):
    """A file, read through threads or on the loop's own thread."""

    def __init__(self, path: Path, *, inline: bool) -> None:
        self.path = path
        self.inline = inline

    def opened(self) -> AbstractAsyncContextManager[Database]:
        return open_database(self.path, inline=self.inline)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return releases.rows(self.path, query)

    def tables(self) -> list[str]:
        found = self.rows("SELECT name FROM sqlite_master WHERE type = 'table'")
        return [name for (name,) in found]

    def broken(self) -> list[str]:
        return promises.broken_promises(self.path)


Make = Callable[[Path, Path], Store]
"""Makes a database in a folder, given a blank one of SQLite to copy."""


def sqlite(*, inline: bool) -> Make:
    """Copying is quicker than making the tables anew."""
    return lambda blank, folder: SqliteStore(
        Path(shutil.copy(blank, folder / "queue.db")), inline=inline
    )


# The conformance suite runs on each of these. Another kind of database is one more line here, with
# a `Store` of its own. Tests that take `sqlite_store` or `path` are about SQLite's files.
SQLITE: dict[str, Make] = {"threaded": sqlite(inline=False), "inline": sqlite(inline=True)}
DATABASES: dict[str, Make] = {**SQLITE}


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database just made."""
    path = tmp_path_factory.mktemp("blank") / "queue.db"

    async def main() -> None:
        async with open_database(path):
            pass

    anyio.run(main)
    return path


@pytest.fixture
def path(blank: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(blank, tmp_path / "queue.db"))


@pytest.fixture(params=SQLITE)
def sqlite_store(request: pytest.FixtureRequest, blank: Path, tmp_path: Path) -> Store:
    return SQLITE[request.param](blank, tmp_path)


@pytest.fixture(params=DATABASES)
def store(request: pytest.FixtureRequest, blank: Path, tmp_path: Path) -> Store:
    return DATABASES[request.param](blank, tmp_path)


# ---- batches


def new_batch(number: int = 10, digest: str = "first", model: str = MODEL, **more: Any) -> NewBatch:
    return NewBatch("labels", digest, (model,), "{}", "in.csv", '["n"]', number, **more)


async def submit(
    connection: AsyncConnection,
    number: int = 10,
    digest: str = "first",
    model: str = MODEL,
    *,
    asks: Sequence[str] = (),
    bodies: Sequence[str] = (),
    **more: Any,
) -> Batch:
    """A batch of `number` rows, all queued; `asks` are what they ask, or each asks its own."""
    number = len(asks) or len(bodies) or number
    batch = await batches.create_batch(connection, new_batch(number, digest, model, **more), NOON)
    rows = bodies or [f'{{"n":{n}}}' for n in range(1, number + 1)]
    await enqueue.enqueue(connection, batch, 0, rows, list(map(fingerprint, asks)), NOON)
    await batch_updates.set_batch_state(connection, batch.id, BatchState.ACTIVE)
    return await reread(connection, batch)


def fingerprint(ask: str) -> bytes:
    """Of what a row asks, in as many bytes as any other."""
    return blake2b(ask.encode(), digest_size=enqueue.FINGERPRINT_BYTES).digest()


async def reread(connection: AsyncConnection, batch: Batch) -> Batch:
    found = await batches.get_batch(connection, batch.id)
    assert found is not None
    return found


async def promote(connection: AsyncConnection, now: int) -> None:
    """Make ready what is due."""
    changes = Changes()
    await jobs.promote(connection, now, changes)
    await changes.write(connection)


# ---- calls


async def try_start(
    connection: AsyncConnection,
    batch: Batch,
    count: int = 1,
    runner_id: int = OURS,
    now: int = NOON,
    quotas: tuple[Quota, ...] = QUOTAS,
    cost: Cost = ONE_CALL,
) -> list[Call] | Refused:
    """Reserve up to `count` calls of `batch`, as a turn of the engine does."""
    changes = Changes()
    packs = await _packs(connection, batch, count, now, changes)
    if not packs:
        await changes.write(connection)
        return []
    route = (ACCOUNT, batch.models[0])
    known = await windows.latest_windows(connection, [ACCOUNT])
    touched = windows_at(known, *route, quotas, now, 0)
    offer = quota.admit(touched, len(packs), now, cost)
    if isinstance(offer, Refused):
        return offer
    touched = quota.reserve(touched, offer.count, now, cost)
    reserved = {window.quota: (window.period_key, window.cost_of(cost)) for window in touched}
    permit = Permit(batch.id, route, reserved, touched[0].period_key, probe=offer.probe)
    first_id = await last_call_id(connection) + 1
    calls = [
        Call(number, permit, pack, batch.id)
        for number, pack in enumerate(packs[: offer.count], first_id)
    ]
    await reserve(connection, calls, runner_id, now, changes)
    await windows.open_windows(connection, touched)
    changes.count_calls(batch.id, batch.part_of, len(calls))
    await changes.write(connection)
    return calls


async def _packs(
    connection: AsyncConnection, batch: Batch, count: int, now: int, changes: Changes
) -> list[tuple[CallJob, ...]]:
    """The jobs of up to `count` calls, as they are once they are claimed."""
    found = (await jobs.read_ready(connection, [batch], count))[batch.id]
    if batch.reuse_answers:
        ids = [job.job_id for job in found]
        ended = await reuse.reuse_answers(connection, ids, now, changes)
        found = [job for job in found if job.job_id not in ended]
    tries = {job.job_id: replace(job.tries, attempts=job.tries.attempts + 1) for job in found}
    packs = packing.fill((job.candidate for job in found), batch.packing)[:count]
    return [tuple(CallJob(job.job_id, tries[job.job_id]) for job in pack) for pack in packs]


async def start(
    connection: AsyncConnection,
    batch: Batch,
    count: int = 1,
    runner_id: int = OURS,
    now: int = NOON,
    quotas: tuple[Quota, ...] = QUOTAS,
) -> list[Call]:
    calls = await try_start(connection, batch, count, runner_id, now, quotas)
    assert not isinstance(calls, Refused), calls
    return calls


async def start_one(
    connection: AsyncConnection, batch: Batch, runner_id: int = OURS, now: int = NOON
) -> Call:
    [call] = await start(connection, batch, 1, runner_id, now)
    return call


async def open_gates(connection: AsyncConnection, batch: Batch) -> Call:
    """Let the day's probe succeed, so that several calls may start at once."""
    probe = await start_one(connection, batch)
    await settle(connection, done(probe))
    return probe


async def settle(
    connection: AsyncConnection, *settlements: Settlement, runner_id: int = OURS, now: int = NOON
) -> None:
    """Store the ends of calls, and what they do to the windows, as a turn of the engine does."""
    changes = Changes()
    still_open = await unsettled(connection, settlements)
    fresh = await apply(connection, settlements, still_open, runner_id, now, changes)
    latest = await windows.latest_windows(connection, [ACCOUNT])
    known = await windows.in_use(connection)
    known |= {windows.key_of(window): window for window in latest.values()}
    await windows.save_windows(connection, settle_windows(known, fresh, now).values())
    await changes.write(connection)


async def settle_task(
    connection: AsyncConnection, end: Callable[..., Awaitable[None]], *arguments: Any
) -> None:
    """Store the end of an image task: `end` is one of image_tasks.py."""
    changes = Changes()
    await end(connection, *arguments, changes)
    await changes.write(connection)


# ---- the ends of calls


def done(call: Call, answer: str = "yes", left: int | None = None) -> Settlement:
    """An answer; with `left`, the provider's count of the account came along."""
    counts = {} if left is None else {QUOTAS[0].name: Count(2000, left)}
    return _settlement(call, Succeed(answer), Verdict(Kind.DONE), counts)


def failed(call: Call, why: str = "no valid answer in 3 replies") -> Settlement:
    return _settlement(call, Fail(why), Verdict(Kind.DONE))


def rejected(call: Call) -> Settlement:
    return _settlement(call, Fail("HTTP 400"), Verdict(Kind.REJECTED, "HTTP 400"))


def faulted(call: Call, due: int) -> Settlement:
    return _settlement(call, RetryAt(due), Verdict(Kind.TRANSIENT, "HTTP 502", scope=None))


def asked_again(call: Call) -> Settlement:
    return _settlement(call, Reask("no label"), Verdict(Kind.DONE))


def throttled(call: Call) -> Settlement:
    return _settlement(call, Release(), Verdict(Kind.THROTTLED, "busy", Scope.MODEL))


def spent(call: Call) -> Settlement:
    return _settlement(call, Release(), Verdict(Kind.SPENT, "tomorrow", Scope.ACCOUNT))


def never_left(call: Call) -> Settlement:
    return _settlement(call, Release(), Verdict(Kind.LOCAL, "no network", Scope.ACCOUNT))


def each(call: Call, *actions: JobAction) -> Settlement:
    """An answered call, and what follows for each of its jobs."""
    settlement = _settlement(call, Release(), Verdict(Kind.DONE))
    outcomes = zip(settlement.jobs, actions, strict=True)
    return replace(settlement, jobs=tuple(replace(o, action=action) for o, action in outcomes))


def _settlement(
    call: Call, action: JobAction, verdict: Verdict, counts: Mapping[str, Count] | None = None
) -> Settlement:
    return Settlement(
        call,
        Outcome(verdict, probe=call.permit.probe, counts=counts or {}),
        tuple(JobOutcome(job, action, "because: yes") for job in call.jobs),
        status=200,
        prompt_tokens=7,
        completion_tokens=3,
    )


async def rescue_dead(database: Database, own_id: int = 0, now: int = NOON) -> int:
    """What a runner does at every tick; returns how many jobs it took back."""
    async with database.read() as connection:
        suspects = await liveness.unended(connection, own_id)
    return await runners.rescue_dead(database, suspects, now)

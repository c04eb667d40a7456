"""Small factories, and the promises of the store as one function over the raw file."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import anyio
import pytest
from runner.store.dispatch import Ended, JobOutcome, Order, Started
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.calendar import day_at
from runner.core.charging import Outcome
from runner.core.period import Calendar
from runner.core.quota import Refused
from runner.core.retry import Fail, JobAction, Reask, Release, RetryAt, Succeed
from runner.core.states import BatchState
from runner.core.verdict import Kind, Scope, Verdict
from runner.core.window import Count, Quota
from runner.store import batches, dispatch
from runner.store.batches import Batch, NewBatch
from runner.store.database import Database
from runner.store.opening import open_database

__all__ = ["blank", "path", "store"]

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

QUOTAS = (
    Quota("calls a day", Scope.ACCOUNT, 2000, DAILY),
    Quota("calls a day and model", Scope.MODEL, 500, DAILY),
)


class Store:
    """A migrated database of its own, for one test; each run opens and closes it."""

    def __init__(self, path: Path, *, inline: bool) -> None:
        self.path = path
        self.inline = inline

    def run(self, main: Callable[[Database], Awaitable[T]]) -> T:
        async def opened() -> T:
            async with open_database(self.path, inline=self.inline) as database:
                return await main(database)

        return anyio.run(opened)

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return rows(self.path, query, *values)

    def one(self, query: str, *values: Any) -> Any:
        [(value,)] = self.rows(query, *values)
        return value

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        return dump(self.path)


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database just migrated: copying it is quicker than migrating anew."""
    path = tmp_path_factory.mktemp("blank") / "queue.db"

    async def main() -> None:
        async with open_database(path):
            pass

    anyio.run(main)
    return path


@pytest.fixture
def path(blank: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(blank, tmp_path / "queue.db"))


@pytest.fixture(params=["threaded", "inline"])
def store(request: pytest.FixtureRequest, path: Path) -> Store:
    return Store(path, inline=request.param == "inline")


@contextmanager
def raw(path: Path, **options: Any) -> Iterator[sqlite3.Connection]:
    """A connection that is none of ours, as another program would have it."""
    with closing(sqlite3.connect(path, isolation_level=None, **options)) as connection:
        yield connection


def rows(path: Path, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with raw(path) as connection:
        return connection.execute(query, values).fetchall()


def dump(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table."""
    tables = rows(path, "SELECT name FROM sqlite_master WHERE type = 'table'")
    return {name: rows(path, f"SELECT * FROM {name}") for (name,) in tables}  # noqa: S608


def make_first_release(path: Path) -> None:
    """Make the database that the first release left when it was killed on its second day.

    It has rows ready, waiting, being asked, answered and failed, and a second batch of which
    three rows of eight are loaded. The simulator was asked, which has 45 calls a day.
    """
    with raw(path) as connection:
        connection.executescript(Path(__file__).with_name("first_release.sql").read_text())
        connection.execute("PRAGMA journal_mode = WAL")


def schema(path: Path) -> dict[str, list[str]]:
    """Statements by name, a table's as sorted clauses: their order in it has no meaning."""
    found = rows(path, "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    plain = [(kind, name, " ".join(sql.replace('"', "").split())) for kind, name, sql in found]
    return {name: sorted(_clauses(sql)) if kind == "table" else [sql] for kind, name, sql in plain}


def _clauses(table: str) -> Iterator[str]:
    body = table.partition("(")[2].rpartition(")")[0]
    clause, depth = "", 0
    for letter in f"{body},":
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            yield clause.strip()
            clause = ""
        else:
            clause += letter


def new_batch(number: int = 10, digest: str = "first", model: str = MODEL, **more: Any) -> NewBatch:
    return NewBatch("labels", digest, (model,), "{}", "in.csv", '["n"]', number, **more)


async def submit(
    connection: AsyncConnection,
    number: int = 10,
    digest: str = "first",
    model: str = MODEL,
    *,
    asks: Sequence[str] = (),
    **more: Any,
) -> Batch:
    """A batch of `number` rows, all queued; `asks` are what they ask, or each asks its own."""
    number = len(asks) or number
    batch = await batches.create_batch(connection, new_batch(number, digest, model, **more), NOON)
    rows = [f'{{"n":{n}}}' for n in range(1, number + 1)]
    await enqueue.enqueue(connection, batch, 0, rows, [ask.encode() for ask in asks], NOON)
    await batches.set_batch_state(connection, batch.id, BatchState.ACTIVE)
    return await reread(connection, batch)


async def reread(connection: AsyncConnection, batch: Batch) -> Batch:
    found = await batches.get_batch(connection, batch.id)
    assert found is not None
    return found


async def try_start(
    connection: AsyncConnection,
    batch: Batch,
    count: int = 1,
    runner_id: int = OURS,
    now: int = NOON,
    quotas: tuple[Quota, ...] = QUOTAS,
) -> list[Started] | Refused:
    return await dispatch.start(
        connection,
        Order(batch, ACCOUNT, batch.models[0], quotas, count, runner_id),
        now,
        reset_jitter_ms=0,
    )


async def start(
    connection: AsyncConnection,
    batch: Batch,
    count: int = 1,
    runner_id: int = OURS,
    now: int = NOON,
) -> list[Started]:
    started = await try_start(connection, batch, count, runner_id, now)
    assert not isinstance(started, Refused), started
    return started


async def start_one(
    connection: AsyncConnection, batch: Batch, runner_id: int = OURS, now: int = NOON
) -> Started:
    [one] = await start(connection, batch, 1, runner_id, now)
    return one


async def open_gates(connection: AsyncConnection, batch: Batch) -> Started:
    """Let the day's probe succeed, so that several calls may start at once."""
    probe = await start_one(connection, batch)
    await dispatch.finish(connection, done(probe), NOON)
    return probe


def done(started: Started, answer: str = "yes", left: int | None = None) -> Ended:
    """An answer; with `left`, the provider's count of the account came along."""
    counts = {} if left is None else {QUOTAS[0].name: Count(2000, left)}
    return _ended(started, Succeed(answer), Verdict(Kind.DONE), counts)


def failed(started: Started, why: str = "no valid answer in 3 asked") -> Ended:
    return _ended(started, Fail(why), Verdict(Kind.DONE))


def rejected(started: Started) -> Ended:
    return _ended(started, Fail("HTTP 400"), Verdict(Kind.REJECTED, "HTTP 400"))


def faulted(started: Started, due: int) -> Ended:
    return _ended(started, RetryAt(due), Verdict(Kind.TRANSIENT, "HTTP 502", scope=None))


def asked_again(started: Started) -> Ended:
    return _ended(started, Reask(), Verdict(Kind.DONE))


def throttled(started: Started) -> Ended:
    return _ended(started, Release(), Verdict(Kind.THROTTLED, "busy", Scope.MODEL))


def spent(started: Started) -> Ended:
    return _ended(started, Release(), Verdict(Kind.SPENT, "tomorrow", Scope.ACCOUNT))


def never_left(started: Started) -> Ended:
    return _ended(started, Release(), Verdict(Kind.LOCAL, "no network", Scope.ACCOUNT))


def each(started: Started, *steps: JobAction) -> Ended:
    """An answered call, and what follows for each of its jobs."""
    ended = _ended(started, Release(), Verdict(Kind.DONE))
    ends = zip(ended.ends, steps, strict=True)
    return replace(ended, ends=tuple(replace(end, step=step) for end, step in ends))


def _ended(
    started: Started, step: JobAction, verdict: Verdict, counts: Mapping[str, Count] | None = None
) -> Ended:
    return Ended(
        started,
        Outcome(verdict, probe=started.probe, counts=counts or {}),
        tuple(JobOutcome(job, step, "because: yes") for job in started.jobs),
        status=200,
        prompt_tokens=7,
        completion_tokens=3,
    )


def broken_promises(path: Path) -> list[str]:
    """What is wrong inside the file at `path`: the promises of the store, asked of every row."""
    with raw(path) as connection:
        return [f"{name}: {found}" for name, found in _offences(connection) if found]


def _offences(connection: sqlite3.Connection) -> Iterator[tuple[str, Any]]:
    def ask(query: str) -> list[tuple[Any, ...]]:
        return connection.execute(query).fetchall()

    yield "damaged pages", [row for row in ask("PRAGMA integrity_check") if row != ("ok",)]
    yield "counters differ from the rows they count", _miscounted(ask)
    yield (
        "an end without its result, or a result without its end",
        ask("""SELECT jobs.id, jobs.state FROM jobs LEFT JOIN results ON job_id = jobs.id
               WHERE (state = 'succeeded') <> (answer IS NOT NULL)
                  OR (state = 'failed') <> (error IS NOT NULL)"""),
    )
    yield (
        "more running jobs than a runner's reserved calls are about",
        ask("""SELECT batch_id, runner_id, count(*) AS running FROM jobs WHERE state = 'running'
               GROUP BY batch_id, runner_id HAVING running > (
                 SELECT coalesce(sum(jobs), 0) FROM calls WHERE calls.state = 'reserved'
                 AND calls.batch_id = jobs.batch_id AND calls.runner_id = jobs.runner_id)"""),
    )
    yield "windows that do not hold the calls in flight", _misreserved(ask)
    yield (
        "results of calls that the ledger lost",
        ask("""SELECT job_id FROM results WHERE call_id IS NOT NULL
               AND call_id NOT IN (SELECT id FROM calls)"""),
    )
    yield (
        "jobs without a payload",
        ask("""SELECT jobs.id FROM jobs JOIN batches ON batches.id = batch_id
               WHERE first_payload + (jobs.id - first_job) * stride
               NOT IN (SELECT id FROM payloads)"""),
    )
    yield (
        "a follower that did not end as its leader did",
        ask("""SELECT f.id, f.state, l.state FROM jobs AS f JOIN jobs AS l ON l.id = f.duplicate_of
               WHERE (l.state = 'succeeded') <> (f.state = 'succeeded')
                  OR (l.state = 'failed' AND f.state <> 'failed')"""),
    )
    yield (
        "pending jobs that no task is about, or tasks about others",
        ask("""SELECT jobs.id FROM jobs LEFT JOIN tasks ON job_id = jobs.id
               WHERE (state = 'pending') <> (job_id IS NOT NULL)"""),
    )


def _miscounted(ask: Callable[[str], list[tuple[Any, ...]]]) -> list[Any]:
    states = ("ready", "waiting", "running", "succeeded", "failed", "pending", "following")
    found = Counter(
        {
            (batch, state): n
            for batch, state, n in ask(
                "SELECT batch_id, state, count(*) FROM jobs GROUP BY batch_id, state"
            )
        }
    )
    kept = {
        (batch, state): n
        for batch, *numbers in ask(f"SELECT id, {', '.join(states)} FROM batches")  # noqa: S608
        for state, n in zip(states, numbers, strict=True)
    }
    return [(key, n, found[key]) for key, n in kept.items() if n != found[key]]


def _misreserved(ask: Callable[[str], list[tuple[Any, ...]]]) -> list[Any]:
    return ask(
        """SELECT account, model, day, reserved, flying FROM (
             SELECT windows.*, (
               SELECT coalesce(sum(json_extract(held.value, '$[1]')), 0)
               FROM calls, json_each(calls.held_json) AS held
               WHERE calls.state = 'reserved' AND calls.account = windows.account
               AND windows.model IN ('', calls.model) AND held.key = windows.quota
               AND json_extract(held.value, '$[0]') = windows.day) AS flying FROM windows)
           WHERE reserved <> flying"""
    )

"""The promises of the store, asked of every row: they hold after every transaction, and any crash.

The queries are plain SQL, so that any database can answer them; what is JSON is read here.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from runner.store import call_totals
from tests.store.releases import raw

Ask = Callable[[str], list[tuple[Any, ...]]]

STATES = ("ready", "waiting", "running", "succeeded", "failed", "pending", "duplicate")


def broken_promises(path: Path) -> list[str]:
    """What is wrong inside the SQLite file at `path`."""
    with raw(path) as connection:

        def ask(query: str) -> list[tuple[Any, ...]]:
            return connection.execute(query).fetchall()

        damage = [row for row in ask("PRAGMA integrity_check") if row != ("ok",)]
        return [f"damaged pages: {damage}"] * bool(damage) + offences(ask)


def offences(ask: Ask) -> list[str]:
    """What is wrong in a database of which `ask` fetches the rows of a query."""
    return [f"{name}: {found}" for name, found in _offences(ask) if found]


def _offences(ask: Ask) -> Iterator[tuple[str, Any]]:
    yield "counts differ from the rows they count", _miscounted(ask)
    yield (
        "an end without its result, or a result without its end",
        ask("""SELECT jobs.id, jobs.state FROM jobs LEFT JOIN results ON job_id = jobs.id
               WHERE (state = 'succeeded') <> (answer IS NOT NULL)
                  OR (state = 'failed') <> (error IS NOT NULL)"""),
    )
    yield (
        "more running jobs than a runner's reserved calls are about",
        ask("""SELECT batch_id, runner_id, count(*) AS running FROM jobs WHERE state = 'running'
               GROUP BY batch_id, runner_id HAVING count(*) > (
                 SELECT coalesce(sum(rows_asked), 0) FROM calls WHERE calls.state = 'reserved'
                 AND calls.batch_id = jobs.batch_id AND calls.runner_id = jobs.runner_id)"""),
    )
    yield "windows that do not hold the calls in flight", _misreserved(ask)
    yield (
        "windows that wait for a probe while no call is under way",
        ask("""SELECT account, model, quota FROM windows WHERE probe_in_flight = 1
               AND NOT EXISTS (SELECT id FROM calls WHERE calls.state = 'reserved' AND probe = 1
                               AND calls.account = windows.account
                               AND windows.model IN ('', calls.model))"""),
    )
    yield (
        "results of calls that the ledger lost",
        ask("""SELECT job_id FROM results WHERE call_id IS NOT NULL
               AND call_id NOT IN (SELECT id FROM calls)"""),
    )
    yield (
        "calls that are said to have finished more or fewer rows than they have",
        ask("""SELECT id, rows_finished FROM calls LEFT JOIN (
                 SELECT call_id, count(*) AS found FROM results WHERE reused = 0 GROUP BY call_id)
               ON call_id = id WHERE rows_finished <> coalesce(found, 0)
               AND coalesce(batch_id, 0) NOT IN (
                 SELECT id FROM batches WHERE deleted_at_ms IS NOT NULL)"""),
    )
    yield (
        "calls that were settled before they were reserved",
        ask("SELECT id FROM calls WHERE settled_at_ms < reserved_at_ms"),
    )
    yield (
        "batches that have made more or fewer calls than left for them and their parts",
        ask("""SELECT batch_id, calls_made, coalesce(left, 0) FROM batch_counts LEFT JOIN (
                 SELECT whole, sum(number) AS left FROM (
                   SELECT batch_id AS whole, batch_id FROM batch_counts UNION
                   SELECT part_of, id FROM batches WHERE part_of IS NOT NULL)
                 JOIN (SELECT batch_id, count(*) AS number FROM calls
                       WHERE state <> 'local' GROUP BY batch_id) USING (batch_id)
                 GROUP BY whole)
               ON whole = batch_id WHERE calls_made <> coalesce(left, 0)"""),
    )
    yield (
        "jobs without a row",
        ask("""SELECT jobs.id FROM jobs JOIN batches ON batches.id = batch_id
               WHERE first_row + (jobs.id - first_job) * row_step NOT IN (SELECT id FROM rows)"""),
    )
    yield (
        "jobs that belong to another batch by their number, or to none",
        ask("""SELECT jobs.id FROM jobs LEFT JOIN batches ON batches.id = batch_id
               WHERE first_job IS NULL OR jobs.id < first_job OR jobs.id >= first_job + rows"""),
    )
    yield (
        "a duplicate that did not end as its job did",
        ask("""SELECT d.id, d.state, j.state FROM jobs AS d JOIN jobs AS j ON j.id = d.duplicate_of
               WHERE (j.state = 'succeeded') <> (d.state = 'succeeded')
                  OR (j.state = 'failed' AND d.state <> 'failed')"""),
    )
    yield (
        "a duplicate of a duplicate",
        ask("""SELECT d.id FROM jobs AS d JOIN jobs AS j ON j.id = d.duplicate_of
               WHERE j.duplicate_of IS NOT NULL"""),
    )
    yield (
        "pending jobs that no task is about, or tasks about others",
        ask("""SELECT jobs.id FROM jobs LEFT JOIN image_tasks ON job_id = jobs.id
               WHERE (state = 'pending') <> (job_id IS NOT NULL)"""),
    )
    yield (
        "reviews of no job of a whole batch, or more or fewer than were counted",
        ask("""SELECT batches.id FROM batches JOIN batch_counts ON batch_id = batches.id
               WHERE deleted_at_ms IS NULL AND reviews_made <> (
                 SELECT count(*) FROM reviews
                 WHERE part_of IS NULL AND job_id >= first_job AND job_id < first_job + rows)"""),
    )
    yield "calls that were added up and are not as they were", _wrongly_added(ask)
    yield (
        "settlements that were set aside of calls that are not settled",
        ask("""SELECT call_id FROM set_aside
               WHERE call_id NOT IN (SELECT id FROM calls WHERE state <> 'reserved')"""),
    )


def _miscounted(ask: Ask) -> list[Any]:
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
        for batch, *numbers in ask(f"SELECT batch_id, {', '.join(STATES)} FROM batch_counts")  # noqa: S608
        for state, n in zip(STATES, numbers, strict=True)
    }
    uncounted = [key for key in found if key not in kept]
    return uncounted + [(key, n, found[key]) for key, n in kept.items() if n != found[key]]


def _wrongly_added(ask: Ask) -> list[Any]:
    """Blocks of calls whose stored sums are not those of the calls."""
    block = f"(id - 1) / {call_totals.BLOCK}"
    kept = ask(
        """SELECT block, coalesce(sum(calls), 0), coalesce(sum(rows), 0), coalesce(sum(unseen), 0)
           FROM call_blocks LEFT JOIN call_totals USING (block) GROUP BY block"""
    )
    made = {
        number: sums
        for number, *sums in ask(
            f"""SELECT {block}, count(*), sum(rows_finished), sum(state = 'unseen')
                FROM calls WHERE state <> 'local' GROUP BY 1"""  # noqa: S608
        )
    }
    return [(number, sums) for number, *sums in kept if sums != made.get(number, [0, 0, 0])]


def _misreserved(ask: Ask) -> list[Any]:
    """Windows whose `reserved` is not what the calls under way have reserved there."""
    in_flight: Counter[tuple[str, str, str, str]] = Counter()
    for account, model, reserved in ask(
        "SELECT account, model, reserved_json FROM calls WHERE state = 'reserved'"
    ):
        for quota, (period_key, amount) in json.loads(reserved).items():
            for owner in ("", model):
                in_flight[account, owner, quota, period_key] += amount
    return [
        (*key, reserved, in_flight[tuple(key)])
        for *key, reserved in ask("SELECT account, model, quota, period_key, reserved FROM windows")
        if reserved != in_flight[tuple(key)]
    ]

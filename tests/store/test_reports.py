"""Read-only questions: what was spent, on which day, and what came of every row."""

from dataclasses import replace

import pytest

from runner.core.gate import Gate
from runner.core.period import Grant
from runner.core.quota import Refused
from runner.core.renewal import windows_at
from runner.core.states import BatchState
from runner.core.verdict import Scope
from runner.core.window import Quota, Source, Unit
from runner.store import balances, batch_rows, batch_updates, failures, reports, windows
from runner.store.damage import DamageError
from runner.store.database import Database
from runner.store.rescue import rescue
from tests.store.kit import (
    ACCOUNT,
    DAY,
    HOUR,
    MODEL,
    NOON,
    OURS,
    QUOTAS,
    Store,
    asked_again,
    done,
    failed,
    faulted,
    never_left,
    open_gates,
    rejected,
    reread,
    settle,
    spent,
    start,
    start_one,
    submit,
    throttled,
    try_start,
)

HALF_A_CREDIT = {Unit.CALLS: 1, Unit.CREDITS: 500}
ENDS = [
    done,
    failed,
    rejected,
    lambda one: faulted(one, NOON),
    asked_again,
    throttled,
    spent,
    never_left,
]


def test_a_day_is_the_sum_of_its_calls(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection, 30)
            await open_gates(connection, batch)
            started = await start(connection, batch, 12)
            for one, end in zip(started, ENDS, strict=False):
                await settle(connection, end(one))
            for one in started[len(ENDS) : -1]:
                await settle(connection, done(one))
        async with database.read() as connection:
            [day] = await reports.daily(connection)
            assert day.calls == day.succeeded + day.failed + day.throttled + day.in_flight == 12
            # A probe; done, failed and asked again each brought an answer; three more.
            assert (day.succeeded, day.failed, day.throttled) == (7, 2, 2)
            assert (day.in_flight, day.unseen) == (1, 0)
            assert day.rows == 1 + 3 + 3
            assert (day.prompt_tokens, day.completion_tokens) == (11 * 7, 11 * 3)
        async with database.write() as connection:
            await rescue(connection, OURS, NOON)
            [day] = await reports.daily(connection)
            assert (day.calls, day.failed, day.in_flight, day.unseen) == (12, 3, 0, 1)

    store.run(main)


def test_tokens_that_nobody_counted_are_unknown(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection, 30)
            await open_gates(connection, batch)
            first, second = await start(connection, batch, 2)
            untold = replace(done(first), prompt_tokens=None, completion_tokens=None)
            await settle(connection, untold)
            await settle(connection, replace(done(second), completion_tokens=None))
        async with database.read() as connection:
            [day] = await reports.daily(connection)
        assert (day.prompt_tokens, day.completion_tokens, day.uncounted) == (14, 3, 1)
        assert day.tokens == 17
        assert replace(day, prompt_tokens=None, completion_tokens=None).tokens is None
        assert replace(day, prompt_tokens=None, uncounted=0).tokens == 3

    store.run(main)


def test_days_accounts_and_models_are_told_apart(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            large = await submit(connection, 5, digest="1", model="large")
            small = await submit(connection, 5, digest="2", model="small")
            for now in (NOON, NOON + DAY):
                for batch in (small, large):
                    one = await start_one(connection, batch, now=now)
                    await settle(connection, done(one), now=now)
            found = await reports.daily(connection)
            assert [(day.day, day.model, day.calls) for day in found] == [
                ("2026-11-24", "", 2),
                ("2026-11-25", "", 2),
            ]
            found = await reports.daily(connection, by_model=True)
            assert [(day.day, day.model, day.calls) for day in found] == [
                ("2026-11-24", "large", 1),
                ("2026-11-24", "small", 1),
                ("2026-11-25", "large", 1),
                ("2026-11-25", "small", 1),
            ]
            assert {(day.spent, day.limit) for day in found} == {(1, 500)}
            found = await reports.daily(connection, batch_ids=[small.id])
            assert [(day.account, day.calls, day.spent, day.limit) for day in found] == [
                (ACCOUNT, 1, 2, 2000)
            ] * 2

    store.run(main)


def test_what_strangers_spent_is_in_the_day_but_not_among_our_calls(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection)
            await settle(connection, done(await start_one(connection, batch), left=1500))
            [day] = await reports.daily(connection)
            assert (day.calls, day.spent, day.limit) == (1, 500, 2000)

    store.run(main)


def test_a_day_tells_what_its_calls_cost_and_the_balance_at_its_end(store: Store) -> None:
    """Of a done call, a fault that may have been charged, and a refusal, two cost half a credit."""
    price = Quota("credits", Scope.ACCOUNT, None, Grant(), unit=Unit.CREDITS, primary=False)

    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection, 5)
            [window] = windows_at({}, ACCOUNT, "", [price], NOON, 0)
            await windows.open_windows(connection, [window])
            for end in (done, lambda one: faulted(one, NOON), throttled):
                calls = await try_start(
                    connection, batch, quotas=(*QUOTAS, price), cost=HALF_A_CREDIT
                )
                assert not isinstance(calls, Refused)
                [one] = calls
                await settle(connection, end(one))
            [day] = await reports.daily(connection)
            assert (day.credits, day.balance) == (None, None)
            for at, left in ((NOON - DAY, 9_800), (NOON - 1, 9_500), (NOON + DAY, 300)):
                await balances.note(
                    connection, ACCOUNT, available=left, frozen=0, counted=(0, 0), now=at
                )
            [day] = await reports.daily(connection, by_model=True)
            assert (day.credits, day.balance) == (1_000, 8_500)

    store.run(main)


def test_a_call_that_never_left_is_in_no_report(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection)
            assert await reports.daily(connection) == []
            await settle(connection, never_left(await start_one(connection, batch)))
            assert await reports.daily(connection) == []

    store.run(main)
    assert store.one("SELECT spent + reserved FROM windows WHERE model = ''") == 0


def test_the_windows_are_the_newest_of_each_account_and_model(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            assert await windows.latest_windows(connection, [ACCOUNT]) == {}
            batch = await submit(connection)
            for now in (NOON, NOON + DAY):
                one = await start_one(connection, batch, now=now)
                await settle(connection, done(one, left=1990), now=now)
            await submit(connection, digest="other", model="other")
            found = await windows.latest_windows(connection, [ACCOUNT])
            account, model = (found[key] for key in sorted(found))
            assert (account.model, account.period_key) == ("", "2026-11-25")
            assert (account.spent, account.limit_source) == (10, Source.HEADER)
            assert (model.model, model.period_key, model.previous_spent) == (MODEL, "2026-11-25", 1)

    store.run(main)


def test_windows_are_read_as_they_were_stored_whatever_of_them_has_changed(store: Store) -> None:
    counted = {"spent": 7, "reserved": 2, "by_clients": 1, "last_start_at": NOON, "limit": 9}
    moments = {"limit_learned_at": NOON, "counted_at": NOON, "unconfirmed": ((NOON, 1),)}
    parked = {"gate": Gate(parked_until=NOON + HOUR, why="busy"), "spent": 3}
    ruled = {"limit_source": Source.HEADER, "reserve": 4, "resets_at": NOON + HOUR}

    async def main(database: Database) -> None:
        async with database.write() as connection:
            opened = windows_at({}, ACCOUNT, MODEL, QUOTAS, NOON, 0)
            await windows.store(connection, [], [], opened)
            before = await windows.latest_windows(connection, [ACCOUNT])
            for change in (counted, moments, parked, ruled, {"others": ((NOON, 5),)}):
                first, *others = before.values()
                changed = replace(first, **change)
                await windows.store(connection, before.values(), [changed], others)
                after = await windows.latest_windows(connection, [ACCOUNT])
                assert list(after.values()) == [changed, *others]
                before = after

    store.run(main)


def test_a_window_that_has_gone_is_not_taken_for_stored(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            [window, *_] = windows_at({}, ACCOUNT, MODEL, QUOTAS, NOON, 0)
            with pytest.raises(DamageError):
                await windows.store(connection, [window], [replace(window, spent=1)], [])

    store.run(main)


def test_failures_come_in_the_order_of_the_input_with_their_rows(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            await submit(connection, 3, digest="another")
            batch = await submit(connection, 5, model="other")
            await open_gates(connection, batch)
            started = await start(connection, batch, 4)
            for one in reversed(started[1:]):
                await settle(connection, failed(one, f"why {one.jobs[0].job_id}"))
            found = await failures.first_failures(connection, batch, 2)
            assert [(one.row, one.error, one.payload) for one in found] == [
                (3, "why 6", '{"n":3}'),
                (4, "why 7", '{"n":4}'),
            ]
            assert found[0].replies == ("because: yes",)
            assert len(await failures.first_failures(connection, batch, 10)) == 3

    store.run(main)


def test_causes_of_many_failures_are_found_page_by_page(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "PAGE", 2)

    async def main(database: Database) -> None:
        async with database.write() as connection:
            await submit(connection, 3, digest="another")
            batch = await submit(connection, 5, model="other")
            await open_gates(connection, batch)
            for number, one in enumerate(await start(connection, batch, 4)):
                await settle(connection, failed(one, "no" if number == 1 else f"why {number}"))
            found = await failures.causes(connection, [batch])
            assert [(one.error, one.count, one.example) for one in found] == [
                ("why 0", 3, 2),
                ("no", 1, 3),
            ]
            assert len(found[0].job_ids) == 3

    store.run(main)


def test_an_export_pages_through_the_rows_in_the_order_of_the_input(store: Store) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            await submit(connection, 3, digest="before", model="other")
            batch = await submit(connection, 7)
            await open_gates(connection, batch)
            one, two, three = await start(connection, batch, 3)
            await settle(connection, done(two, "no"))
            await settle(connection, failed(one))
            await settle(connection, faulted(three, NOON + HOUR))
            await start_one(connection, batch)
            await submit(connection, 3, digest="behind", model="other")
        after, pages = 0, []
        async with database.read() as connection:
            while page := await batch_rows.export_page(connection, batch, after, 3):
                pages.append([(row.state, row.answer, row.model) for row in page])
                assert [row.payload for row in page] == [
                    f'{{"n":{row.job_id - batch.first_job + 1}}}' for row in page
                ]
                after = page[-1].job_id
        assert pages == [
            [("succeeded", "yes", MODEL), ("failed", None, MODEL), ("succeeded", "no", MODEL)],
            [("queued", None, None), ("running", None, None), ("queued", None, None)],
            [("queued", None, None)],
        ]

    store.run(main)


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (BatchState.CANCELLED, "cancelled"),
        (BatchState.PAUSED, "queued"),
        (BatchState.ACTIVE, "queued"),
    ],
)
def test_rows_of_a_cancelled_batch_say_so_unless_they_have_ended(
    store: Store, state: BatchState, word: str
) -> None:
    async def main(database: Database) -> None:
        async with database.write() as connection:
            batch = await submit(connection, 4)
            await open_gates(connection, batch)
            late, waiting, _ = await start(connection, batch, 3)
            await settle(connection, faulted(waiting, NOON))
            await batch_updates.set_batch_state(connection, batch.id, state)
            batch = await reread(connection, batch)
            page = await batch_rows.export_page(connection, batch, 0, 10)
            assert [row.state for row in page] == ["succeeded", "running", word, "running"]
            await settle(connection, done(late))
            page = await batch_rows.export_page(connection, batch, 0, 10)
            assert [row.state for row in page] == ["succeeded", "succeeded", word, "running"]

    store.run(main)

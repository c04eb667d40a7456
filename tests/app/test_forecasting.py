"""When batches that share an allowance will be done."""

from dataclasses import replace

from runner.app.status.forecasting import Forecaster
from runner.core.calendar import day_at
from runner.core.demand import Cap, Rotate, Rules
from runner.core.gate import OPEN
from runner.core.pacing import Pace
from runner.core.packing import Packing
from runner.core.period import Calendar
from runner.core.states import BatchState, Counts
from runner.core.verdict import Scope
from runner.core.window import Quota, open_window
from runner.engine.snapshot import Snapshot
from runner.providers.account import Account
from runner.providers.presets import preset
from runner.store.batches import Batch

ZONE = "Asia/Shanghai"
NOW = day_at(1_795_500_000_000, ZONE).starts_at
DAY = 24 * 3_600_000
DAILY = Quota("calls a day", Scope.ACCOUNT, 100, Calendar("day", ZONE))
WINDOW = replace(open_window(DAILY, "mine", "", NOW), gate=OPEN)
ACCOUNT = Account("mine", preset("modelscope"), None, (DAILY,))
FORECASTER = Forecaster((ACCOUNT,), Rules(Pace.ASAP))


def batch(number: int, rows: int, priority: int = 0, pack: int = 1) -> Batch:
    return Batch(
        id=number,
        name="b",
        digest=str(number),
        state=BatchState.ACTIVE,
        pause_reason="",
        priority=priority,
        models=("m",),
        rotate=Rotate.PREFER,
        max_calls=None,
        job_json="{}",
        input="in.csv",
        columns_json="[]",
        first_job=1,
        rows=rows,
        created_at=NOW,
        counts=Counts(ready=rows),
        rows_loaded=rows,
        packing=Packing(pack),
    )


def days(which: int, *found: Batch, made: int = 0) -> int:
    """On which day the batch with this number will be done, of those that share a hundred a day.

    Client "ada" may make ten a day, and has `made` some of today's.
    """
    by_id = {b.id: b for b in found}
    latest = {("mine", "", DAILY.name): WINDOW}
    snapshot = Snapshot(by_id, latest, {}, next_due=None, last_call_id=0)
    cap = Cap("ada", 10 - made, "why", NOW + DAY)
    told = FORECASTER.queue_forecast(snapshot, NOW, {"ada": cap}, {"ada": 10}).finish(by_id[which])
    assert told is not None
    return 1 + (told.finish_at - NOW) // DAY


def test_batches_that_share_alike_share_the_days() -> None:
    assert days(1, batch(1, 250)) == 3
    assert days(1, batch(1, 250), batch(2, 250)) == 5
    assert days(1, batch(1, 90), batch(2, 250)) == 2
    assert days(2, batch(1, 90), batch(2, 250)) == 4


def test_a_batch_that_goes_first_waits_for_none() -> None:
    assert days(1, batch(1, 150, priority=-1), batch(2, 250)) == 2
    assert days(2, batch(1, 150, priority=-1), batch(2, 250)) == 4


def test_rows_that_share_calls_count_as_calls() -> None:
    assert days(1, batch(1, 1_000, pack=20), batch(2, 1_000, pack=20)) == 1


def test_a_client_that_may_make_only_so_many_calls_a_day_waits_for_its_days() -> None:
    def of_ada(number: int, rows: int) -> Batch:
        return replace(batch(number, rows), client="ada")

    assert days(1, batch(1, 25)) == 1
    assert days(1, of_ada(1, 10)) == 1
    assert days(1, of_ada(1, 10), made=1) == 2
    assert days(1, of_ada(1, 25)) == 3
    assert days(1, of_ada(1, 25), made=10) == 4
    assert days(1, of_ada(1, 25), of_ada(2, 10)) == 4, "they share her calls"
    assert days(1, of_ada(1, 25), batch(2, 500)) == 3
    assert days(1, of_ada(1, 25), batch(2, 500, priority=-1)) == 6

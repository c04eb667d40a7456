"""When batches that share an allowance will be done."""

from dataclasses import replace

from runner.engine.view import View

from runner.app.forecasting import Outlook
from runner.core.admission import Demand, Rotate, Rules
from runner.core.calendar import day_at
from runner.core.gate import Gate
from runner.core.pacing import Pace
from runner.core.packing import Packing
from runner.core.period import Calendar
from runner.core.states import BatchState, Counts
from runner.core.verdict import Scope
from runner.core.window import Quota, open_window
from runner.providers.account import Account
from runner.providers.presets import preset
from runner.store.batches import Batch

ZONE = "Asia/Shanghai"
NOW = day_at(1_795_500_000_000, ZONE).starts_at
DAY = 24 * 3_600_000
WAY = ("mine", "m")
DAILY = Quota("calls a day", Scope.ACCOUNT, 100, Calendar("day", ZONE))
WINDOW = replace(open_window(DAILY, "mine", "", NOW), gate=Gate(needs_probe=False, answered=True))
ACCOUNT = Account("mine", preset("modelscope"), None, (DAILY,))
OUTLOOK = Outlook((ACCOUNT,), Rules(Pace.ASAP))


def batch(number: int, rows: int, priority: int = 0, pack: int = 1) -> Batch:
    return Batch(
        number, "b", str(number), BatchState.ACTIVE, "", priority, ("m",), Rotate.PREFER, None, 0,
        "{}", "in.csv", "[]", 1, rows, rows, NOW, Counts(ready=rows), Packing(pack),
    )  # fmt: skip


def days(which: int, *found: Batch) -> int:
    """On which day the batch with this number will be done, of those that share a hundred a day."""
    demands = tuple(
        Demand(b.id, (WAY,), b.counts.ready, b.priority, pack=b.packing.most) for b in found
    )
    view = View(found, demands, {WAY: (WINDOW,)}, None)
    told = OUTLOOK.finish(next(b for b in found if b.id == which), view, NOW)
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

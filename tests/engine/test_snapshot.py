"""Which ways there are to the models of a batch, and which windows are remembered."""

from dataclasses import replace

from runner.core.period import Calendar
from runner.core.verdict import Scope
from runner.core.window import Quota, open_window
from runner.engine.snapshot import Snapshot, routes_of
from runner.providers.account import Account
from runner.providers.presets import preset

MINE = Account("mine", preset("modelscope"), None, ())
STUDIO = Account("studio", preset("model-studio"), None, (), models={"small": "small-v1"})


def test_all_models_of_an_account_go_before_the_next_account() -> None:
    """The next one may cost money: what is left on the first goes first."""
    assert routes_of(("small", "large"), (MINE, STUDIO))[:3] == (
        ("mine", "small"),
        ("mine", "large"),
        ("studio", "small-v1"),
    )


DAY = 86_400_000
RULE = Quota("calls a day", Scope.ACCOUNT, 100, Calendar("day", "UTC"))
EMPTY = Snapshot({}, {}, {}, None, 0)


def test_a_window_of_the_past_is_forgotten_once_its_last_call_has_ended() -> None:
    """Or a runner would remember one for each day that it has run."""
    yesterday = replace(open_window(RULE, "mine", "", 20_000 * DAY), reserved=1)
    today = open_window(RULE, "mine", "", 20_001 * DAY)
    after_midnight = EMPTY.with_windows((), [yesterday]).with_windows((), [today])
    assert list(after_midnight.superseded.values()) == [yesterday]
    ended = after_midnight.with_windows([replace(yesterday, reserved=0)])
    assert ended.superseded == {}
    assert list(ended.latest.values()) == [today]


def test_a_window_of_the_past_is_remembered_while_its_probe_is_under_way() -> None:
    """A probe may have reserved nothing there."""
    yesterday = open_window(RULE, "mine", "", 20_000 * DAY)
    probed = replace(yesterday, gate=replace(yesterday.gate, probe_in_flight=True))
    today = open_window(RULE, "mine", "", 20_001 * DAY)
    after_midnight = EMPTY.with_windows((), [probed]).with_windows((), [today])
    assert list(after_midnight.superseded.values()) == [probed]


def test_a_window_of_the_past_without_calls_is_forgotten_at_once() -> None:
    yesterday, today = (open_window(RULE, "mine", "", day * DAY) for day in (20_000, 20_001))
    assert EMPTY.with_windows((), [yesterday]).with_windows((), [today]).superseded == {}

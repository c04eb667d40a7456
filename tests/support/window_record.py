"""A runner's windows, kept as its ledger keeps them; and that no window is opened amiss.

It knows nothing of what the provider has really counted.
"""

from dataclasses import dataclass, field, replace

from runner.core import charging
from runner.core.charging import Outcome
from runner.core.renewal import roll_over, without_superseded_limits
from runner.core.verdict import Scope
from runner.core.window import Quota, Window, open_window
from support.fate import Fate
from support.judge import Call, Place

ACCOUNT = "mine"


@dataclass
class WindowRecord:
    """Every window ever opened, as the ledger keeps them."""

    fate: Fate
    windows: dict[Place, Window] = field(default_factory=dict)
    latest: dict[tuple[str, str], Window] = field(default_factory=dict)
    periods: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    looked: dict[tuple[str, str], int] = field(default_factory=dict)

    def open(self, model: str, now: int) -> tuple[Window, ...]:
        """The windows that a call to `model` touches, the ledger's way: no day goes back."""
        keyed = [
            (rule, (rule.name, model * (rule.scope is Scope.MODEL))) for rule in self.fate.belief
        ]
        starts = [w.starts_at for _, key in keyed if (w := self.latest.get(key)) and w.period_key]
        moment = max([now, *starts])
        return without_superseded_limits(
            tuple(self.roll_over(rule, *key, moment) for rule, key in keyed)
        )

    def roll_over(self, rule: Quota, name: str, model: str, now: int) -> Window:
        old = self.latest.get((name, model))
        if old is None:
            window = open_window(rule, ACCOUNT, model, now)
        else:
            window = roll_over(old, rule, now, self.fate.margin)
            if window.period_key != old.period_key:
                assert window.period_key > old.period_key
                assert window.starts_at >= old.resets_at
                assert (window.spent, window.reserved, window.gate.needs_probe) == (0, 0, True)
        if old is None or window.period_key != old.period_key:
            assert (name, model, window.period_key) not in self.windows
            self.periods.setdefault((name, model), []).append(window.period_key)
        self.keep(window)
        return window

    def keep(self, window: Window) -> None:
        assert window.spent >= 0
        assert window.reserved >= 0
        self.windows[window.quota, window.model, window.period_key] = window
        last = self.latest.get((window.quota, window.model), window)
        if last.period_key <= window.period_key:
            self.latest[window.quota, window.model] = window

    def end(self, call: Call, end: Outcome, now: int) -> None:
        for place, held in call.held.items():
            told = replace(end, probe=call.probe, sent_at=call.sent_at)
            self.keep(charging.settle_window(self.windows[place], told, now, held))

"""The state of a route's controller between two events; controller.py says what changes it.

The states are named tuples: one is replaced at every turn of the engine, which costs a third of the
time that a frozen dataclass does.
"""

from __future__ import annotations

from typing import NamedTuple

from runner.core.backoff import Backoff
from runner.core.in_flight import InFlight
from runner.core.random_refusals import RandomRefusals
from runner.core.start_rate import StartRate

NEVER = 1 << 60


class Tally(NamedTuple):
    """Counts of accepted calls: a call counts as accepted until it is refused.

    Times without demand are excluded, by moving the moments at which counting began.

    Attributes:
        since: When the last refusal came, or the first call started; None before that.
        admitted: The number of calls accepted since then.
        cycle_at: When the last backoff ended, or the first call started.
        cycle: The number of calls accepted since then.
        free_at: Since when another call could have been in flight; `NEVER` when none could.
        paced: Whether the last start had waited for the rate, not for room.
        beside: The number of calls in flight with the last start, itself included.
        most: The largest such number of the starts before it, since the last refusal.
    """

    since: int | None = None
    admitted: int = 0
    cycle_at: int = 0
    cycle: int = 0
    free_at: int = NEVER
    paced: bool = False
    beside: int = 0
    most: int = 0


class Cut(NamedTuple):
    """The last refusal that counted, and the state before it.

    Attributes:
        at: When it came.
        admitted: The number of calls accepted since the refusal before.
        ms: The time since that refusal, in ms.
        beside: The number of other calls in flight.
        before: The state before it.
    """

    at: int = -1
    admitted: int = 0
    ms: int = 1
    beside: int = 0
    before: Controller | None = None


class Controller(NamedTuple):
    """The state of a route between two events.

    Attributes:
        in_flight: The search for the number of calls in flight.
        usual_ms: The duration of a call in ms, smoothed.
        tally: The counts of accepted calls.
        rate: The search for the start rate; None while the rate is not what limits calls.
        hold_until: No call starts before this moment.
        refusal_ms: The duration of a refusal in ms: a decaying maximum.
        backoff: The consecutive refusals, if every call is refused.
        cut: The last refusal that counted.
        random: The refusals that do not depend on load.
        before_experiment: The state before the present experiment at less load.
    """

    in_flight: InFlight
    usual_ms: float = 0.0
    tally: Tally = Tally()
    rate: StartRate | None = None
    hold_until: int = 0
    refusal_ms: int = 0
    backoff: Backoff = Backoff()
    cut: Cut = Cut()
    random: RandomRefusals = RandomRefusals()
    before_experiment: Controller | None = None

    @property
    def allowed(self) -> int:
        """The number of calls that may be in flight."""
        return 1 if self.backoff.refusals else self.in_flight.number

    @property
    def per_second(self) -> float | None:
        """The number of calls that may start in a second; None if that does not limit them."""
        return self.rate.rate * 1_000 if self.rate and self.tally.paced else None

    @property
    def rate_allowed(self) -> float:
        """The number of calls that may start in a ms: by the rate, else by the number in flight."""
        return self.rate.rate if self.rate else self.in_flight.number / max(1.0, self.usual_ms)

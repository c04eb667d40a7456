"""What is wanted: demands for calls, the user's rules for them, and why one waits.

Which of them may start is admission.py's to decide.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from runner.core.gate import ParkReason
from runner.core.hours import Hours
from runner.core.pacing import Pace
from runner.core.route import Route
from runner.core.window import Window


class Rotate(StrEnum):
    """How the routes of a demand are used."""

    PREFER = "prefer"  # in order: the next one when the one before cannot go on
    SPREAD = "spread"  # all of them, the one with the most room first


class WaitCause(StrEnum):
    """Why a demand waits, where no window's gate says it."""

    CONCURRENCY = "concurrency"  # as many calls are in flight as are allowed
    IN_FLIGHT = "in flight"  # its jobs are all in calls under way
    DUE = "due"  # its jobs wait for a retry
    HOURS = "hours"  # outside the hours that the user allows
    CAPPED = "capped"  # as many calls were made as the user allows
    DAILY = "daily"  # likewise, but for today only
    PACE = "pace"  # the day's budget is spread over the day
    LAST_CALL = "last call"  # it is kept, to find out later in the day what was added
    RATE = "rate"  # calls may start only so fast
    FLOW = "flow"  # a rolling or refilling window is full for the moment


Cause = WaitCause | ParkReason


@dataclass(frozen=True, slots=True)
class Rules:
    """What the user wants: how to spend a budget, and at which hours.

    `waits`: whether the run goes on through the day, so that a call may be kept for later.
    """

    pace: Pace = Pace.AUTO
    hours: Hours | None = None
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Cap:
    """How many more calls the user allows some demands to make together.

    Attributes:
        whose: Demands with the same value share it.
        left: Calls that are left of it.
        why: What is said where none is.
        until: When there are more again (ms since the epoch); None: there will be no more.
    """

    whose: int | str
    left: int
    why: str = "as many calls as the job file allows"
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Demand:
    """A wish for calls.

    Attributes:
        key: Whose it is: the id of a batch; of requests of clients, a negative number.
        routes: The routes that its calls may take, the preferred one first.
        ready: Calls that may start now, as far as the demand itself goes.
        priority: Lower goes first.
        waiting: Calls that wait for a retry.
        due: When the first of those is due (ms since the epoch).
        rotate: How its routes are used.
        caps: What the user allows it, and others with it; without any, as many as it takes.
        share: Calls that it has had beside the others.
        in_flight: Calls of it under way.
        pending: Whether the provider works on something that was paid for it.
        backlog: All calls it still needs; None: those that are ready or wait.
        rules: What the user wants of it.
        interactive: Whether somebody waits for it: it goes before all that are not, whatever
            their priority, and may take what is reserved.
    """

    key: int
    routes: tuple[Route, ...]
    ready: int
    priority: int = 0
    waiting: int = 0
    due: int | None = None
    rotate: Rotate = Rotate.PREFER
    caps: tuple[Cap, ...] = ()
    share: int = 0
    in_flight: int = 0
    pending: bool = False
    backlog: int | None = None
    rules: Rules = field(default_factory=Rules)
    interactive: bool = False

    @property
    def order(self) -> tuple[bool, int, int, int]:
        """What demands are sorted by: the first goes first."""
        return not self.interactive, self.priority, self.share, self.key

    @property
    def left(self) -> int | None:
        """Calls that the user still allows it, today and later; None: as many as it takes."""
        return min((cap.left for cap in self.caps if cap.until is None), default=None)

    @property
    def calls(self) -> int:
        """How many calls it still needs."""
        return self.ready + self.waiting if self.backlog is None else self.backlog


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a demand does not go on, and until when (None: until a call in flight ends)."""

    key: int
    cause: Cause
    why: str
    until: int | None
    window: Window | None = None

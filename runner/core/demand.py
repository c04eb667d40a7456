"""Demands for calls, the user's rules for them, and the reasons why one waits.

Which calls may start is decided in admission.py.
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

    PREFER = "prefer"  # in order: the next one when those before it must wait
    SPREAD = "spread"  # all of them, the one with the most room first


class WaitCause(StrEnum):
    """Why a demand waits, where the reason is not a window's gate."""

    CONCURRENCY = "concurrency"  # as many calls are in flight as are allowed
    IN_FLIGHT = "in flight"  # its jobs are all in calls in flight
    DUE = "due"  # its jobs wait for a retry
    HOURS = "hours"  # outside the hours that the user allows
    CAPPED = "capped"  # as many calls were made as the user allows
    DAILY = "daily"  # as many calls were made today as the user allows a day
    PACE = "pace"  # the day's budget is spread over the day
    RATE = "rate"  # the account's limit of starts per second
    WINDOW_FULL = "flow"  # a rolling or refilling window is full for the moment


PASSING = frozenset({WaitCause.IN_FLIGHT, WaitCause.CONCURRENCY, WaitCause.RATE})
"""The causes that change with every call; there is no moment until which one waits."""

Cause = WaitCause | ParkReason


@dataclass(frozen=True, slots=True)
class Rules:
    """The user's rules: how to spend a budget, and at which hours (None: at all hours)."""

    pace: Pace = Pace.AUTO
    hours: Hours | None = None


@dataclass(frozen=True, slots=True)
class Cap:
    """The user's limit on the calls of some demands together.

    Attributes:
        whose: The key of the cap; demands with the same key share it.
        left: The number of calls left.
        why: The reason that is shown when none is left.
        until: When the cap is renewed (ms since the epoch); None if it is not.
    """

    whose: int | str
    left: int
    why: str = "as many calls as the job file allows"
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Demand:
    """A demand for calls, of a batch or of requests of clients.

    Attributes:
        key: The id of its batch; a negative number for requests of clients.
        routes: The routes that its calls may take, the preferred one first.
        ready: The number of calls that it could start now.
        priority: Its priority; lower goes first.
        retrying: The number of calls that wait for a retry.
        due: When the first of those is due (ms since the epoch).
        rotate: How its routes are used.
        caps: The user's caps on its calls; none for any number.
        share: The number of calls that it has had, for fair sharing with others.
        in_flight: The number of its calls in flight.
        pending: Whether the provider works on a task that was paid for.
        backlog: The number of calls that it still needs; None for `ready` and `retrying`.
        rules: The user's rules for it.
        interactive: Whether somebody waits for it. Then it goes before all that are not, whatever
            their priority, and may use the reserve.
    """

    key: int
    routes: tuple[Route, ...]
    ready: int
    priority: int = 0
    retrying: int = 0
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
        """The sort key of demands."""
        return not self.interactive, self.priority, self.share, self.key

    @property
    def left(self) -> int | None:
        """The number of calls that the user still allows it in all; None for any number."""
        return min((cap.left for cap in self.caps if cap.until is None), default=None)

    @property
    def calls(self) -> int:
        """The number of calls that it still needs."""
        return self.ready + self.retrying if self.backlog is None else self.backlog


@dataclass(frozen=True, slots=True)
class WaitReason:
    """Why a demand waits, and until when (None: until a call in flight ends)."""

    key: int
    cause: Cause
    why: str
    until: int | None
    window: Window | None = None

    def of(self, key: int) -> WaitReason:
        """Returns the same reason for another demand."""
        return WaitReason(key, self.cause, self.why, self.until, self.window)

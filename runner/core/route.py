"""RouteStates: the ways of calls, each to one model on one account; and how much room they have together.

It knows windows and what is under way; who may go, and when, admission.py decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from runner.core.concurrency import Concurrency
from runner.core.period import Calendar
from runner.core.verdict import Scope
from runner.core.window import ONE_CALL, Cost, Window

Route = tuple[str, str]  # an account, and a model on it


@dataclass(frozen=True, slots=True)
class RouteState:
    """The way of one model's calls: its windows, what a call costs, and what is under way."""

    windows: tuple[Window, ...]
    concurrency: Concurrency = field(default_factory=Concurrency)
    in_flight: int = 0
    cost: Cost = field(default_factory=lambda: ONE_CALL)

    @property
    def remaining(self) -> int | None:
        """How many more calls its windows have room for; None when no limit is known."""
        return _least([window.calls_left(self.cost) for window in self.windows])

    @property
    def last_start(self) -> int | None:
        """When its latest call started, whichever runner made it."""
        own = [w for w in self.windows if w.model] or self.windows
        return max((w.started_at for w in own if w.started_at is not None), default=None)


def room_of(
    states: Mapping[Route, RouteState], busy: AbstractSet[Route] = frozenset()
) -> int | None:
    """How many calls several states have room for together; None when no limit is known.

    The states of one account share its windows: ``min(C, c1 + c2 + ...)``. Of `C` they have a
    part, if others of the `busy` states are the same account's.
    """
    total = 0
    for account in sorted({route[0] for route in states}):
        own = [state for route, state in states.items() if route[0] == account]
        sharing = max(len(own), sum(route[0] == account for route in busy))
        shared = _scoped(own[0], Scope.ACCOUNT)
        part = None if shared is None else -(-shared * len(own) // sharing)
        room = _least([part, _sum([_scoped(state, Scope.MODEL) for state in own])])
        if room is None:
            return None
        total += room
    return total


def _scoped(state: RouteState, scope: Scope) -> int | None:
    """What the windows of one scope leave, of those that a calendar renews."""
    of_scope = [w for w in state.windows if w.scope is scope and isinstance(w.period, Calendar)]
    return replace(state, windows=tuple(of_scope)).remaining


def _least(values: Sequence[int | None]) -> int | None:
    return min((value for value in values if value is not None), default=None)


def _sum(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None

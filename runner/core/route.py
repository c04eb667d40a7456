"""Routes: the state of a model on an account, and the room of several routes together.

Which calls may start is decided in admission.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from runner.core import controller
from runner.core.controller_state import Controller
from runner.core.verdict import Scope
from runner.core.window import ONE_CALL, Cost, Window

Route = tuple[str, str]
"""An account and a model on it."""


UNKNOWN = controller.new(1, 256)
"""The controller of a route before its first call."""


@dataclass(frozen=True, slots=True)
class RouteState:
    """The state of a route at one moment.

    Attributes:
        windows: The windows that its calls touch: those of the account and those of the model.
        controller: The limits on its calls in flight and on their start rate.
        in_flight: The number of calls of this process in flight.
        cost: The amounts that one call reserves, by unit.
        refusal: The provider's words when it last refused a call; empty if it has answered since.
    """

    windows: tuple[Window, ...]
    controller: Controller = field(default_factory=lambda: UNKNOWN)
    in_flight: int = 0
    cost: Cost = field(default_factory=lambda: ONE_CALL)
    refusal: str = ""

    @property
    def remaining(self) -> int | None:
        """The number of calls that its windows still allow; None when no limit is known."""
        return _least([window.calls_left(self.cost) for window in self.windows])

    @property
    def last_start(self) -> int | None:
        """When its latest call started, in any process (ms since the epoch)."""
        own = [w for w in self.windows if w.model] or self.windows
        return max((w.last_start_at for w in own if w.last_start_at is not None), default=None)


def room_of(
    states: Mapping[Route, RouteState], busy: AbstractSet[Route] = frozenset()
) -> int | None:
    """Returns how many calls several routes allow together; None when no limit is known.

    The routes of one account share its windows: ``min(C, c1 + c2 + ...)``. If other `busy` routes
    belong to the same account, only a part of `C` counts.
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


def with_windows(state: RouteState, changed: Mapping[tuple[str, str], Window]) -> RouteState:
    """Returns `state` with `changed` windows in place of those of the same model and quota."""
    windows = tuple(changed.get((w.model, w.quota), w) for w in state.windows)
    return replace(state, windows=windows)


def _scoped(state: RouteState, scope: Scope) -> int | None:
    """Returns how many calls the calendar windows and the credits of one scope still allow."""
    return _least(
        [
            window.calls_left(state.cost)
            for window in state.windows
            if window.scope is scope and window.is_allowance
        ]
    )


def _least(values: Sequence[int | None]) -> int | None:
    return min((value for value in values if value is not None), default=None)


def _sum(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None

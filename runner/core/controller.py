"""Interim: replaced by the learned controller."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Controller:
    """How many calls may be in flight."""

    allowed: int = 2
    ceiling: int = 32
    streak: int = 0


def room(state: Controller, in_flight: int, now: int) -> tuple[int, int | None]:
    """How many calls may start."""
    return state.allowed - in_flight, None


def started(state: Controller, count: int, now: int) -> Controller:
    """Calls have started."""
    return state


def answered(state: Controller, sent_at: int, now: int, in_flight: int) -> Controller:
    """One more allowed after as many answers as were allowed."""
    streak = state.streak + 1
    if streak < state.allowed or state.allowed >= state.ceiling:
        return replace(state, streak=streak)
    return replace(state, allowed=state.allowed + 1, streak=0)


def new(start: int, ceiling: int) -> Controller:
    """One that has learned nothing."""
    return Controller(start, ceiling)


def throttled(
    state: Controller, sent_at: int, wait_ms: int | None, now: int, in_flight: int
) -> Controller:
    """Half as many."""
    return replace(state, allowed=max(1, state.allowed // 2), streak=0)


def faulted(state: Controller, now: int) -> Controller:
    """No growth."""
    return state


def exhausted(state: Controller, now: int) -> bool:
    """Interim."""
    return True

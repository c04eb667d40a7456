"""How many calls may be in flight at once, learned as TCP learns: additive up, halved down.

It knows one number and its history; providers promise only a single call at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Concurrency:
    """How many calls may be in flight, now (`allowed`) and ever (`ceiling`).

    `streak` counts the answers since `allowed` last changed.
    """

    allowed: int = 2
    ceiling: int = 32
    streak: int = 0


def answered(state: Concurrency) -> Concurrency:
    """One more allowed after as many answers as were allowed: about one a round trip."""
    streak = state.streak + 1
    if streak < state.allowed or state.allowed >= state.ceiling:
        return replace(state, streak=streak)
    return replace(state, allowed=state.allowed + 1, streak=0)


def throttled(state: Concurrency) -> Concurrency:
    """Half as many; the caller leaves out refusals of the same burst."""
    return replace(state, allowed=max(1, state.allowed // 2), streak=0)

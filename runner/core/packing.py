"""Packing of several jobs into one call."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Packing:
    """The limits on the jobs of one call.

    Attributes:
        most: The largest number of jobs in one call, at least 1.
        budget: The largest size of the input rows of a call with several jobs, in bytes; None for
            any size.
    """

    most: int = 1
    budget: int | None = None

    def pack_size(self, splits: int) -> int:
        """Returns how many jobs a call may have if one of them has seen `splits` splits."""
        return max(1, self.most >> splits)

    def calls(self, jobs: int) -> int:
        """Returns how many calls `jobs` jobs need if each call is full and every answer valid."""
        return -(-jobs // self.most)


ALONE = Packing()
"""One job for each call."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A job that is ready to be called; `size` is that of its row in bytes."""

    job_id: int
    splits: int = 0
    size: int = 0


def fill(candidates: Iterable[Candidate], packing: Packing) -> list[tuple[Candidate, ...]]:
    """Returns the candidates in packs, filled in order; the last pack may not be full.

    A pack is closed when the next job would exceed the pack size of any job in it, or the budget.
    """
    if packing.most == 1:
        return [(candidate,) for candidate in candidates]
    packs: list[tuple[Candidate, ...]] = []
    pack: list[Candidate] = []
    bound, size = packing.most, 0
    for candidate in candidates:
        own = packing.pack_size(candidate.splits)
        bound, size = min(bound, own), size + candidate.size
        over = packing.budget is not None and size > packing.budget
        if pack and (over or len(pack) >= bound):
            packs.append(tuple(pack))
            pack, bound, size = [], own, candidate.size
        pack.append(candidate)
    return [*packs, tuple(pack)] if pack else packs


def is_full(pack: tuple[Candidate, ...], packing: Packing) -> bool:
    """Whether no further job may join `pack`, whatever its size."""
    return len(pack) >= packing.pack_size(max(candidate.splits for candidate in pack))

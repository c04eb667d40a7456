"""How jobs share calls: which ready jobs go together, and how many calls that takes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Packing:
    """How many jobs a call may carry.

    Attributes:
        most: Jobs in one call, at least 1.
        budget: Bytes of input rows in one call, of those that are not alone; None: any number.
    """

    most: int = 1
    budget: int | None = None

    def pack_size(self, splits: int) -> int:
        """How many jobs may share a call with one whose pack was split so often, and with it."""
        return max(1, self.most >> splits)

    def calls(self, jobs: int) -> int:
        """How many calls `jobs` take if each is full and every answer is good."""
        return -(-jobs // self.most)


ALONE = Packing()
"""One job a call."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A job that is ready to go; `size` is that of its row, in bytes."""

    job_id: int
    splits: int = 0
    size: int = 0


def fill(candidates: Iterable[Candidate], packing: Packing) -> list[tuple[Candidate, ...]]:
    """The packs that the candidates make, filled in order; the last one may not be full.

    A pack closes when the next job would break the bound of any job in it, or its budget.
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
    return len(pack) >= packing.pack_size(max(one.splits for one in pack))

"""How jobs share a call: which of those that are ready go together, and how many calls that takes.

It knows sizes and splits; what a row asks, and what a call costs, it refuses to know.
"""

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
        """How many jobs may share a call with one that was halved so often, itself included."""
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


def fill(
    candidates: Iterable[Candidate], packing: Packing, calls: int
) -> list[tuple[Candidate, ...]]:
    """The jobs of up to `calls` calls, filled in order.

    A call closes when the next job would break the bound of any job in it, or its budget.
    """
    packs: list[tuple[Candidate, ...]] = []
    pack: tuple[Candidate, ...] = ()
    for candidate in candidates:
        if pack and not _fits((*pack, candidate), packing):
            packs.append(pack)
            if len(packs) == calls:
                return packs
            pack = ()
        pack = (*pack, candidate)
    return [*packs, pack] if pack else packs


def _fits(pack: tuple[Candidate, ...], packing: Packing) -> bool:
    bound = packing.pack_size(max(one.splits for one in pack))
    size = sum(one.size for one in pack)
    return len(pack) <= bound and (packing.budget is None or size <= packing.budget)

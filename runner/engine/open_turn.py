"""A turn while its transaction is open."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from runner.engine.memory import Memory
from runner.engine.snapshot import Snapshot
from runner.store.counts import Changes


@dataclass(slots=True)
class OpenTurn:
    """What the steps of a turn have decided so far; it is forgotten if the transaction fails.

    Attributes:
        connection: A connection inside a transaction that holds the write lock.
        now: The moment of the turn, by the provider's clock (ms since the epoch).
        memory: The engine's state, which every step may replace.
        changes: The changes of the counts of batches, which are written at the end of the turn.
        paused: The batches that the turn has paused.
    """

    connection: AsyncConnection
    now: int
    memory: Memory
    changes: Changes = field(default_factory=Changes)
    paused: set[int] = field(default_factory=set)

    @property
    def snapshot(self) -> Snapshot:
        """The queue and the windows."""
        return self.memory.snapshot

    @snapshot.setter
    def snapshot(self, snapshot: Snapshot) -> None:
        self.memory = replace(self.memory, snapshot=snapshot)

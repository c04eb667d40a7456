"""Reads other processes' changes at every tick, and rescues the jobs of dead runners.

A runner may wait for days. So a tick without changes costs a single query.
"""

from __future__ import annotations

from dataclasses import replace

import anyio

from runner.engine import event_log
from runner.engine.account_pool import AccountPool
from runner.engine.memory import UNKNOWN_REVISION, Memory
from runner.engine.snapshot import read_snapshot
from runner.store import liveness, runners
from runner.store.database import Database


class QueueReader:
    """Keeps the memory of one engine up to date with its database."""

    def __init__(
        self, database: Database, accounts: AccountPool, tick_s: float, runner_id: int
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._tick_s = tick_s
        self._runner_id = runner_id
        self._read_at = float("-inf")  # of the loop's time
        self._revision: tuple[int, int] = UNKNOWN_REVISION  # before the latest reading
        self._unended: list[int] = []  # the other runners that have not ended

    def expire(self) -> None:
        """Makes the next call of `current` read at once, after a write of this process."""
        self._read_at = float("-inf")

    async def current(self, memory: Memory | None, now: int) -> Memory:
        """Returns `memory`, read again if a tick has passed and any process has written since.

        A runner that dies writes nothing, so the locks of all others are tried at every tick, too.
        """
        if memory is not None and anyio.current_time() - self._read_at < self._tick_s:
            return memory
        self._read_at = anyio.current_time()  # before the reading, during which it may `expire`
        try:
            memory = await self._read(memory)
            if rescued := await runners.rescue_dead(self._database, self._unended, now):
                event_log.jobs_rescued(rescued)
                memory = await self._read(memory)
        except BaseException:
            self.expire()
            raise
        return memory

    async def _read(self, memory: Memory | None) -> Memory:
        revision = await self._database.latest_revision()
        if memory is not None and self._is_current(memory, revision):
            return memory
        async with self._database.read() as connection:
            snapshot = await read_snapshot(connection, self._accounts.names)
            self._unended = await liveness.unended(connection, self._runner_id)
        self._revision = revision or UNKNOWN_REVISION
        if memory is None:
            return Memory(snapshot, UNKNOWN_REVISION)
        return replace(memory, snapshot=snapshot, revision=UNKNOWN_REVISION)

    def _is_current(self, memory: Memory, revision: tuple[int, int] | None) -> bool:
        """Whether nobody has written since the latest reading but the turns of this engine."""
        if revision is None or revision[0] != self._revision[0]:
            return False  # another process has written, and may have registered a runner
        return revision in (self._revision, memory.revision)

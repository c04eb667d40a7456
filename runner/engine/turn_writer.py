"""Turns as transactions: one for all ended calls, or one for each if that cannot be stored.

A settlement that cannot be stored even alone is set aside whole, and its jobs fail instead: so it
neither ends the run nor gets lost, and its call is not paid for again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from runner.engine.call import EndedCall
from runner.engine.demands import RulesOf, admit_nothing
from runner.engine.memory import Memory, Turn
from runner.engine.posts import Posts
from runner.engine.scheduler import Scheduler
from runner.errors import RunnerError
from runner.store import set_aside
from runner.store.counts import Changes
from runner.store.database import Database

log = logging.getLogger(__name__)

Written = list[tuple[Turn, Sequence[EndedCall]]]
"""Committed turns, each with the calls that it has settled."""


class TurnWriter:
    """Commits the turns of a scheduler, together with posted work."""

    def __init__(
        self, database: Database, scheduler: Scheduler, posts: Posts, now: Callable[[], int]
    ) -> None:
        self._database = database
        self._scheduler = scheduler
        self._posts = posts
        self._now = now

    async def write(self, memory: Memory, ended: Sequence[EndedCall], rules_of: RulesOf) -> Written:
        """Writes one turn for all of `ended`, or one for each.

        Raises:
            StoreError: The database cannot be written, and the turn has changed nothing.
        """
        try:
            changes = Changes()
            async with self._database.write() as connection:
                posted = await self._posts.run(connection, changes)
                written = changes if posted else None
                turn = await self._scheduler.take_turn(
                    connection, memory, ended, rules_of, self._now(), written
                )
        except RunnerError:
            raise
        except Exception:
            if not ended:
                raise
            log.exception("what has ended cannot be stored together")
            return await self._write_one_by_one(memory, ended, rules_of)
        self._posts.finish(posted)
        return [(turn, ended)]

    async def _write_one_by_one(
        self, memory: Memory, ended: Sequence[EndedCall], rules_of: RulesOf
    ) -> Written:
        """Stores what can be stored and sets the rest aside; then starts what may start."""
        written: Written = []
        for ended_call in ended:
            try:
                async with self._database.write() as connection:
                    turn = await self._scheduler.take_turn(
                        connection, memory, [ended_call], admit_nothing, self._now()
                    )
            except RunnerError:
                raise
            except Exception as error:  # noqa: BLE001 - in any case the reply was paid for
                turn = await self._set_aside(memory, ended_call, error)
            written.append((turn, [ended_call]))
            memory = turn.memory
        async with self._database.write() as connection:
            turn = await self._scheduler.take_turn(connection, memory, [], rules_of, self._now())
        return [*written, (turn, ())]

    async def _set_aside(self, memory: Memory, ended: EndedCall, error: Exception) -> Turn:
        """Sets aside a settlement that cannot be stored, and fails its jobs."""
        call = ended.prepared.call
        extra = {"call": call.id, "batch": call.batch_id}
        log.error("settlement set aside: %r", error, exc_info=error, extra=extra)
        async with self._database.write() as connection:
            await set_aside.keep(connection, ended.set_aside(repr(error), self._now()))
            return await self._scheduler.take_turn(
                connection, memory, [ended.unstorable()], admit_nothing, self._now()
            )

"""Turns as transactions: one for all that has ended; where that cannot be stored, one for each.

A settlement that cannot be stored even alone is set aside whole, and its jobs fail instead: it
neither ends the run, nor is it dropped, nor is its call paid for again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from runner.engine.call import EndedCall
from runner.engine.memory import Memory, Turn
from runner.engine.posts import Posts
from runner.engine.scheduler import NOTHING, RulesOf, Scheduler
from runner.errors import RunnerError
from runner.store import set_aside
from runner.store.database import Database

log = logging.getLogger(__name__)

Written = list[tuple[Turn, Sequence[EndedCall]]]
"""Turns that are committed, each with the calls that it has settled."""


class TurnWriter:
    """Commits the turns of a scheduler, together with what was posted."""

    def __init__(
        self, database: Database, scheduler: Scheduler, posts: Posts, now: Callable[[], int]
    ) -> None:
        self._database = database
        self._scheduler = scheduler
        self._posts = posts
        self._now = now

    async def write(self, memory: Memory, ended: Sequence[EndedCall], rules_of: RulesOf) -> Written:
        """One turn for all of `ended`, or one for each.

        Raises:
            StoreError: The database cannot be written; nothing of the turn is.
        """
        try:
            async with self._database.write() as connection:
                posted = await self._posts.run(connection)
                turn = await self._scheduler.take_turn(
                    connection, memory, ended, rules_of, self._now(), stale=bool(posted)
                )
        except RunnerError:
            raise
        except Exception:
            if not ended:
                raise
            log.exception("what has ended cannot be stored together")
            return await self._write_one_by_one(memory, ended, rules_of)
        self._posts.settle(posted)
        return [(turn, ended)]

    async def _write_one_by_one(
        self, memory: Memory, ended: Sequence[EndedCall], rules_of: RulesOf
    ) -> Written:
        """Store what can be stored and set the rest aside; then start what may start."""
        written: Written = []
        for one in ended:
            try:
                async with self._database.write() as connection:
                    turn = await self._scheduler.take_turn(
                        connection, memory, [one], NOTHING, self._now()
                    )
            except RunnerError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, the reply was paid for
                turn = await self._set_aside(memory, one, error)
            written.append((turn, [one]))
            memory = turn.memory
        async with self._database.write() as connection:
            turn = await self._scheduler.take_turn(connection, memory, [], rules_of, self._now())
        return [*written, (turn, ())]

    async def _set_aside(self, memory: Memory, one: EndedCall, error: Exception) -> Turn:
        """Keep a settlement that cannot be stored, and fail its jobs instead."""
        call = one.prepared.call
        extra = {"call": call.id, "batch": call.batch_id}
        log.error("settlement set aside: %r", error, exc_info=error, extra=extra)
        async with self._database.write() as connection:
            await set_aside.keep(connection, one.set_aside(repr(error), self._now()))
            return await self._scheduler.take_turn(
                connection, memory, [one.unstorable()], NOTHING, self._now()
            )

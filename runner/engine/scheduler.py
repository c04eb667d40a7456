"""One turn of the engine: settle ended calls and admit new ones, in one transaction.

The state is in memory, and is read again only when another process has written. A turn returns the
new state with its decisions; the engine adopts both once the transaction is committed. A turn that
fails has changed nothing of that state. The jobs that it has taken out of the `ReadAhead` are ready
in the database still: the next turn finds another revision there than it expects, and clears the
cache. Clients' requests stay in their queue until the engine has adopted the turn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from random import Random

from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core import admission, settlement
from runner.core.admission import Admission, Permit
from runner.core.demand import Cap, Demand
from runner.core.retry import RetryAt
from runner.core.route import Route
from runner.core.selection import State, Wait, decide
from runner.core.settlement import Call, CallJob, RouteEvidence, Settlement
from runner.core.verdict import ANSWERED
from runner.core.window import Window
from runner.engine.account_pool import AccountPool
from runner.engine.bounds import Bounds
from runner.engine.call import EndedCall, PreparedCall, loop_ms, refused_by, settled
from runner.engine.client_queue import ClientQueue, is_of_client
from runner.engine.demands import Demands, RulesOf
from runner.engine.memory import UNKNOWN_REVISION, Memory, Turn
from runner.engine.open_turn import OpenTurn
from runner.engine.pausing import pause, pause_failing, pause_rejected, pause_unserved
from runner.engine.preparing import Preparer
from runner.engine.read_ahead import ReadAhead
from runner.engine.snapshot import read_snapshot, routes_of
from runner.store import jobs, refused_formats, windows
from runner.store.apply import apply, unsettled
from runner.store.batches import Batch
from runner.store.counts import Changes
from runner.store.database import Database
from runner.store.reserve import reserve
from runner.store.statement import defer_writes


class Scheduler:
    """Takes turns on one database."""

    def __init__(
        self,
        database: Database,
        accounts: AccountPool,
        clients: ClientQueue,
        bounds: Bounds,
        random: Random,
        runner_id: int,
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._clients = clients
        self._bounds = bounds
        self._random = random
        self._runner_id = runner_id
        self._read_ahead = ReadAhead()
        self._preparer = Preparer()

    async def take_turn(
        self,
        connection: AsyncConnection,
        memory: Memory,
        ended: Sequence[EndedCall],
        rules_of: RulesOf,
        now: int,
        written: Changes | None = None,
    ) -> Turn:
        """Settles `ended`, then admits the calls that the rules allow.

        Args:
            connection: A connection inside a transaction that holds the write lock.
            memory: The state before the turn.
            ended: The calls that have ended.
            rules_of: Returns the user's rules for a batch.
            now: The present moment, by the provider's clock (ms since the epoch).
            written: The changes of counts by what the caller has written within the transaction;
                None if it has written nothing.
        """
        defer_writes(connection)
        memory = await self._current(connection, memory, stale=written is not None)
        turn = OpenTurn(connection, now, memory, written or Changes())
        stored_windows = memory.snapshot.latest.values()
        settlements = self._settle(turn, ended)
        still_open = await unsettled(connection, settlements)
        # Before they are stored, since it changes what becomes of their jobs.
        settlements = await pause_rejected(turn, settlements, still_open)
        fresh = await apply(connection, settlements, still_open, self._runner_id, now, turn.changes)
        if len(fresh) < len(settlements):  # a late answer may end a job that is read ahead
            self._read_ahead.clear()
        # After they are stored, since it counts the jobs that have failed.
        await pause_failing(turn, self._bounds.options.most_failed)
        await refused_formats.keep(connection, refused_by(ended))
        changed = await self._settle_windows(turn, fresh)
        await self._promote_due(turn, fresh)
        await self._read_ahead.share_answers(
            connection, turn.snapshot.batches, settlements, now, turn.changes
        )
        demands, admitted = await self._admit(turn, rules_of)
        calls, opened = await self._reserve(turn, admitted)
        await turn.changes.write(connection)
        await windows.store(connection, stored_windows, changed, opened)
        turn.snapshot = turn.snapshot.with_changes(turn.changes).with_windows((), opened)
        return Turn(turn.memory, settlements, calls, demands, admitted.wait, turn.paused)

    def wait(self, memory: Memory, rules_of: RulesOf, now: int) -> Wait | None:
        """Returns what all demands wait for, from memory alone; None if a call may start."""
        if memory.revision == UNKNOWN_REVISION:
            self._read_ahead.clear()  # another process may have ended what holds jobs back
        caps = {
            name: cap
            for name, cap in memory.client_caps.items()
            if cap.until is None or now < cap.until  # those of yesterday hold no longer
        }
        wanted = self._demands(memory, rules_of)
        demands = wanted.present(Changes(), caps)
        decision = decide(self._state(memory, wanted.routes, now), demands, now)
        return decision if isinstance(decision, Wait) else None

    def routes(self, memory: Memory) -> set[Route]:
        """Returns every route that the calls of any batch may take."""
        accounts = self._accounts.accounts
        return {
            route
            for batch in memory.snapshot.batches.values()
            for route in routes_of(batch.models, accounts)
        }

    # ---- the steps of a turn, in order

    async def _current(self, connection: AsyncConnection, memory: Memory, *, stale: bool) -> Memory:
        """Returns `memory`, read again if another connection has written since."""
        revision = self._database.revision(connection)
        last = memory.revision
        if not stale and revision == (last[0], last[1] + 1):
            return replace(memory, revision=revision)
        self._read_ahead.clear()
        snapshot = await read_snapshot(connection, self._accounts.names)
        return replace(memory, snapshot=snapshot, revision=revision)

    def _settle(self, turn: OpenTurn, ended: Sequence[EndedCall]) -> list[Settlement]:
        """Returns the settlement of each call, and updates the statistics of its route."""
        routes, now_ms = dict(turn.memory.routes), loop_ms()
        answered: dict[Route, list[EndedCall]] = {}
        settlements = []
        for call in ended:
            route, evidence = call.prepared.call.permit.route, RouteEvidence()
            if call.result.verdict.kind in ANSWERED:
                answered.setdefault(route, []).append(call)
            else:
                routes[route], evidence = routes[route].refused(
                    call.outcome, call.first_job, call.sent_loop_ms, now_ms
                )
            settlements.append(settled(call, evidence, jitter=self._random.random(), now=turn.now))
        for route, calls in answered.items():
            sent = [call.sent_loop_ms for call in calls]
            tokens = [call.result.tokens for call in calls]
            routes[route] = routes[route].answered(sent, tokens, now_ms)
        turn.memory = replace(turn.memory, routes=routes)
        return settlements

    async def _settle_windows(self, turn: OpenTurn, fresh: Sequence[Settlement]) -> list[Window]:
        """Changes windows as fresh settlements say, and pauses batches that no model serves now."""
        changed = list(settlement.settle_windows(turn.snapshot.windows, fresh, turn.now).values())
        await pause_unserved(turn, fresh, changed, self._accounts.accounts)
        turn.snapshot = turn.snapshot.with_windows(changed)
        return changed

    async def _promote_due(self, turn: OpenTurn, fresh: Sequence[Settlement]) -> None:
        """Makes the jobs ready whose time has come, and notes when the next one is due."""
        dues = [
            outcome.action.due
            for each in fresh
            for outcome in each.jobs
            if isinstance(outcome.action, RetryAt)
        ]
        known = turn.snapshot.next_due
        next_due = min([*dues, *([known] if known else [])], default=None)
        if next_due is not None and next_due <= turn.now:
            await jobs.promote(turn.connection, turn.now, turn.changes)
            next_due = await jobs.next_due(turn.connection)
        turn.snapshot = replace(turn.snapshot, next_due=next_due)

    async def _admit(self, turn: OpenTurn, rules_of: RulesOf) -> tuple[list[Demand], Admission]:
        """Admits the calls that may start, once their jobs are read ahead; returns the demands."""
        connection, now = turn.connection, turn.now
        wanted = self._demands(turn.memory, rules_of)
        caps: Mapping[str, Cap] = turn.memory.client_caps
        client_caps = self._bounds.options.client_caps
        if client_caps.most:
            caps = await client_caps.read(connection, wanted.whose, now)
        turn.memory = replace(turn.memory, shares=wanted.shares, client_caps=caps)
        state = self._state(turn.memory, wanted.routes, now)
        while True:
            demands = wanted.present(turn.changes, caps)
            admitted = admission.admit(state, demands, now)
            # Each repetition leaves fewer jobs unread, or fewer calls that may start.
            missing = await wanted.read(connection, admitted, now, turn.changes)
            if missing or wanted.hold_back(admitted):
                continue
            keys = {permit.key for permit in admitted.permits}
            unreadable = self._preparer.unreadable(turn.snapshot.batches, keys)
            if not unreadable:
                return demands, admitted
            await pause(turn, unreadable)
            wanted = self._demands(turn.memory, rules_of)

    def _demands(self, memory: Memory, rules_of: RulesOf) -> Demands:
        free = self._bounds.options.max_concurrency - memory.in_flight
        accounts = self._accounts.accounts
        return Demands(memory, self._clients, accounts, rules_of, self._read_ahead, free)

    def _state(self, memory: Memory, routes: Collection[Route], now: int) -> State:
        return self._bounds.state(memory, self._accounts.accounts, routes, now)

    async def _reserve(
        self, turn: OpenTurn, admitted: Admission
    ) -> tuple[list[PreparedCall], list[Window]]:
        """Enters the admitted calls in the ledger; returns them and the windows they reserve in."""
        if not admitted.permits:
            return [], []
        batches, first_id = turn.snapshot.batches, turn.snapshot.last_call_id + 1
        of_clients = [permit for permit in admitted.permits if is_of_client(permit.key)]
        client_calls = self._clients.calls(of_clients, first_id)
        permits = [permit for permit in admitted.permits if not is_of_client(permit.key)]
        calls = self._calls(batches, permits, first_id + len(client_calls))
        every = [*(prepared.call for prepared in client_calls), *calls]
        await reserve(turn.connection, every, self._runner_id, turn.now, turn.changes)
        for call in calls:
            batch = batches[call.permit.key]
            turn.changes.count_calls(batch.id, batch.part_of, 1)
        of_batches = await self._preparer.prepare(turn.connection, batches, calls)
        turn.memory = turn.memory.with_started(admitted)
        turn.snapshot = replace(turn.snapshot, last_call_id=every[-1].id)
        touched = {permit.route for permit in admitted.permits}
        opened = {windows.key_of(w): w for r in touched for w in admitted.state.routes[r].windows}
        return [*client_calls, *of_batches], list(opened.values())

    def _calls(
        self, known: Mapping[int, Batch], permits: Sequence[Permit], first_id: int
    ) -> list[Call]:
        """Returns a call for each permit, with a pack of jobs that are read ahead."""
        packs = {
            key: iter(self._read_ahead.take(known[key], number))
            for key, number in Counter(permit.key for permit in permits).items()
        }
        return [
            Call(
                number,
                permit,
                tuple(map(_claimed, next(packs[permit.key]))),
                permit.key,
                client=known[permit.key].client,
            )
            for number, permit in enumerate(permits, first_id)
        ]


def _claimed(job: jobs.ReadyJob) -> CallJob:
    """Returns the job with its history after the claim."""
    return CallJob(job.job_id, job.tries.with_attempt())

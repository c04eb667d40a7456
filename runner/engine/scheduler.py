"""One turn of the engine: settle ended calls and admit new ones, in one transaction.

The state is in memory, and is read again only when another process has written. A turn returns the
new state with its decisions; the engine adopts both once the transaction is committed. So a turn
that fails has changed nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
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
from runner.engine.memory import Memory, Turn
from runner.engine.pausing import pause_failing, pause_rejected, pause_unserved
from runner.engine.preparing import Preparer
from runner.engine.read_ahead import Pack, ReadAhead
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
        *,
        stale: bool = False,
    ) -> Turn:
        """Settles `ended`, then admits the calls that the rules allow.

        Args:
            connection: A connection inside a transaction that holds the write lock.
            memory: The state before the turn.
            ended: The calls that have ended.
            rules_of: Returns the user's rules for a batch.
            now: The present moment, by the provider's clock (ms since the epoch).
            stale: Whether the caller has written within the transaction.
        """
        defer_writes(connection)
        memory = await self._current(connection, memory, stale=stale)
        stored, changes = memory.snapshot.latest.values(), Changes()
        memory, settlements = self._settle(memory, ended, now)
        still_open = await unsettled(connection, settlements)
        memory, settlements = await pause_rejected(
            connection, memory, settlements, still_open, now, changes
        )
        fresh = await apply(connection, settlements, still_open, self._runner_id, now, changes)
        memory = await pause_failing(connection, memory, changes, self._bounds.options.most_failed)
        await refused_formats.keep(connection, refused_by(ended))
        memory, changed = await self._conclude(connection, memory, fresh, now, changes)
        known = memory.snapshot.batches
        await self._read_ahead.share_answers(connection, known, settlements, now, changes)
        memory, demands, admitted = await self._admit(connection, memory, rules_of, now, changes)
        memory, calls, opened = await self._reserve(connection, memory, admitted, now, changes)
        await changes.write(connection)
        await windows.store(connection, stored, changed, opened)
        snapshot = memory.snapshot.with_changes(changes).with_windows((), opened)
        memory = replace(memory, snapshot=snapshot)
        return Turn(memory, tuple(settlements), tuple(calls), tuple(demands), admitted.wait)

    def wait(self, memory: Memory, rules_of: RulesOf, now: int) -> Wait | None:
        """Returns what all demands wait for, from memory alone; None if a call may start."""
        caps = {name: cap for name, cap in memory.client_caps.items() if now < (cap.until or now)}
        demands = self._demands(memory, rules_of).present(Changes(), caps)
        decision = decide(self._state(memory, demands, now), demands, now)
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

    def _settle(
        self, memory: Memory, ended: Sequence[EndedCall], now: int
    ) -> tuple[Memory, list[Settlement]]:
        """Returns the settlement of each call, and the memory with the statistics of its route."""
        routes, now_ms = dict(memory.routes), loop_ms()
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
            settlements.append(settled(call, evidence, jitter=self._random.random(), now=now))
        for route, calls in answered.items():
            sent = [call.sent_loop_ms for call in calls]
            tokens = [call.result.tokens for call in calls]
            routes[route] = routes[route].answered(sent, tokens, now_ms)
        return replace(memory, routes=routes), settlements

    async def _conclude(
        self,
        connection: AsyncConnection,
        memory: Memory,
        fresh: Sequence[Settlement],
        now: int,
        changes: Changes,
    ) -> tuple[Memory, list[Window]]:
        """Applies fresh settlements: changes windows, pauses batches and readies due jobs."""
        snapshot = memory.snapshot
        changed = list(settlement.settle_windows(snapshot.windows, fresh, now).values())
        accounts = self._accounts.accounts
        snapshot = await pause_unserved(connection, snapshot, fresh, changed, accounts)
        dues = [
            outcome.action.due
            for each in fresh
            for outcome in each.jobs
            if isinstance(outcome.action, RetryAt)
        ]
        next_due = min([*dues, *([snapshot.next_due] if snapshot.next_due else [])], default=None)
        if next_due is not None and next_due <= now:
            await jobs.promote(connection, now, changes)
            next_due = await jobs.next_due(connection)
        snapshot = replace(snapshot, next_due=next_due).with_windows(changed)
        return replace(memory, snapshot=snapshot), changed

    async def _admit(
        self,
        connection: AsyncConnection,
        memory: Memory,
        rules_of: RulesOf,
        now: int,
        changes: Changes,
    ) -> tuple[Memory, list[Demand], Admission]:
        """Admits the calls that may start, once their jobs are read ahead; returns the demands."""
        wanted = self._demands(memory, rules_of)
        caps: Mapping[str, Cap] = memory.client_caps
        client_caps = self._bounds.options.client_caps
        if client_caps.most:
            caps = await client_caps.read(connection, wanted.whose, now)
        memory = replace(memory, shares=wanted.shares, client_caps=caps)
        while True:
            demands = wanted.present(changes, caps)
            admitted = admission.admit(self._state(memory, demands, now), demands, now)
            if not await wanted.read(connection, admitted, now, changes):
                return memory, demands, admitted

    def _demands(self, memory: Memory, rules_of: RulesOf) -> Demands:
        free = self._bounds.options.max_concurrency - memory.in_flight
        accounts = self._accounts.accounts
        return Demands(memory, self._clients, accounts, rules_of, self._read_ahead, free)

    def _state(self, memory: Memory, demands: Sequence[Demand], now: int) -> State:
        return self._bounds.state(memory, self._accounts.accounts, demands, now)

    async def _reserve(
        self,
        connection: AsyncConnection,
        memory: Memory,
        admitted: Admission,
        now: int,
        changes: Changes,
    ) -> tuple[Memory, list[PreparedCall], list[Window]]:
        """Enters the admitted calls in the ledger; returns them and the windows they reserve in."""
        if not admitted.permits:
            return memory, [], []
        snapshot = memory.snapshot
        first_id = snapshot.last_call_id + 1
        of_clients = [permit for permit in admitted.permits if is_of_client(permit.key)]
        client_calls = self._clients.calls(of_clients, first_id)
        permits = [permit for permit in admitted.permits if not is_of_client(permit.key)]
        calls = [
            Call(
                number,
                permit,
                tuple(map(_claimed, pack)),
                permit.key,
                client=snapshot.batches[permit.key].client,
            )
            for number, (permit, pack) in enumerate(
                self._take(snapshot.batches, permits), first_id + len(client_calls)
            )
        ]
        every = [*(prepared.call for prepared in client_calls), *calls]
        await reserve(connection, every, self._runner_id, now, changes)
        for call in calls:
            self._count(snapshot.batches[call.permit.key], changes)
        of_batches = await self._preparer.prepare(connection, snapshot.batches, calls)
        memory = memory.with_started(admitted)
        snapshot = replace(snapshot, last_call_id=every[-1].id)
        touched = {permit.route for permit in admitted.permits}
        opened = {windows.key_of(w): w for r in touched for w in admitted.state.routes[r].windows}
        memory = replace(memory, snapshot=snapshot)
        return memory, [*client_calls, *of_batches], list(opened.values())

    def _take(
        self, known: Mapping[int, Batch], permits: Sequence[Permit]
    ) -> list[tuple[Permit, Pack]]:
        """Returns a pack of jobs for each permit."""
        packs = {
            key: iter(self._read_ahead.take(known[key], number))
            for key, number in Counter(permit.key for permit in permits).items()
        }
        return [(permit, next(packs[permit.key])) for permit in permits]

    def _count(self, batch: Batch, changes: Changes) -> None:
        """Counts a call that is about to be made; a call of a part counts for the whole, too."""
        changes.add(batch.id, "calls_made", 1)
        if batch.part_of is not None:
            changes.add(batch.part_of, "calls_made", 1)


def _claimed(job: jobs.ReadyJob) -> CallJob:
    """Returns the job with its history after the claim."""
    return CallJob(job.job_id, job.tries.with_attempt())

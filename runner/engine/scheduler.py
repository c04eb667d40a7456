"""One turn of the engine: settle ended calls and admit new ones, in one transaction.

The state is in memory, and is read again only when another process has written. A turn returns the
new state with its decisions; the engine adopts both once the transaction is committed. So a turn
that fails has changed nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from random import Random

from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core import admission, settlement
from runner.core.admission import Admission, Permit
from runner.core.demand import Demand, Rules
from runner.core.retry import RetryAt
from runner.core.route import Route
from runner.core.selection import Wait, decide
from runner.core.settlement import Call, CallJob, RouteEvidence, Settlement
from runner.core.verdict import ANSWERED
from runner.core.window import Window
from runner.engine.account_pool import AccountPool
from runner.engine.bounds import Bounds
from runner.engine.call import EndedCall, PreparedCall, loop_ms, refused_by, settled
from runner.engine.client_caps import capped
from runner.engine.client_queue import ClientQueue, is_of_client
from runner.engine.memory import Memory, Turn, shares_of
from runner.engine.pausing import pause_failing, pause_rejected, pause_unserved
from runner.engine.preparing import Preparer
from runner.engine.read_ahead import Pack, ReadAhead
from runner.engine.snapshot import demand_of, read_snapshot, routes_of
from runner.store import jobs, refused_formats, reuse, windows
from runner.store.apply import apply, unsettled
from runner.store.batches import Batch
from runner.store.counts import Changes
from runner.store.database import Database
from runner.store.reserve import reserve
from runner.store.statement import defer_writes

RulesOf = Callable[[Batch | None], Rules | None]
"""Returns the rules for the calls of a batch, or of clients (None); None if none may start."""

NOTHING: RulesOf = lambda _batch: None  # noqa: E731 - admits nothing


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
        memory, demands = await self._demands(connection, memory, rules_of, now, changes)
        memory, demands = await self._capped(connection, memory, demands, now)
        state = self._bounds.state(memory, self._accounts.accounts, demands, now)
        admitted = admission.admit(state, demands, now)
        memory, calls, opened = await self._reserve(connection, memory, admitted, now, changes)
        await changes.write(connection)
        await windows.store(connection, stored, changed, opened)
        snapshot = memory.snapshot.with_changes(changes).with_windows((), opened)
        memory = replace(memory, snapshot=snapshot)
        return Turn(memory, tuple(settlements), tuple(calls), tuple(demands), admitted.wait)

    def wait(self, memory: Memory, rules_of: RulesOf, now: int) -> Wait | None:
        """Returns what all demands wait for, from memory alone; None if a call may start."""
        demands = [
            demand_of(
                batch,
                routes_of(batch.models, self._accounts.accounts),
                batch.packing.calls(batch.counts.ready),
                memory.snapshot.next_due,
                rules,
            )
            for batch in memory.snapshot.batches.values()
            if (rules := rules_of(batch)) is not None
        ]
        demands = [*self._of_clients(rules_of), *(demand for demand in demands if demand.routes)]
        caps = {name: cap for name, cap in memory.client_caps.items() if now < (cap.until or now)}
        demands = capped(demands, self._owners(memory), caps)
        decision = decide(
            self._bounds.state(memory, self._accounts.accounts, demands, now), demands, now
        )
        return decision if isinstance(decision, Wait) else None

    def _of_clients(self, rules_of: RulesOf) -> list[Demand]:
        """Returns the demands of clients, if calls may start for them."""
        demands = self._clients.demands(self._accounts.accounts)
        return demands if rules_of(None) is not None else []

    def _owners(self, memory: Memory) -> dict[int, str]:
        """Returns the client of the server by the key of a demand, if it has one."""
        batches = memory.snapshot.batches.values()
        of_batches = {batch.id: batch.client for batch in batches if batch.client}
        return {**of_batches, **self._clients.names()}

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
                    call.outcome, call.first_job, call.sent_ms, now_ms
                )
            settlements.append(settled(call, evidence, jitter=self._random.random(), now=now))
        for route, calls in answered.items():
            sent = [call.sent_ms for call in calls]
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

    async def _demands(
        self,
        connection: AsyncConnection,
        memory: Memory,
        rules_of: RulesOf,
        now: int,
        changes: Changes,
    ) -> tuple[Memory, list[Demand]]:
        """Returns the demands of clients and batches, with ready jobs read for those with room."""
        accounts = self._accounts.accounts
        free = self._bounds.options.max_concurrency - memory.in_flight
        wanted = []
        for batch in memory.snapshot.batches.values():
            rules = rules_of(batch)
            if rules is not None and (routes := routes_of(batch.models, accounts)):
                wanted.append((batch, rules, routes))
        of_clients = self._of_clients(rules_of)
        keys = [*(demand.key for demand in of_clients), *(batch.id for batch, _, _ in wanted)]
        shares = shares_of(memory.shares, keys)
        others = len({batch.part_of or batch.id for batch, _, _ in wanted}) > 1
        demands = [replace(demand, share=shares[demand.key]) for demand in of_clients]
        for batch, rules, routes in wanted:
            current = changes.applied_to(batch)
            if free > 0:
                current = await self._have_at_hand(
                    connection, current, batch, free, now, changes, others=others
                )
            ready = self._read_ahead.offered(current)
            due = memory.snapshot.next_due
            demand = demand_of(current, routes, ready, due, rules)
            demands.append(replace(demand, share=shares[batch.id]))
        return replace(memory, shares=shares), demands

    async def _capped(
        self, connection: AsyncConnection, memory: Memory, demands: list[Demand], now: int
    ) -> tuple[Memory, list[Demand]]:
        """Returns the demands with the daily caps of their clients."""
        if not self._bounds.options.client_caps.most:
            return memory, demands
        owners = self._owners(memory)
        asking = [owners[demand.key] for demand in demands if demand.key in owners]
        caps = await self._bounds.options.client_caps.read(connection, asking, now)
        return replace(memory, client_caps=caps), capped(demands, owners, caps)

    async def _have_at_hand(
        self,
        connection: AsyncConnection,
        current: Batch,
        batch: Batch,
        wanted: int,
        now: int,
        changes: Changes,
        *,
        others: bool,
    ) -> Batch:
        """Reads jobs of `current` ahead; those that other batches have answered need no call.

        `others` if other batches are worked on, which may have brought answers since.
        """
        has_read = await self._read_ahead.refill(connection, current, wanted)
        while current.reuse_answers and (has_read or others):
            own = self._read_ahead.jobs_at_hand(current, None if has_read else wanted)
            if not await reuse.has_answers_elsewhere(connection, current):
                break
            ended = await reuse.reuse_answers(connection, current, own, now, changes)
            if not ended:
                break
            self._read_ahead.without(current, ended)
            current = changes.applied_to(batch)
            has_read = await self._read_ahead.refill(connection, current, wanted)
        return current

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

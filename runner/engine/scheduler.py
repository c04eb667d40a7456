"""One turn of the engine: settle all that has ended, admit all that may start, in one transaction.

The state is in memory, and is read again only when somebody else has written. A turn returns the
new state beside what it decided; the engine adopts both once the transaction is committed. So a
turn that fails has changed nothing.
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
from runner.core.settlement import Call, CallJob, RouteEvidence, Settlement
from runner.core.verdict import ANSWERED
from runner.core.window import Window
from runner.engine.account_pool import AccountPool
from runner.engine.bounds import Bounds
from runner.engine.call import EndedCall, PreparedCall, loop_ms, refused_by, settled
from runner.engine.client_caps import capped
from runner.engine.client_queue import ClientQueue, is_of_client
from runner.engine.memory import Memory, Turn, shares_of
from runner.engine.pausing import pause_rejected, pause_unserved
from runner.engine.preparing import Preparer
from runner.engine.read_ahead import Pack, ReadAhead
from runner.engine.snapshot import demand_of, read_snapshot, routes_of
from runner.store import jobs, refused_formats, reuse, windows
from runner.store.apply import apply, unsettled
from runner.store.batches import Batch
from runner.store.counts import Changes
from runner.store.database import Database
from runner.store.reserve import reserve

RulesOf = Callable[[Batch | None], Rules | None]
"""Of a batch, or of clients, what is wanted of its calls; None: nobody wants them made now."""

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
        """Settle `ended`, then admit what the rules let start.

        Args:
            connection: Inside the transaction that holds the write lock.
            memory: What was known before.
            ended: Calls that have ended.
            rules_of: By batch, what the user wants of it.
            now: The present moment, by the provider's clock (ms since the epoch).
            stale: Whether the caller has written within the transaction.
        """
        memory = await self._current(connection, memory, stale=stale)
        stored, changes = memory.snapshot.latest.values(), Changes()
        memory, judged = self._settle(memory, ended, now)
        still_open = await unsettled(connection, judged)
        memory, settlements = await pause_rejected(
            connection, memory, judged, still_open, now, changes
        )
        fresh = await apply(connection, settlements, still_open, self._runner_id, now, changes)
        await refused_formats.keep(connection, refused_by(ended))
        memory, changed = await self._conclude(connection, memory, fresh, now, changes)
        memory, demands = await self._demands(connection, memory, rules_of, now, changes)
        memory, demands = await self._capped(connection, memory, demands, now)
        state = self._bounds.state(memory, self._accounts.accounts, demands, now)
        found = admission.admit(state, demands, now)
        memory, calls, opened = await self._reserve(connection, memory, found, now, changes)
        await changes.write(connection)
        await windows.store(connection, stored, changed, opened)
        snapshot = memory.snapshot.with_changes(changes).with_windows((), opened)
        memory = replace(memory, snapshot=snapshot)
        return Turn(memory, tuple(settlements), tuple(calls), tuple(demands), found.wait)

    def admissible(self, memory: Memory, rules_of: RulesOf, now: int) -> Admission:
        """What could start, as far as memory tells; nothing is reserved."""
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
        demands = [*self._of_clients(rules_of), *(one for one in demands if one.routes)]
        caps = {name: cap for name, cap in memory.client_caps.items() if now < (cap.until or now)}
        demands = capped(demands, self._owners(memory), caps)
        return admission.admit(
            self._bounds.state(memory, self._accounts.accounts, demands, now), demands, now
        )

    def _of_clients(self, rules_of: RulesOf) -> list[Demand]:
        """What clients want, if any call may start for them."""
        found = self._clients.demands(self._accounts.accounts)
        return found if rules_of(None) is not None else []

    def _owners(self, memory: Memory) -> dict[int, str]:
        """By the key of a demand, the client of the server whose it is."""
        found = memory.snapshot.batches.values()
        return {**{one.id: one.client for one in found if one.client}, **self._clients.names()}

    def routes(self, memory: Memory) -> set[Route]:
        """Every route that the calls of a batch may take."""
        accounts = self._accounts.accounts
        return {
            route
            for batch in memory.snapshot.batches.values()
            for route in routes_of(batch.models, accounts)
        }

    # ---- the parts of a turn, in their order

    async def _current(self, connection: AsyncConnection, memory: Memory, *, stale: bool) -> Memory:
        """`memory`, read again if anybody else has written since."""
        revision = await self._database.revision(connection)
        last = memory.revision
        if not stale and revision == (last[0], last[1] + 1):
            return replace(memory, revision=revision)
        self._read_ahead.clear()
        snapshot = await read_snapshot(connection, self._accounts.names)
        return replace(memory, snapshot=snapshot, revision=revision)

    def _settle(
        self, memory: Memory, ended: Sequence[EndedCall], now: int
    ) -> tuple[Memory, list[Settlement]]:
        """The core's settlement of each call, and what the routes have learned."""
        routes, now_ms = dict(memory.routes), loop_ms()
        answered: dict[Route, list[EndedCall]] = {}
        settlements = []
        for one in ended:
            route, evidence = one.prepared.call.permit.route, RouteEvidence()
            if one.result.verdict.kind in ANSWERED:
                answered.setdefault(route, []).append(one)
            else:
                routes[route], evidence = routes[route].refused(
                    one.outcome, one.first_job, one.sent_ms, now_ms
                )
            settlements.append(settled(one, evidence, jitter=self._random.random(), now=now))
        for route, calls in answered.items():
            sent = [one.sent_ms for one in calls]
            tokens = [one.result.tokens for one in calls]
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
        """What follows from settlements that count: windows, pauses, jobs that are due again."""
        snapshot = memory.snapshot
        changed = list(settlement.settle_windows(snapshot.windows, fresh, now).values())
        accounts = self._accounts.accounts
        snapshot = await pause_unserved(connection, snapshot, fresh, changed, accounts)
        dues = [
            outcome.action.due
            for one in fresh
            for outcome in one.jobs
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
        """What clients want, and each batch, with calls at hand for those that could go on."""
        accounts = self._accounts.accounts
        free = self._bounds.max_concurrency - memory.in_flight
        wanted = []
        for batch in memory.snapshot.batches.values():
            rules = rules_of(batch)
            if rules is not None and (routes := routes_of(batch.models, accounts)):
                wanted.append((batch, rules, routes))
        asked = self._of_clients(rules_of)
        keys = [*(one.key for one in asked), *(batch.id for batch, _, _ in wanted)]
        shares = shares_of(memory.shares, keys)
        others = len({batch.part_of or batch.id for batch, _, _ in wanted}) > 1
        demands = [replace(one, share=shares[one.key]) for one in asked]
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
        """The demands within what their clients may still make today."""
        if not self._bounds.client_caps.most:
            return memory, demands
        owners = self._owners(memory)
        asking = [owners[one.key] for one in demands if one.key in owners]
        caps = await self._bounds.client_caps.read(connection, asking, now)
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
        """`current` with calls at hand; what was answered elsewhere meanwhile needs none.

        `others`: whether other batches are worked on, which may have brought answers since.
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
        found: Admission,
        now: int,
        changes: Changes,
    ) -> tuple[Memory, list[PreparedCall], list[Window]]:
        """Enter the admitted calls in the ledger; the windows that hold their reservations."""
        if not found.permits:
            return memory, [], []
        snapshot = memory.snapshot
        first_id = snapshot.last_call_id + 1
        of_clients = [permit for permit in found.permits if is_of_client(permit.key)]
        asked = self._clients.calls(of_clients, first_id)
        permits = [permit for permit in found.permits if not is_of_client(permit.key)]
        calls = [
            Call(
                number,
                permit,
                tuple(map(_claimed, pack)),
                permit.key,
                client=snapshot.batches[permit.key].client,
            )
            for number, (permit, pack) in enumerate(
                self._take(snapshot.batches, permits), first_id + len(asked)
            )
        ]
        every = [*(one.call for one in asked), *calls]
        await reserve(connection, every, self._runner_id, now, changes)
        for call in calls:
            self._count(snapshot.batches[call.permit.key], changes)
        prepared = [*asked, *await self._preparer.prepare(connection, snapshot.batches, calls)]
        memory = memory.with_started(found)
        snapshot = replace(snapshot, last_call_id=every[-1].id)
        touched = {permit.route for permit in found.permits}
        opened = {windows.key_of(w): w for r in touched for w in found.state.routes[r].windows}
        return replace(memory, snapshot=snapshot), prepared, list(opened.values())

    def _take(
        self, known: Mapping[int, Batch], permits: Sequence[Permit]
    ) -> list[tuple[Permit, Pack]]:
        """A pack of jobs for each permit."""
        packs = {
            key: iter(self._read_ahead.take(known[key], number))
            for key, number in Counter(permit.key for permit in permits).items()
        }
        return [(permit, next(packs[permit.key])) for permit in permits]

    def _count(self, batch: Batch, changes: Changes) -> None:
        """Count a call that is about to be made; that of a part is a call of the whole, too."""
        changes.add(batch.id, "calls_made", 1)
        if batch.part_of is not None:
            changes.add(batch.part_of, "calls_made", 1)


def _claimed(job: jobs.ReadyJob) -> CallJob:
    """The job as it is once it is claimed."""
    return CallJob(job.job_id, job.tries.with_attempt())

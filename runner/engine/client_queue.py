"""The queue of clients' requests that wait for a permit.

Requests of one client to the same models, which admission treats alike, are one demand.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from runner.core.admission import Permit
from runner.core.client_request import is_refused
from runner.core.demand import Demand, Rules, WaitReason
from runner.core.pacing import Pace
from runner.core.selection import Wait
from runner.core.settlement import Call, Settlement
from runner.engine.call import EndedCall, PreparedCall
from runner.engine.client_call import (
    Answered,
    ClientCall,
    ClientQuestion,
    ClientRequest,
    NotAdmitted,
)
from runner.engine.snapshot import routes_of
from runner.providers.account import Account

# The least time that a request waits, for what ends soon: calls in flight, the limit of starts per
# second, throttling.
PATIENCE_MS = 10_000
CLIENT_RULES = Rules(Pace.ASAP)
# The reasons why no call can be made for any client.
REFUSED = "the provider refuses the token of every account"
CLOSED = "the server is stopping"
UNAVAILABLE = (
    "no call can be made: the database cannot be written, its disk is nearly full, or the provider "
    "has not told the balances or the hour yet"
)


@dataclass(slots=True)
class _Group:
    """Requests of one client to the same models, the oldest first."""

    key: int
    client: str
    models: tuple[str, ...]
    waiting: deque[ClientRequest] = field(default_factory=deque)

    @property
    def open(self) -> list[ClientRequest]:
        """The requests without an outcome."""
        return [each for each in self.waiting if not each.has_outcome]


def is_of_client(key: int) -> bool:
    """Whether a demand with this key is of a client: the ids of batches are positive."""
    return key < 0


class ClientQueue:
    """The waiting requests, in groups.

    Args:
        now: Returns the present moment by the provider's clock.
        wake: Called when a request arrives.
    """

    def __init__(self, now: Callable[[], int], wake: Callable[[], None]) -> None:
        self._now = now
        self._wake = wake
        self._groups: dict[tuple[str, tuple[str, ...]], _Group] = {}
        self._last_key = 0
        self._closed = False
        self._has_new = False

    @property
    def has_new(self) -> bool:
        """Whether requests have come since the latest `prune`; most of them may start at once."""
        return self._has_new

    def add(self, question: ClientQuestion) -> ClientRequest:
        """Queues a question, for which a call is made as soon as one may start."""
        request = ClientRequest(question, self._now() + max(question.wait_ms, PATIENCE_MS))
        self._put(request)
        return request

    def prune(self, accounts: Sequence[Account]) -> None:
        """Refuses requests that no account serves, and removes those that have an outcome."""
        self._has_new = False
        for group in list(self._groups.values()):
            if not routes_of(group.models, accounts):
                for request in group.waiting:
                    request.end(NotAdmitted(None, "" if accounts else REFUSED))
            group.waiting = deque(group.open)
            if not group.waiting:
                del self._groups[group.client, group.models]

    def demands(self, accounts: Sequence[Account]) -> list[Demand]:
        """Returns the clients' demands, without the requests that have an outcome."""
        return [
            Demand(group.key, routes, ready, rules=CLIENT_RULES, interactive=True)
            for group in self._groups.values()
            if (ready := len(group.open)) and (routes := routes_of(group.models, accounts))
        ]

    def next_deadline(self) -> int | None:
        """Returns when the next waiting request has waited long enough; None if none will have."""
        now = self._now()
        untils = (each.until for group in self._groups.values() for each in group.waiting)
        return min((until for until in untils if until > now), default=None)

    def names(self) -> dict[int, str]:
        """Returns the client by the key of a demand."""
        return {group.key: group.client for group in self._groups.values()}

    def calls(self, permits: Sequence[Permit], first_id: int) -> list[ClientCall]:
        """Returns a call for each permit, in the order of the requests.

        The requests stay in the queue until their calls have `started`.
        """
        # A request may have got an outcome since its demand was made: then its call is not sent.
        waiting = {
            group.key: iter(sorted(group.waiting, key=attrgetter("has_outcome")))
            for group in self._groups.values()
        }
        calls = []
        for number, permit in enumerate(permits, first_id):
            request = next(waiting[permit.key])
            call = Call(number, permit, client=request.question.client)
            calls.append(ClientCall(call, request))
        return calls

    def started(self, calls: Iterable[PreparedCall]) -> None:
        """Removes the requests whose calls are in the ledger."""
        for call in calls:
            if isinstance(call, ClientCall):
                question = call.request.question
                self._groups[question.client, question.models].waiting.remove(call.request)

    def settled(self, ended: Sequence[EndedCall], settlements: Sequence[Settlement]) -> None:
        """Notes settled calls; requests that need another call are queued again, first."""
        for ended_call, settlement in zip(ended, settlements, strict=True):
            prepared = ended_call.prepared
            if isinstance(prepared, ClientCall):
                request, verdict = prepared.request, settlement.outcome.verdict
                request.count_call(verdict)
                if request.asks_again(verdict):
                    self._put(request, first=True)
                else:
                    request.end(Answered(ended_call.result, settlement.call.permit.route))

    def conclude(self, wait: Wait) -> None:
        """Refuses the requests whose wait, by the reasons of a turn, exceeds their deadline."""
        if not self._groups:
            return
        now, reasons = self._now(), {reason.key: reason for reason in wait.reasons}
        for group in self._groups.values():
            reason = reasons.get(group.key)
            refused = [each for each in group.waiting if _is_refused(reason, each.until, now)]
            for request in refused:
                request.end(NotAdmitted(reason, "" if reason else UNAVAILABLE))
                group.waiting.remove(request)

    def close(self) -> None:
        """Ends all requests; no call starts any more.

        The requests stay in their groups, since a turn in progress may have admitted some.
        """
        self._closed = True
        for group in self._groups.values():
            for request in group.waiting:
                request.end(NotAdmitted(None, CLOSED))

    def _put(self, request: ClientRequest, *, first: bool = False) -> None:
        if self._closed:
            request.end(NotAdmitted(None, CLOSED))
            return
        place = request.question.client, request.question.models
        if (group := self._groups.get(place)) is None:
            self._last_key -= 1
            group = self._groups[place] = _Group(self._last_key, *place)
        if first:
            group.waiting.appendleft(request)
        else:
            group.waiting.append(request)
        self._has_new = True
        self._wake()


def _is_refused(reason: WaitReason | None, until: int, now: int) -> bool:
    """Whether a request is refused; without a reason no call can start for any client."""
    return is_refused(reason, until) if reason is not None else until <= now

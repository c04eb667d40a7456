"""The requests of clients that wait for a permit.

Those that are alike to admission, of one client to the same models, are one demand.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from runner.core.admission import Permit
from runner.core.client_request import is_refused
from runner.core.demand import Demand, Rules, Waiting
from runner.core.pacing import Pace
from runner.core.selection import Wait
from runner.core.settlement import Call, Settlement
from runner.engine.call import EndedCall, PreparedCall
from runner.engine.client_call import ClientCall, ClientQuestion, ClientRequest, NotAdmitted
from runner.engine.snapshot import routes_of
from runner.providers.account import Account

# Whatever is asked for, a request waits so long for what ends by itself soon: calls in flight,
# the rate at which calls may start, a provider that throttles.
PATIENCE_MS = 10_000
CLIENT_RULES = Rules(Pace.ASAP)
# Why no call is made for anybody.
REFUSED = "the provider refuses the token of every account"
CLOSED = "the server is stopping"
UNAVAILABLE = "no call can be made: the database cannot be written, or the hour is not known yet"


@dataclass(slots=True)
class _Group:
    """Requests of one client to the same models, the oldest first."""

    key: int
    client: str
    models: tuple[str, ...]
    waiting: deque[ClientRequest] = field(default_factory=deque)


def is_of_client(key: int) -> bool:
    """Whether a demand with this key is of a client: the ids of batches are positive."""
    return key < 0


class ClientQueue:
    """The groups that have requests waiting.

    Args:
        now: The moment by the provider's clock.
        wake: Called when a request comes.
    """

    def __init__(self, now: Callable[[], int], wake: Callable[[], None]) -> None:
        self._now = now
        self._wake = wake
        self._groups: dict[tuple[str, tuple[str, ...]], _Group] = {}
        self._last_key = 0
        self._closed = False

    def add(self, question: ClientQuestion) -> ClientRequest:
        """Take a question; a call is made for it as soon as one may start."""
        request = ClientRequest(question, self._now() + max(question.wait_ms, PATIENCE_MS))
        self._put(request)
        return request

    def demands(self, accounts: Sequence[Account]) -> list[Demand]:
        """What clients want. Those who have left, or who were told no, want nothing."""
        found = []
        for group in list(self._groups.values()):
            group.waiting = deque(one for one in group.waiting if not one.has_outcome)
            routes = routes_of(group.models, accounts)
            if not routes:
                _refuse(group.waiting, "" if accounts else REFUSED)
            if group.waiting:
                ready = len(group.waiting)
                found.append(Demand(group.key, routes, ready, rules=CLIENT_RULES, interactive=True))
            else:
                del self._groups[group.client, group.models]
        return found

    def names(self) -> dict[int, str]:
        """By the key of a demand, the client whose it is."""
        return {group.key: group.client for group in self._groups.values()}

    def calls(self, permits: Sequence[Permit], first_id: int) -> list[ClientCall]:
        """A call for each permit, by the order of their requests, which wait until it `started`."""
        waiting = {group.key: iter(group.waiting) for group in self._groups.values()}
        found = []
        for number, permit in enumerate(permits, first_id):
            request = next(waiting[permit.key])
            call = Call(number, permit, client=request.question.client)
            found.append(ClientCall(call, request))
        return found

    def started(self, calls: Iterable[PreparedCall]) -> None:
        """Calls are in the ledger: their requests wait no more."""
        for one in calls:
            if isinstance(one, ClientCall):
                question = one.request.question
                self._groups[question.client, question.models].waiting.remove(one.request)

    def settled(self, ended: Sequence[EndedCall], settlements: Sequence[Settlement]) -> None:
        """Calls were settled: some of their requests wait for another one."""
        for one, settlement in zip(ended, settlements, strict=True):
            prepared = one.prepared
            if isinstance(prepared, ClientCall):
                request = prepared.request
                if request.settled(settlement, one.result):
                    self._put(request, first=True)

    def conclude(self, wait: Wait) -> None:
        """Tell those no who would wait longer than they do for what a turn has found."""
        if not self._groups:
            return
        now, reasons = self._now(), {reason.key: reason for reason in wait.reasons}
        for group in self._groups.values():
            reason = reasons.get(group.key)
            for one in [one for one in group.waiting if _is_refused(reason, one.until, now)]:
                one.end(NotAdmitted(reason, "" if reason else UNAVAILABLE))
                group.waiting.remove(one)

    def close(self) -> None:
        """No call starts any more.

        A turn may be under way that has admitted some: so the requests stay where they are.
        """
        self._closed = True
        for group in self._groups.values():
            for one in group.waiting:
                one.end(NotAdmitted(None, CLOSED))

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
        self._wake()


def _is_refused(reason: Waiting | None, until: int, now: int) -> bool:
    """Whether a request is told no; without a reason nothing can start, whoever wants it."""
    return is_refused(reason, until) if reason is not None else until < now


def _refuse(requests: deque[ClientRequest], why: str) -> None:
    for one in requests:
        one.end(NotAdmitted(None, why))
    requests.clear()

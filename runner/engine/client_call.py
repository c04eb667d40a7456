"""A client's request, its outcome, and the calls that are made for it.

A task of the server waits for the outcome. The engine makes calls until one is answered, or until
no further call may be made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.lowlevel
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from runner.core import client_request
from runner.core.demand import WaitReason
from runner.core.retry import RetryLimits
from runner.core.route import Route
from runner.core.settlement import Call
from runner.core.verdict import Kind, Verdict
from runner.engine.call import EndedCall, loop_ms
from runner.providers.call_result import CallResult
from runner.providers.endpoint import Endpoint

# The buffer of a stream, in pieces; when it is full, reading from the provider pauses.
PIECES_AHEAD = 16
NO_JOBS = RetryLimits()


@dataclass(frozen=True, slots=True)
class ClientQuestion:
    """A request of a client.

    Attributes:
        client: The name of the client.
        models: The models that may answer, the preferred one first.
        url: The path of OpenAI's API, as ``/v1/chat/completions``.
        body: The body, in which the model is replaced.
        stream: Whether the reply is to be streamed.
        wait_ms: How long it may wait for allowance, in ms.
        timeout_s: The time-out of the answer, or of each piece of a stream, in seconds.
    """

    client: str
    models: tuple[str, ...]
    url: str
    body: Mapping[str, Any]
    stream: bool = False
    wait_ms: int = 0
    timeout_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Answered:
    """The outcome that a call has ended: an answer, or the last refusal."""

    result: CallResult
    route: Route


@dataclass(frozen=True, slots=True)
class Streaming:
    """The outcome that a stream has begun; it ends when `pieces` do.

    Attributes:
        pieces: Whole events, as they arrive.
        broken_off: Returns, after the end, why the stream is incomplete; empty if it is complete.
        route: The route of the call.
    """

    pieces: MemoryObjectReceiveStream[bytes]
    broken_off: Callable[[], str]
    route: Route


@dataclass(frozen=True, slots=True)
class NotAdmitted:
    """The outcome that no call could start in time.

    Attributes:
        waiting: What the request would have to wait for; None if `why` says it.
        why: Why no call can be made; empty if no account serves its models.
    """

    waiting: WaitReason | None
    why: str = ""


ClientOutcome = Answered | Streaming | NotAdmitted


class ClientRequest:
    """A client's question from its arrival to its outcome.

    Attributes:
        until: Until when it waits for allowance (ms since the epoch, by the provider's clock).
        has_left: Whether the client has disconnected.
    """

    def __init__(self, question: ClientQuestion, until: int) -> None:
        self.question = question
        self.until = until
        self.has_left = False
        self._free_calls = 0
        self._charged_calls = 0
        self._outcome: ClientOutcome | None = None
        self._happened = anyio.Event()
        self._scope = anyio.CancelScope()
        self._pieces: MemoryObjectSendStream[bytes] | None = None
        self._broken_off = "the server stops"

    @property
    def has_outcome(self) -> bool:
        """Whether it has an outcome."""
        return self._outcome is not None

    async def outcome(self) -> ClientOutcome:
        """Waits for the outcome and returns it."""
        await self._happened.wait()
        assert self._outcome is not None  # noqa: S101 - it is set before the event
        return self._outcome

    def leave(self) -> None:
        """Notes that the client has disconnected, and cancels its call in flight."""
        self.has_left = True
        self.end(NotAdmitted(None, "the client has left"))
        self._scope.cancel()

    def end(self, outcome: ClientOutcome) -> None:
        """Sets the outcome, unless it has one."""
        if self._outcome is None:
            self._outcome = outcome
            self._happened.set()

    def count_call(self, verdict: Verdict) -> None:
        """Counts a call for it that was settled."""
        free = client_request.is_free(verdict)
        self._free_calls += free
        self._charged_calls += not free

    def asks_again(self, verdict: Verdict) -> bool:
        """Whether another call is to be made for it after its last one, which is counted."""
        if self.has_outcome:
            return False
        return client_request.asks_again(verdict, self._free_calls, self._charged_calls)

    async def send(self, route: Route, endpoint: Endpoint, now: int) -> CallResult:
        """Makes one call for it; an answer becomes the outcome at once."""
        if self.has_outcome:
            why = "its client had left, or was told no, before it was sent"
            return CallResult(Verdict(Kind.LOCAL, why, scope=None))
        result: CallResult | None = None
        with anyio.CancelScope() as self._scope:
            try:
                result = await self._send(route, endpoint, now)
                self._broken_off = "" if result.verdict.kind is Kind.DONE else result.verdict.why
            except anyio.get_cancelled_exc_class():
                # A transport may raise a cancellation of its own, which the scope would not catch.
                await anyio.lowlevel.checkpoint()
                raise
            finally:
                if self._pieces is not None:
                    self._pieces.close()
        if result is None:
            return _given_up(begun=self._pieces is not None)
        if result.verdict.kind is Kind.DONE:
            self.end(Answered(result, route))
        return result

    async def _send(self, route: Route, endpoint: Endpoint, now: int) -> CallResult:
        question = self.question
        body = {**question.body, "model": route[1]}
        if not question.stream:
            return await endpoint.forward(question.url, body, question.timeout_s, now)

        async def deliver(piece: bytes) -> None:
            if self._pieces is None:
                self._pieces, received = anyio.create_memory_object_stream[bytes](PIECES_AHEAD)
                self.end(Streaming(received, lambda: self._broken_off, route))
            await self._pieces.send(piece)

        return await endpoint.stream(question.url, body, question.timeout_s, now, deliver)


def _given_up(*, begun: bool) -> CallResult:
    """Returns the result of a call whose client has left; it may have been charged."""
    if begun:  # the provider has begun to answer
        return CallResult(Verdict(Kind.DONE, "the client left"))
    return CallResult(Verdict(Kind.TRANSIENT, "the client left before the answer", scope=None))


@dataclass(frozen=True, slots=True)
class ClientCall:
    """A call for a client's request."""

    call: Call
    request: ClientRequest
    limits: RetryLimits = NO_JOBS

    async def make(self, endpoint: Endpoint, now: Callable[[], int], *, watched: bool) -> EndedCall:
        """Makes the call; see `PreparedCall`."""
        sent_at, sent_loop_ms = now(), loop_ms()
        result = await self.request.send(self.call.permit.route, endpoint, sent_at)
        return EndedCall(
            self,
            result,
            sent_at=sent_at,
            ended_at=now(),
            sent_loop_ms=sent_loop_ms,
            sent=self.request.question.body if watched else None,
        )

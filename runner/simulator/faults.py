"""Plans the reply for each fault of a call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from runner.simulator import errors
from runner.simulator.call import SimulatedCall
from runner.simulator.config import Envelope, FaultKind
from runner.simulator.draws import CallDraws
from runner.simulator.errors import ErrorReply
from runner.simulator.reply_plan import Delivery, ReplyPlan

_BAD_GATEWAY = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    b"<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>Tengine</center>\r\n"
    b"</body>\r\n</html>\r\n"
)
_ENVELOPES_IN_200: tuple[Envelope, ...] = ("errors", "flat")
_TOO_MANY_REQUESTS = 429


def refuse(error: ErrorReply, draws: CallDraws, request_id: str, delay_ms: int) -> ReplyPlan:
    """Returns the reply to a call that is refused with `error`; the call spends nothing."""
    return ReplyPlan(
        kind="refusal" if error.status == _TOO_MANY_REQUESTS else "rejection",
        status=error.status,
        body=error.body(draws.envelope, request_id, id_inside=draws.id_inside),
        delay_ms=delay_ms,
        spends=False,
        headers=error.headers,
        retry_ms=error.retry_ms,
    )


def faulty_reply(kind: FaultKind, call: SimulatedCall) -> ReplyPlan:
    """Returns the reply to `call` with the fault `kind`."""
    return _REPLIES[kind](call)


def _error_500(call: SimulatedCall) -> ReplyPlan:
    draws = call.draws
    error = errors.internal_error(call.request.model)
    return _failed(
        call, 500, error.body(draws.envelope, call.request_id, id_inside=draws.id_inside)
    )


def _bad_gateway(call: SimulatedCall) -> ReplyPlan:
    return _failed(call, 502, _BAD_GATEWAY, content_type="text/html")


def _drop(call: SimulatedCall) -> ReplyPlan:
    return _failed(call, 200, call.body(), delivery="dropped", tokens=call.tokens())


def _hang(call: SimulatedCall) -> ReplyPlan:
    return _failed(call, 200, b"", delivery="silent")


def _truncated(call: SimulatedCall) -> ReplyPlan:
    body = call.body()
    return _failed(call, 200, body[: len(body) // 2], tokens=call.tokens())


def _error_in_200(call: SimulatedCall) -> ReplyPlan:
    draws = call.draws
    error = errors.internal_error(call.request.model)
    envelope = draws.choose(_ENVELOPES_IN_200)
    return _failed(call, 200, error.body(envelope, call.request_id, id_inside=draws.id_inside))


def _empty_shell(call: SimulatedCall) -> ReplyPlan:
    return _failed(call, 200, call.empty_body())


def _throttle(call: SimulatedCall) -> ReplyPlan:
    error = call.draws.choose(errors.throttles(call.request.model))
    return refuse(error, call.draws, call.request_id, call.config.latency_ms[0])


def _bad_answer(call: SimulatedCall) -> ReplyPlan:
    """Returns a complete but useless reply, which spends allowance as a success does."""
    return ReplyPlan(
        kind="fault",
        status=200,
        body=call.body(),
        delay_ms=call.latency_ms,
        spends=True,
        tokens=call.tokens(),
    )


def _failed(
    call: SimulatedCall,
    status: int,
    body: bytes,
    *,
    delivery: Delivery = "whole",
    content_type: str = "application/json",
    tokens: int = 0,
) -> ReplyPlan:
    return ReplyPlan(
        kind="fault",
        status=status,
        body=body,
        delay_ms=call.latency_ms,
        spends=call.config.counts_failed,
        delivery=delivery,
        content_type=content_type,
        tokens=tokens,
        failed=True,
    )


_REPLIES: Mapping[FaultKind, Callable[[SimulatedCall], ReplyPlan]] = MappingProxyType(
    {
        "error_500": _error_500,
        "bad_gateway": _bad_gateway,
        "drop": _drop,
        "hang": _hang,
        "truncated": _truncated,
        "error_in_200": _error_in_200,
        "empty_shell": _empty_shell,
        "throttle": _throttle,
        "bad_answer": _bad_answer,
    },
)

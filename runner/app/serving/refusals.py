"""The errors that clients get: an HTTP status, a message, and when to retry."""

from __future__ import annotations

import math
from dataclasses import dataclass

import orjson

from runner.clock import moment
from runner.core.calendar import NEVER
from runner.core.demand import WaitCause, WaitReason
from runner.core.gate import ParkReason
from runner.core.verdict import Kind
from runner.core.window import CREDIT, Unit, Window
from runner.providers.call_result import CallResult

INVALID, QUOTA, SERVER = "invalid_request_error", "insufficient_quota", "server_error"
_BAD_GATEWAY, _UNAVAILABLE, _TOO_MANY, _NOT_FOUND = 502, 503, 429, 404
_ERRORS = range(400, 600)
_UNITS_S = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error reply.

    Attributes:
        status: The HTTP status.
        message: The message for people.
        kind: OpenAI's error type.
        code: OpenAI's error code, for programs.
        param: The invalid field of the request.
        retry_after_s: The seconds after which to retry; None if unknown.
        body: The provider's error body, if it is passed on unchanged.
    """

    status: int
    message: str
    kind: str = INVALID
    code: str | None = None
    param: str | None = None
    retry_after_s: int | None = None
    body: bytes = b""


def unserved(model: str) -> Refusal:
    """Returns the error for a model that no account serves or this client may not use."""
    message = f"the model {model!r} is not served here; GET /v1/models lists those that are"
    return Refusal(_NOT_FOUND, message, code="model_not_found", param="model")


def unavailable(why: str) -> Refusal:
    """Returns the error for a server that makes no calls at present."""
    return Refusal(_UNAVAILABLE, why, SERVER)


def of_waiting(waiting: WaitReason, now: int) -> Refusal:
    """Returns the error for a call that would wait too long, with when to retry."""
    window, until = waiting.window, waiting.until
    if until is not None and until >= NEVER:
        until = None
    match waiting.cause:
        case ParkReason.GONE:
            return Refusal(_NOT_FOUND, _wait_clause(waiting), code="model_not_found", param="model")
        case ParkReason.REFUSED | ParkReason.OFFLINE | ParkReason.CIRCUIT_OPEN:
            after = None if until is None else _seconds(until, now)
            return Refusal(_UNAVAILABLE, _wait_clause(waiting), SERVER, retry_after_s=after)
        case ParkReason.SPENT | WaitCause.CAPPED | WaitCause.DAILY:
            sentence = _spent_clause(window) if window is not None else waiting.why
        case _:
            sentence = _wait_clause(waiting)
    if until is None:
        return Refusal(_TOO_MANY, sentence, QUOTA, QUOTA)
    message = f"{sentence}; {_resume_clause(until, now)}"
    return Refusal(_TOO_MANY, message, QUOTA, QUOTA, retry_after_s=_seconds(until, now))


def of_result(result: CallResult) -> Refusal:
    """Returns the error for a call that the provider refused or failed, if a retry is useless."""
    reply, verdict = result.reply, result.verdict
    status = reply.status if reply is not None else _BAD_GATEWAY
    if verdict.kind is Kind.REJECTED and reply is not None and status in _ERRORS:
        if _is_envelope(result.body):
            return Refusal(status, reply.message, body=result.body.encode())
        return Refusal(status, reply.message or verdict.why, code=reply.code or None)
    if verdict.kind is Kind.UNAUTHORISED:
        message = f"the provider refuses this server's account: {verdict.why}"
        return Refusal(_BAD_GATEWAY, message, SERVER, "provider_refused")
    wait = verdict.wait_ms
    after = None if wait is None else max(1, math.ceil(wait / 1000))
    if verdict.kind in (Kind.THROTTLED, Kind.SPENT):
        return Refusal(_TOO_MANY, verdict.why, QUOTA, QUOTA, retry_after_s=after)
    status = status if status in range(500, 600) else _BAD_GATEWAY
    return Refusal(status, verdict.why, SERVER, retry_after_s=after)


def _spent_clause(window: Window) -> str:
    """Returns a clause such as ``today's allowance of modelscope is spent (2 of 2 calls)``."""
    whose = f"{window.model} on {window.account}" if window.model else window.account
    if window.limit is None:
        return f"the allowance of {whose} is spent"
    size = CREDIT if window.unit is Unit.CREDITS else 1
    counted = f"{window.spent // size:,} of {window.limit // size:,} {window.unit}"
    return f"today's allowance of {whose} is spent ({counted})"


def _wait_clause(waiting: WaitReason) -> str:
    window = waiting.window
    where = f"{window.account}: " if window is not None else ""
    return f"{where}{waiting.why or waiting.cause or 'nothing can start'}"


def _resume_clause(until: int, now: int) -> str:
    at = moment(until)
    day = "" if at.date() == moment(now).date() else f" on {at:%d %b}"
    return f"calls are let in again at {at:%H:%M}{day} (in {_span(_seconds(until, now))})"


def _span(seconds: int) -> str:
    """Returns a duration with its two largest units, such as ``3 h 12 min``."""
    parts, left = [], seconds
    for name, size in _UNITS_S:
        number, left = divmod(left, size)
        if number:
            parts.append(f"{number} {name}")
    return " ".join(parts[:2]) or "0 s"


def _seconds(until: int, now: int) -> int:
    return max(1, math.ceil((until - now) / 1000))


def _is_envelope(body: str) -> bool:
    """Whether a body is an error in OpenAI's format."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    error = value.get("error") if isinstance(value, dict) else None
    return isinstance(error, dict) and isinstance(error.get("message"), str)

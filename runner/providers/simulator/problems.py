"""What the provider says when it will not answer, word for word.

It knows messages, codes and the envelopes they come in; it does not know when each is due.
Messages are the ones users and official pages report, as of 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from runner.providers.simulator.config import AccountRefusal, Envelope
from runner.providers.simulator.lengths import duration, whole_seconds
from runner.providers.simulator.outcome import Headers
from runner.providers.simulator.window import Room

_SOON_MS = 5000  # what a throttle that has no true end says of it


@dataclass(frozen=True, slots=True)
class Problem:
    """An error the provider reports.

    Attributes:
        status: HTTP status.
        message: What a person would read.
        code: The provider's own code; most of its errors have none.
        model: The model the caller named, where it got as far as naming one.
        extra: Further fields beside the message.
        retry_ms: Milliseconds until a throttle has cleared; None is no throttle.
        headers: Headers that come with it, whatever the configuration says of headers.
    """

    status: int
    message: str
    code: str | None = None
    model: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    retry_ms: int | None = None
    headers: Headers = ()

    def body(self, envelope: Envelope, request_id: str, *, id_inside: bool) -> bytes:
        """Return the JSON body in `envelope`; a flat one always has a code, if only the status."""
        fields: dict[str, Any] = {"message": self.message, **self.extra}
        if self.code is not None or envelope == "flat":
            fields["code"] = self.code or self.status
        if envelope == "flat":
            return orjson.dumps({**fields, "request_id": request_id})
        if id_inside:
            return orjson.dumps({envelope: {**fields, "request_id": request_id}})
        return orjson.dumps({envelope: fields, "request_id": request_id})


def unauthorised() -> Problem:
    """The token opens no account."""
    message = "Authentication failed, please make sure that a valid ModelScope token is supplied."
    return Problem(401, message)


def malformed(message: str, model: str | None = None) -> Problem:
    """The request is not one the API defines."""
    return Problem(400, message, code="invalid_request_error", model=model)


def unknown_model(model: str) -> Problem:
    """Nobody serves this model."""
    return Problem(400, f"Model id : {model} , has no provider supported", model=model)


def no_such_task(task_id: str) -> Problem:
    """Nobody began this task, or the caller did not, or it is forgotten."""
    return Problem(404, f"Task {task_id} not found")


def must_not_think(model: str) -> Problem:
    """The model answers non-streaming calls only with thinking switched off."""
    message = "parameter.enable_thinking must be set to false for non-streaming calls"
    return Problem(400, message, code="invalid_parameter_error", model=model)


def retired(model: str) -> Problem:
    """The model is gone upstream, in the words of a spent purse."""
    message = "insufficient balance (1008)"
    return Problem(429, message, model=model, extra={"http_code": "429"})


def account_spent(model: str, words: AccountRefusal) -> Problem:
    """The account's day is spent; "ambiguous" words could as well mean a burst."""
    return _used_up("You have exceeded today's quota, please try again tomorrow", model, words)


def month_spent(model: str, words: AccountRefusal) -> Problem:
    """The account's month is spent, in calls or in tokens; words as for a day."""
    message = "You have exceeded this month's quota, please try again next month"
    return _used_up(message, model, words)


def model_spent(model: str) -> Problem:
    """The account's day on this model is spent; its other models are open."""
    message = (
        f"You have exceeded today's quota for model {model}, "
        "please try again tomorrow, or consider using other models"
    )
    return Problem(429, message, model=model)


def insolvent(model: str) -> Problem:
    """The account's credits do not pay for a call of the model."""
    return Problem(429, "insufficient balance", model=model)


def drained(model: str, room: Room) -> Problem:
    """The account's bucket is empty; a call will have dripped in by and by. Groq's words."""
    message = (
        f"Rate limit reached for model `{model}` in organization `org_simulated` service tier "
        f"`on_demand` on requests per day (RPD): Limit {room.limit}, "
        f"Used {room.limit - room.left}, Requested 1. "
        f"Please try again in {duration(room.wait_ms)}."
    )
    headers = (("retry-after", whole_seconds(room.wait_ms)),)
    extra = {"type": "requests"}
    return Problem(429, message, "rate_limit_exceeded", model=model, extra=extra, headers=headers)


def overloaded(model: str) -> Problem:
    """Too many calls at once, or too much load; clears within seconds to minutes."""
    message = f"We have to rate limit you for model {model}. Please wait a moment and try again."
    return Problem(429, message, model=model, retry_ms=_SOON_MS)


def burst(model: str, retry_ms: int = _SOON_MS) -> Problem:
    """Too many calls within the minute."""
    code = "limit_burst_rate"
    return Problem(429, "Too Many Requests", code, model=model, retry_ms=retry_ms)


def wordy(model: str, retry_ms: int = _SOON_MS) -> Problem:
    """Too many tokens within the minute, in words that sound like a spent account."""
    plan = "You exceeded your current quota, please check your plan and billing details"
    return Problem(429, plan, "insufficient_quota", model=model, retry_ms=retry_ms)


def throttles(model: str) -> tuple[Problem, ...]:
    """Return every look of a throttle: none of them means that a day is spent."""
    return (overloaded(model), burst(model), wordy(model))


def internal(model: str) -> Problem:
    """The model's server failed."""
    message = "The model server failed to process the request, please try again later."
    return Problem(500, message, code="internal_error", model=model)


def _used_up(message: str, model: str, words: AccountRefusal) -> Problem:
    return Problem(429, "Request limit exceeded." if words == "ambiguous" else message, model=model)

"""The provider's error replies: messages, codes and the envelopes they come in.

The messages are those that users and official pages report, as of 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from runner.simulator.config import AccountRefusal, Envelope
from runner.simulator.rate_limits import Headroom
from runner.simulator.reply_plan import Headers
from runner.simulator.time_formats import duration, whole_seconds

_DEFAULT_RETRY_MS = 5000  # of a throttle without a known end


@dataclass(frozen=True, slots=True)
class ErrorReply:
    """An error that the provider reports.

    Attributes:
        status: HTTP status.
        message: Message for people.
        code: The provider's own code; most of its errors have none.
        model: The model that the caller named, if the request was read that far.
        extra: Further fields beside the message.
        retry_ms: Milliseconds until a throttle has cleared; None: this is no throttle.
        headers: Headers that are always sent with it.
    """

    status: int
    message: str
    code: str | None = None
    model: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    retry_ms: int | None = None
    headers: Headers = ()

    def body(self, envelope: Envelope, request_id: str, *, id_inside: bool) -> bytes:
        """Return the JSON body in `envelope`; a flat one without a code has the status as code."""
        fields: dict[str, Any] = {"message": self.message, **self.extra}
        if self.code is not None or envelope == "flat":
            fields["code"] = self.code or self.status
        if envelope == "flat":
            return orjson.dumps({**fields, "request_id": request_id})
        if id_inside:
            return orjson.dumps({envelope: {**fields, "request_id": request_id}})
        return orjson.dumps({envelope: fields, "request_id": request_id})


def invalid_token() -> ErrorReply:
    """The token is missing or not accepted."""
    message = "Authentication failed, please make sure that a valid ModelScope token is supplied."
    return ErrorReply(401, message)


def invalid_request(message: str, model: str | None = None) -> ErrorReply:
    """The request does not fit the API."""
    return ErrorReply(400, message, code="invalid_request_error", model=model)


def unknown_model(model: str) -> ErrorReply:
    """The model is not offered."""
    return ErrorReply(400, f"Model id : {model} , has no provider supported", model=model)


def unknown_task(task_id: str) -> ErrorReply:
    """No such task, or a task of another account, or one that is no longer known."""
    return ErrorReply(404, f"Task {task_id} not found")


def thinking_not_disabled(model: str) -> ErrorReply:
    """The model answers non-streaming calls only with thinking switched off."""
    message = "parameter.enable_thinking must be set to false for non-streaming calls"
    return ErrorReply(400, message, code="invalid_parameter_error", model=model)


def model_retired(model: str) -> ErrorReply:
    """The model is no longer served; the message reads like an exhausted balance."""
    message = "insufficient balance (1008)"
    return ErrorReply(429, message, model=model, extra={"http_code": "429"})


def account_exhausted(model: str, wording: AccountRefusal) -> ErrorReply:
    """The account's day is spent. An "ambiguous" wording could also mean a burst."""
    return _exhausted("You have exceeded today's quota, please try again tomorrow", model, wording)


def month_exhausted(model: str, wording: AccountRefusal) -> ErrorReply:
    """The account's month is spent, in calls or in tokens."""
    message = "You have exceeded this month's quota, please try again next month"
    return _exhausted(message, model, wording)


def model_exhausted(model: str) -> ErrorReply:
    """The account's day on this model is spent. Its other models are not affected."""
    message = (
        f"You have exceeded today's quota for model {model}, "
        "please try again tomorrow, or consider using other models"
    )
    return ErrorReply(429, message, model=model)


def credits_exhausted(model: str) -> ErrorReply:
    """The account's credits do not pay for a call of the model."""
    return ErrorReply(429, "insufficient balance", model=model)


def bucket_empty(model: str, bucket: Headroom) -> ErrorReply:
    """The account's bucket is empty and is being refilled. The wording is Groq's."""
    message = (
        f"Rate limit reached for model `{model}` in organization `org_simulated` service tier "
        f"`on_demand` on requests per day (RPD): Limit {bucket.limit}, "
        f"Used {bucket.limit - bucket.remaining}, Requested 1. "
        f"Please try again in {duration(bucket.wait_ms)}."
    )
    headers = (("retry-after", whole_seconds(bucket.wait_ms)),)
    extra = {"type": "requests"}
    return ErrorReply(
        429, message, "rate_limit_exceeded", model=model, extra=extra, headers=headers
    )


def overloaded(model: str) -> ErrorReply:
    """Too many calls at once, or too much load; clears within seconds to minutes."""
    message = f"We have to rate limit you for model {model}. Please wait a moment and try again."
    return ErrorReply(429, message, model=model, retry_ms=_DEFAULT_RETRY_MS)


def too_many_calls(model: str, retry_ms: int = _DEFAULT_RETRY_MS) -> ErrorReply:
    """Too many calls within the minute."""
    code = "limit_burst_rate"
    return ErrorReply(429, "Too Many Requests", code, model=model, retry_ms=retry_ms)


def too_many_tokens(model: str, retry_ms: int = _DEFAULT_RETRY_MS) -> ErrorReply:
    """Too many tokens within the minute; the message reads like an exhausted account."""
    plan = "You exceeded your current quota, please check your plan and billing details"
    return ErrorReply(429, plan, "insufficient_quota", model=model, retry_ms=retry_ms)


def throttles(model: str) -> tuple[ErrorReply, ...]:
    """Return every variant of a throttle. None of them means that a day is spent."""
    return (overloaded(model), too_many_calls(model), too_many_tokens(model))


def too_many_in_flight() -> ErrorReply:
    """A proxy in front of the provider has as many calls in flight as it allows."""
    return ErrorReply(429, "Too Many Requests")


def internal_error(model: str) -> ErrorReply:
    """The model's server failed."""
    message = "The model server failed to process the request, please try again later."
    return ErrorReply(500, message, code="internal_error", model=model)


def _exhausted(message: str, model: str, wording: AccountRefusal) -> ErrorReply:
    text = "Request limit exceeded." if wording == "ambiguous" else message
    return ErrorReply(429, text, model=model)

"""Builds the provider's error replies: messages, codes and envelopes.

The messages are ModelScope's, quoted from users' reports and from the page that its preset names as
`source`; a few are those of Groq and OpenAI. As of 2026-11.
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

_DEFAULT_RETRY_MS = 5000  # for a throttle whose end is not known


@dataclass(frozen=True, slots=True)
class ErrorReply:
    """An error that the provider reports.

    Attributes:
        status: The HTTP status.
        message: The message for people.
        code: The provider's own error code; most of its errors have none.
        model: The model in the request; None if the request was refused before that was read.
        extra: Additional fields of the error object.
        retry_ms: The time until a throttle clears, in ms; None if the error is not a throttle.
        headers: Headers that are always sent with the error.
    """

    status: int
    message: str
    code: str | None = None
    model: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    retry_ms: int | None = None
    headers: Headers = ()

    def body(self, envelope: Envelope, request_id: str, *, id_inside: bool) -> bytes:
        """Returns the JSON body in `envelope`; in a flat one the code defaults to the status."""
        fields: dict[str, Any] = {"message": self.message, **self.extra}
        if self.code is not None or envelope == "flat":
            fields["code"] = self.code or self.status
        if envelope == "flat":
            return orjson.dumps({**fields, "request_id": request_id})
        if id_inside:
            return orjson.dumps({envelope: {**fields, "request_id": request_id}})
        return orjson.dumps({envelope: fields, "request_id": request_id})


def invalid_token() -> ErrorReply:
    """Returns the error for a token that is missing or not accepted."""
    message = "Authentication failed, please make sure that a valid ModelScope token is supplied."
    return ErrorReply(401, message)


def invalid_request(message: str, model: str | None = None) -> ErrorReply:
    """Returns the error for a request that does not conform to the API."""
    return ErrorReply(400, message, code="invalid_request_error", model=model)


def unknown_model(model: str) -> ErrorReply:
    """Returns the error for a model that is not offered."""
    return ErrorReply(400, f"Model id : {model} , has no provider supported", model=model)


def unknown_task(task_id: str) -> ErrorReply:
    """Returns the error for a task that does not exist, was lost, or is another account's."""
    return ErrorReply(404, f"Task {task_id} not found")


def thinking_not_disabled(model: str) -> ErrorReply:
    """Returns the error of a model that requires thinking to be disabled without streaming."""
    message = "parameter.enable_thinking must be set to false for non-streaming calls"
    return ErrorReply(400, message, code="invalid_parameter_error", model=model)


def model_retired(model: str) -> ErrorReply:
    """Returns the error for a retired model; its message is that of an exhausted balance."""
    message = "insufficient balance (1008)"
    return ErrorReply(429, message, model=model, extra={"http_code": "429"})


def account_exhausted(model: str, wording: AccountRefusal) -> ErrorReply:
    """Returns the refusal of an account whose day is spent.

    The wording "ambiguous" could also mean a burst.
    """
    return _exhausted("You have exceeded today's quota, please try again tomorrow", model, wording)


def month_exhausted(model: str, wording: AccountRefusal) -> ErrorReply:
    """Returns the refusal of an account whose month is spent, in calls or in tokens."""
    message = "You have exceeded this month's quota, please try again next month"
    return _exhausted(message, model, wording)


def model_exhausted(model: str) -> ErrorReply:
    """Returns the refusal of an account whose day on this model is spent."""
    message = (
        f"You have exceeded today's quota for model {model}, "
        "please try again tomorrow, or consider using other models"
    )
    return ErrorReply(429, message, model=model)


def credits_exhausted(model: str) -> ErrorReply:
    """Returns the refusal of an account whose credits do not pay for a call of the model."""
    return ErrorReply(429, "insufficient balance", model=model)


def bucket_empty(model: str, bucket: Headroom) -> ErrorReply:
    """Returns the refusal of an account whose token bucket is empty, in Groq's wording."""
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
    """Returns the throttle for too many concurrent calls; it clears in seconds to minutes."""
    message = f"We have to rate limit you for model {model}. Please wait a moment and try again."
    return ErrorReply(429, message, model=model, retry_ms=_DEFAULT_RETRY_MS)


def too_many_calls(model: str, retry_ms: int = _DEFAULT_RETRY_MS) -> ErrorReply:
    """Returns the throttle for too many calls within a minute."""
    code = "limit_burst_rate"
    return ErrorReply(429, "Too Many Requests", code, model=model, retry_ms=retry_ms)


def too_many_tokens(model: str, retry_ms: int = _DEFAULT_RETRY_MS) -> ErrorReply:
    """Returns the throttle for too many tokens within a minute.

    Its message is that of an exhausted account.
    """
    plan = "You exceeded your current quota, please check your plan and billing details"
    return ErrorReply(429, plan, "insufficient_quota", model=model, retry_ms=retry_ms)


def throttles(model: str) -> tuple[ErrorReply, ...]:
    """Returns every variant of a throttle; none of them means that a day is spent."""
    return (overloaded(model), too_many_calls(model), too_many_tokens(model))


def too_many_in_flight() -> ErrorReply:
    """Returns the refusal of a reverse proxy that limits the calls in flight."""
    return ErrorReply(429, "Too Many Requests")


def internal_error(model: str) -> ErrorReply:
    """Returns the error of a model server that failed."""
    message = "The model server failed to process the request, please try again later."
    return ErrorReply(500, message, code="internal_error", model=model)


def _exhausted(message: str, model: str, wording: AccountRefusal) -> ErrorReply:
    text = "Request limit exceeded." if wording == "ambiguous" else message
    return ErrorReply(429, text, model=model)

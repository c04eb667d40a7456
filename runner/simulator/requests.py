"""Reads a call: checks its token, its JSON body, and whether its model is offered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from runner.simulator import errors
from runner.simulator.chat import ChatRequest
from runner.simulator.config import SimulatorConfig
from runner.simulator.embeddings import EmbeddingRequest
from runner.simulator.errors import ErrorReply
from runner.simulator.images import ImageRequest

CallRequest = ChatRequest | EmbeddingRequest | ImageRequest
"""A well-formed call of any kind."""

RequestReader = Callable[[str, str, dict[str, Any]], CallRequest | ErrorReply]
"""Reads a call of one kind, given its account, its model, and all fields of its body."""


def bearer_token(authorization: str | None) -> str | None:
    """Returns the bearer token of an ``Authorization`` header, or None."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def read_call(
    config: SimulatorConfig, token: str | None, body: bytes, now_ms: int, read: RequestReader
) -> CallRequest | ErrorReply:
    """Reads a call that arrives at `now_ms`; returns the first error if it is invalid."""
    if token is None or not config.accepts(token):
        return errors.invalid_token()
    fields = _fields(body)
    if isinstance(fields, ErrorReply):
        return fields
    model = fields["model"]
    request = read(token, model, fields)
    if isinstance(request, ErrorReply):
        return request
    if config.is_retired(model, now_ms):
        return errors.model_retired(model)
    if config.models and model not in config.models:
        return errors.unknown_model(model)
    if model in config.thinking_models and _may_think(fields):
        return errors.thinking_not_disabled(model)
    return request


def _fields(body: bytes) -> dict[str, Any] | ErrorReply:
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError:
        return errors.invalid_request("The request body is not valid JSON.")
    if not isinstance(fields, dict):
        return errors.invalid_request("The request body is not a JSON object.")
    model = fields.get("model")
    if not isinstance(model, str) or not model:
        return errors.invalid_request("Missing required parameter: 'model'.")
    return fields


def _may_think(fields: dict[str, Any]) -> bool:
    """Whether thinking is disabled neither in OpenAI's form nor in that of the native API."""
    nested = fields.get("parameters")
    places = (fields, nested if isinstance(nested, dict) else {})
    return all(place.get("enable_thinking") is not False for place in places)

"""Whether a call is one the provider would serve at all.

It knows tokens, the wire format and which models are offered; it does not know what is left of
anybody's day.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from runner.providers.simulator import problems
from runner.providers.simulator.answers import fingerprint
from runner.providers.simulator.config import SimulatorConfig
from runner.providers.simulator.paintings import ImageRequest
from runner.providers.simulator.problems import Problem
from runner.providers.simulator.vectors import EmbedRequest
from runner.providers.simulator.wanted import Message

_VISIBLE = ("https://", "http://", "data:image/")


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A well-formed chat call to a model that is offered."""

    account: str
    model: str
    messages: tuple[Message, ...]

    def prompts(self) -> tuple[bytes, ...]:
        """Return the SHA-256 of the first user message."""
        return (fingerprint(self.messages),)


Request = ChatRequest | EmbedRequest | ImageRequest
"""A well-formed call, of any kind."""

Form = Callable[[str, str, dict[str, Any]], Request | Problem]
"""Reads a call of one kind: its account, its model, and all the fields of its body."""


def bearer(authorization: str | None) -> str | None:
    """Return the token of an ``Authorization`` header; None where it holds none."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def check(
    config: SimulatorConfig, token: str | None, body: bytes, now_ms: int, form: Form
) -> Request | Problem:
    """Read a call, or return the first thing that is wrong with it at `now_ms`."""
    if token is None or not config.accepts(token):
        return problems.unauthorised()
    fields = _fields(body)
    if isinstance(fields, Problem):
        return fields
    model = fields["model"]
    request = form(token, model, fields)
    if isinstance(request, Problem):
        return request
    if config.is_retired(model, now_ms):
        return problems.retired(model)
    return _check_model(config, model, fields) or request


def read_chat(account: str, model: str, fields: dict[str, Any]) -> ChatRequest | Problem:
    """Read a chat call, or return what is wrong with it."""
    if not _are_messages(fields.get("messages")):
        return problems.malformed("Missing or invalid required parameter: 'messages'.", model)
    if fields.get("stream"):
        return problems.malformed("The simulator answers non-streaming calls only.", model)
    return ChatRequest(account, model, tuple(fields["messages"]))


def _fields(body: bytes) -> dict[str, Any] | Problem:
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError:
        return problems.malformed("The request body is not valid JSON.")
    if not isinstance(fields, dict):
        return problems.malformed("The request body is not a JSON object.")
    model = fields.get("model")
    if not isinstance(model, str) or not model:
        return problems.malformed("Missing required parameter: 'model'.")
    return fields


def _are_messages(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_message, value))


def _is_message(value: object) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("role"), str):
        return False
    content = value.get("content")
    if isinstance(content, list):
        return not any(map(_is_no_image, content))
    return isinstance(content, str)


def _is_no_image(part: object) -> bool:
    """Whether a part of a message is meant to be an image, and is none that could be seen."""
    if not isinstance(part, dict) or part.get("type") != "image_url":
        return False
    place = part.get("image_url")
    url = place.get("url") if isinstance(place, dict) else None
    return not isinstance(url, str) or not url.startswith(_VISIBLE)


def _check_model(config: SimulatorConfig, model: str, fields: dict[str, Any]) -> Problem | None:
    if config.models and model not in config.models:
        return problems.unknown_model(model)
    if model in config.thinking_models and _may_think(fields):
        return problems.must_not_think(model)
    return None


def _may_think(fields: dict[str, Any]) -> bool:
    """Look for the switch where OpenAI clients put it, and where the native API has it."""
    nested = fields.get("parameters")
    places = (fields, nested if isinstance(nested, dict) else {})
    return all(place.get("enable_thinking") is not False for place in places)

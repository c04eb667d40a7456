"""Queries the clock of a provider: the ``Date`` header of a free reply."""

from __future__ import annotations

from collections.abc import Mapping

from runner.core.time_units import DAY_MS
from runner.providers.durations import read_span
from runner.providers.endpoint import Endpoint
from runner.providers.headers import read_date
from runner.providers.transport import Response

OLDEST_MS = DAY_MS  # the Date of a reply that was cached for longer is not trusted


async def ask_hour(endpoint: Endpoint, timeout_s: float) -> int | None:
    """Returns the provider's time, in ms since the epoch; None if no reply tells it.

    The request is for the list of models; a refusal has a ``Date`` as well. The ``Age`` of a cached
    reply (RFC 9111, 5.1) is added.
    """
    reply = await endpoint.models(timeout_s)
    if not isinstance(reply, Response):
        return None
    date, age = read_date(reply.headers), _age(reply.headers)
    return None if date is None or age is None else date + age


def _age(headers: Mapping[str, str]) -> int | None:
    """Returns the age of a reply in ms; None if it is malformed or above `OLDEST_MS`."""
    age = read_span(headers.get("age", "0"), 1_000)
    return age if age is not None and age <= OLDEST_MS else None

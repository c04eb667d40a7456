"""Queries the clock of a provider: the ``Date`` header of a free reply."""

from __future__ import annotations

from runner.providers.endpoint import Endpoint
from runner.providers.headers import read_date
from runner.providers.transport import Response


async def ask_hour(endpoint: Endpoint, timeout_s: float) -> int | None:
    """Returns the provider's time, in ms since the epoch; None if no reply has a ``Date``.

    The request is for the list of models; a refusal has a ``Date`` as well. The ``Age`` of a cached
    reply (RFC 9111, 5.1) is added.
    """
    reply = await endpoint.get(f"{endpoint.base_url}/models", timeout_s)
    if not isinstance(reply, Response):
        return None
    date, age = read_date(reply.headers), reply.headers.get("age", "")
    return None if date is None else date + (int(age) * 1_000 if age.isdecimal() else 0)

"""What hour it is at a provider: the Date of a reply that costs nothing."""

from __future__ import annotations

from runner.providers.endpoint import Endpoint
from runner.providers.headers import read_date
from runner.providers.transport import Response


async def ask_hour(endpoint: Endpoint, timeout_s: float) -> int | None:
    """The hour of the provider (ms since the epoch); None: it cannot be reached, or does not say.

    The list of models is asked for; a refusal of it has a Date as well. A reply out of a cache
    tells its age (RFC 9111, 5.1).
    """
    reply = await endpoint.get(f"{endpoint.base_url}/models", timeout_s)
    if not isinstance(reply, Response):
        return None
    date, age = read_date(reply.headers), reply.headers.get("age", "")
    return None if date is None else date + (int(age) * 1_000 if age.isdecimal() else 0)

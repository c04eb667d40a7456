"""What a chat reply says about quotas beside its body, truly or not.

It knows header names and bad manners; it counts nothing.
"""

from __future__ import annotations

from email.utils import formatdate

from runner.providers.simulator.books import Position
from runner.providers.simulator.config import SimulatorConfig
from runner.providers.simulator.lengths import duration, whole_seconds
from runner.providers.simulator.luck import Luck
from runner.providers.simulator.outcome import Headers
from runner.providers.simulator.window import Room

GARBAGE = ("", "-1", "NaN", "1e9999", "12;drop", "9" * 5000)
"""What a malformed header says instead; the last is more digits than int() takes."""

_WITH_HEADERS = frozenset({200, 400, 429})
_HALF = 0.5


def quota_headers(config: SimulatorConfig, position: Position, status: int, luck: Luck) -> Headers:
    """Return the headers of a reply with `status`; a quota without a limit has none.

    Seen on a 200, a 400 and a 429; absent on a 401 and on the server's own failures. Where calls
    cost credits, nothing is said about the day. The ``-requests`` headers tell of the minute; of
    the bucket, where only that is limited.
    """
    if not config.headers or status not in _WITH_HEADERS:
        return ()
    requests = position.calls or position.refill
    told = (
        *(() if config.credits is not None else _of_the_day(config, position)),
        *(() if requests is None else _of_room(config, "requests", requests)),
        *(() if position.tokens is None else _of_room(config, "tokens", position.tokens)),
    )
    return _mannered(config, told, luck)


def retry_after(config: SimulatorConfig, retry_ms: int | None, luck: Luck, now_ms: int) -> Headers:
    """Return when a throttled call may come again: in whole seconds, or as a date."""
    if not config.retry_after or retry_ms is None:
        return ()
    if luck.dice("retry-after").random() < _HALF:
        return (("retry-after", whole_seconds(retry_ms)),)
    at_s = -(-(now_ms + retry_ms) // 1000)
    return (("retry-after", formatdate(at_s, usegmt=True)),)


def _of_the_day(config: SimulatorConfig, position: Position) -> Headers:
    standing = position.standing
    quotas = (
        ("requests", standing.account_limit, standing.account_left),
        ("model-requests", standing.model_limit, standing.model_left),
    )
    told: Headers = ()
    for unit, limit, left in quotas:
        if limit is not None and left is not None:
            said = limit if config.header_manners == "lying" else left
            told += (
                (f"modelscope-ratelimit-{unit}-limit", str(limit)),
                (f"modelscope-ratelimit-{unit}-remaining", str(said)),
            )
    return told


def _of_room(config: SimulatorConfig, unit: str, room: Room) -> Headers:
    said = room.limit if config.header_manners == "lying" else room.left
    return (
        (f"x-ratelimit-limit-{unit}", str(room.limit)),
        (f"x-ratelimit-remaining-{unit}", str(said)),
        (f"x-ratelimit-reset-{unit}", duration(room.whole_ms)),
    )


def _mannered(config: SimulatorConfig, told: Headers, luck: Luck) -> Headers:
    dice = luck.dice("headers")
    match config.header_manners:
        case "vanishing":
            return told if dice.random() < _HALF else ()
        case "malformed":
            return tuple(
                (name, value if dice.random() < _HALF else dice.choice(GARBAGE))
                for name, value in told
            )
        case _:
            return told

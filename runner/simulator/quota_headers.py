"""Builds the headers of a reply that state the remaining quotas."""

from __future__ import annotations

from email.utils import formatdate

from runner.simulator.accounting import SimulatedAccount
from runner.simulator.allowance import RemainingQuota
from runner.simulator.config import SimulatorConfig
from runner.simulator.draws import CallDraws
from runner.simulator.rate_limits import Headroom
from runner.simulator.reply_plan import Headers
from runner.simulator.time_formats import duration, whole_seconds

MALFORMED_VALUES = ("", "-1", "NaN", "1e9999", "12;drop", "9" * 5000)
"""The values of malformed headers; the last has more digits than int() accepts."""

_WITH_HEADERS = frozenset({200, 400, 429})
_HALF = 0.5


def has_quota_headers(config: SimulatorConfig, status: int) -> bool:
    """Whether a reply with `status` has quota headers; a 401 and a 5xx have none."""
    return config.headers and status in _WITH_HEADERS


def quota_headers(config: SimulatorConfig, state: SimulatedAccount, draws: CallDraws) -> Headers:
    """Returns the headers for `state`; a quota without a limit has none.

    If calls cost credits, there are no headers about the day. The ``-requests`` headers are about
    the minute or, if it has no limit, about the bucket.
    """
    headers = () if config.credits is not None else _of_day(config, state.quota)
    requests = state.calls or state.bucket
    if requests is not None:
        headers += _of_limit(config, "requests", requests)
    if state.tokens is not None:
        headers += _of_limit(config, "tokens", state.tokens)
    if config.header_behaviour in {"missing", "malformed"}:
        return _corrupted(config, headers, draws)
    return headers


def retry_after(
    config: SimulatorConfig, retry_ms: int | None, draws: CallDraws, now_ms: int
) -> Headers:
    """Returns the ``Retry-After`` header of a throttle, in whole seconds or as a date."""
    if not config.retry_after or retry_ms is None:
        return ()
    if draws.random_for("retry-after").random() < _HALF:
        return (("retry-after", whole_seconds(retry_ms)),)
    at_s = -(-(now_ms + retry_ms) // 1000)
    return (("retry-after", formatdate(at_s, usegmt=True)),)


def _of_day(config: SimulatorConfig, quota: RemainingQuota) -> Headers:
    limits = (
        ("requests", quota.account_limit, quota.account_remaining),
        ("model-requests", quota.model_limit, quota.model_remaining),
    )
    headers: Headers = ()
    for unit, limit, remaining in limits:
        if limit is not None:
            shown = limit if config.header_behaviour == "wrong" else remaining
            headers += (
                (f"modelscope-ratelimit-{unit}-limit", str(limit)),
                (f"modelscope-ratelimit-{unit}-remaining", str(shown)),
            )
    return headers


def _of_limit(config: SimulatorConfig, unit: str, room: Headroom) -> Headers:
    shown = room.limit if config.header_behaviour == "wrong" else room.remaining
    return (
        (f"x-ratelimit-limit-{unit}", str(room.limit)),
        (f"x-ratelimit-remaining-{unit}", str(shown)),
        (f"x-ratelimit-reset-{unit}", duration(room.full_in_ms)),
    )


def _corrupted(config: SimulatorConfig, headers: Headers, draws: CallDraws) -> Headers:
    random = draws.random_for("headers")
    if config.header_behaviour == "missing":
        return headers if random.random() < _HALF else ()
    return tuple(
        (name, value if random.random() < _HALF else random.choice(MALFORMED_VALUES))
        for name, value in headers
    )

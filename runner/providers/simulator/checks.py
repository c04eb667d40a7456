"""Whether a simulated provider's settings make sense.

It knows ranges and what contradicts what; what the settings lead to is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from runner.errors import ConfigError

if TYPE_CHECKING:
    from runner.providers.simulator.config import SimulatorConfig

_DAY_S = 86_400
_COUNTS = (
    "calls_per_day",
    "calls_per_day_per_model",
    "calls_per_minute",
    "tokens_per_minute",
    "calls_per_month",
    "tokens_per_month",
    "foreign_calls_per_day",
)


def check_limits(config: SimulatorConfig) -> None:
    """Raise `ConfigError` if a limit is out of range."""
    for name in _COUNTS:
        _at_least(name, getattr(config, name), 0)
    _at_least("max_concurrency", config.max_concurrency, 1)
    for model, limit in config.model_limits.items():
        _at_least(f"model_limits.{model}", limit, 0)
    if config.refill_calls is not None:
        limit, period_ms = config.refill_calls
        _at_least("refill_calls", min(limit, period_ms), 1)


def check_changes(config: SimulatorConfig) -> None:
    """Raise `ConfigError` if what changes at a moment changes to nonsense, or out of order."""
    moments = [moment for moment, _ in config.limit_changes]
    if moments != sorted(set(moments)):
        raise _wrong("limit_changes", config.limit_changes, "give the moments in order, each once")
    for _, limit in config.limit_changes:
        _at_least("limit_changes", limit, 0)


def check_times(config: SimulatorConfig) -> None:
    """Raise `ConfigError` if a length of time or the zone makes no sense."""
    for name in ("latency_ms", "image_ms"):
        least, most = getattr(config, name)
        if not 0 <= least <= most:
            raise _wrong(name, (least, most), "give the least and the most, in order")
    if not 0 <= config.reset_late_s < _DAY_S:
        raise _wrong("reset_late_s", config.reset_late_s, f"choose from 0 to {_DAY_S - 1} seconds")
    if not 1 <= config.foreign_spread_s <= _DAY_S:
        spread = config.foreign_spread_s
        raise _wrong("foreign_spread_s", spread, f"choose from 1 to {_DAY_S} seconds")
    _check_zone(config.zone)


def check_credits(config: SimulatorConfig) -> None:
    """Raise `ConfigError` if an amount is none, or if credits need a login and there are none."""
    amounts = {"credits": config.credits or 0}
    amounts |= {f"prices.{model}": price for model, price in config.prices.items()}
    for name, amount in amounts.items():
        if not (isfinite(amount) and amount >= 0):
            raise _wrong(name, amount, "choose 0 or more")
    if config.credits_need_login and config.credits is None:
        raise _wrong("credits_need_login", config.credits_need_login, "set credits, if only to 0")


def check_grant(amount: float, ttl_ms: int) -> None:
    """Raise `ConfigError` if a grant gives nothing, or is gone before it can be spent."""
    if not (isfinite(amount) and amount > 0):
        raise _wrong("grant.amount", amount, "choose more than 0")
    _at_least("grant.ttl_ms", ttl_ms, 1)


def check_faults(faults: Mapping[str, float], *groups: Sequence[str]) -> None:
    """Raise `ConfigError` if a fault is of no group, or the probabilities of one are none."""
    known = [kind for group in groups for kind in group]
    for kind, probability in faults.items():
        one_of("faults", kind, known)
        if not 0 <= probability <= 1:
            raise _wrong(f"faults.{kind}", probability, "choose a probability from 0 to 1")
    for group in groups:  # of each, one strikes at a time; ten times 0.1 is a hair over 1
        if sum(faults.get(kind, 0.0) for kind in group) > 1 + 1e-9:
            raise _wrong("faults", dict(faults), "let the probabilities add up to at most 1")


def one_of(name: str, value: str, choices: Sequence[str]) -> None:
    """Raise `ConfigError` if `value` is none of `choices`."""
    if value not in choices:
        raise _wrong(name, value, f"choose one of {', '.join(choices)}")


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not found, no name, the name of a folder
        remedy = "choose a zone by its IANA name, such as Asia/Shanghai"
        raise _wrong("zone", name, remedy) from None


def _at_least(name: str, value: int | None, least: int) -> None:
    if value is not None and value < least:
        raise _wrong(name, value, f"choose {least} or more")


def _wrong(name: str, value: object, remedy: str) -> ConfigError:
    return ConfigError(f"{value!r} makes no sense", where=f"simulator.{name}", remedy=remedy)

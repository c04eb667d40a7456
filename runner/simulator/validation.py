"""Validates single configuration values; each check raises a `ConfigError` that names the field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from zoneinfo import ZoneInfo

from runner.errors import ConfigError
from runner.language import _

# Sums of probabilities may exceed 1 slightly, because floats are rounded.
_ROUNDING_ERROR = 1e-9


def at_least(name: str, value: int | None, minimum: int) -> None:
    """Checks that a number is `minimum` or more; None is allowed.

    Raises:
        ConfigError: The number is less.
    """
    if value is not None and value < minimum:
        raise invalid(name, value, _("choose {minimum} or more").format(minimum=minimum))


def in_range(name: str, value: int, minimum: int, maximum: int, unit: str = "") -> None:
    """Checks that a number is from `minimum` to `maximum`.

    Raises:
        ConfigError: The number is out of range.
    """
    if not minimum <= value <= maximum:
        raise invalid(
            name,
            value,
            _("choose from {minimum} to {maximum} {unit}")
            .format(minimum=minimum, maximum=maximum, unit=unit)
            .rstrip(),
        )


def interval(name: str, bounds: tuple[int, int]) -> None:
    """Checks that a minimum and a maximum are in order and not negative.

    Raises:
        ConfigError: They are out of order, or negative.
    """
    minimum, maximum = bounds
    if not 0 <= minimum <= maximum:
        raise invalid(name, bounds, _("give the least and the most, in order"))


def amount(name: str, value: float) -> None:
    """Checks that an amount of credits is finite and not negative.

    Raises:
        ConfigError: The amount is negative or not finite.
    """
    if not (isfinite(value) and value >= 0):
        raise invalid(name, value, _("choose 0 or more"))


def one_of(name: str, value: str, choices: Sequence[str]) -> None:
    """Checks that `value` is one of `choices`.

    Raises:
        ConfigError: The value is not among them.
    """
    if value not in choices:
        raise invalid(name, value, _("choose one of {choices}").format(choices=", ".join(choices)))


def time_zone(name: str, value: str) -> None:
    """Checks that a time zone with the name exists.

    Raises:
        ConfigError: There is no such time zone.
    """
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):  # not found; not a valid name; a folder's name
        remedy = _("choose a zone by its IANA name, such as Asia/Shanghai")
        raise invalid(name, value, remedy) from None


def probabilities(name: str, values: Mapping[str, float], *groups: Sequence[str]) -> None:
    """Checks each probability, and that the probabilities of each group sum to at most 1.

    Raises:
        ConfigError: A kind is in no group, or a probability or a sum is out of range.
    """
    known = [kind for group in groups for kind in group]
    for kind, probability in values.items():
        one_of(name, kind, known)
        if not 0 <= probability <= 1:
            raise invalid(f"{name}.{kind}", probability, _("choose a probability from 0 to 1"))
    for group in groups:
        if sum(values.get(kind, 0.0) for kind in group) > 1 + _ROUNDING_ERROR:
            raise invalid(name, dict(values), _("let the probabilities add up to at most 1"))


def grant(amount_: float, ttl_ms: int) -> None:
    """Checks that a grant has a positive amount and does not expire immediately.

    Raises:
        ConfigError: The amount or the time to live is not positive.
    """
    if not (isfinite(amount_) and amount_ > 0):
        raise invalid("grant.amount", amount_, _("choose more than 0"))
    at_least("grant.ttl_ms", ttl_ms, 1)


def invalid(name: str, value: object, remedy: str) -> ConfigError:
    """Returns the error for a value that is not allowed in the field `name`."""
    return ConfigError(
        _("{value!r} makes no sense").format(value=value), where=f"simulator.{name}", remedy=remedy
    )

"""One account at one provider: its quotas, prices and models.

The token and the calls are in endpoint.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from runner.core.grants import of_a_day
from runner.core.period import Calendar, Grant, Period
from runner.core.verdict import Scope
from runner.core.window import CREDIT, Cost, Quota, Source, Unit
from runner.providers.presets import Preset, QuotaTable

DEFAULT = "default"
# How many tokens a call is assumed to take until a reply has counted some.
USUAL_TOKENS = 1_000


@dataclass(frozen=True, slots=True)
class Account:
    """One credential at a provider, without the credential.

    Attributes:
        name: The user's name for it.
        preset: The provider.
        base_url: Where its calls go, without a trailing slash; None if neither the preset nor the
            user names one.
        quotas: The quotas of the account and of each model, in the order of their windows.
        calls_per_second: How many calls may start in a second.
        models: The names of models at this provider, by their names in job files. A model that
            is not a key is not served. Empty: every model is served under its own name.
        prices: Credits a call, by model.
        max_concurrency: How many calls may be in flight, on all its models; None: any number.
    """

    name: str
    preset: Preset
    base_url: str | None
    quotas: tuple[Quota, ...]
    calls_per_second: int | None = 10
    models: Mapping[str, str] = field(default_factory=dict)
    prices: Mapping[str, float] = field(default_factory=dict)
    max_concurrency: int | None = None

    def serves(self, model: str) -> str | None:
        """The name here of `model` of a job file; None if it is not served."""
        return self.models.get(model) if self.models else model

    def cost(self, model: str, tokens: int) -> Cost:
        """What a call to `model` reserves that is estimated to take `tokens`."""
        price = self.prices.get(model, self.prices.get(DEFAULT, 1.0))
        return {Unit.CALLS: 1, Unit.TOKENS: tokens, Unit.CREDITS: round(price * CREDIT)}

    @property
    def daily_grant(self) -> int:
        """The credits that it is granted each day, if somebody logs in, in thousandths."""
        return of_a_day(self.preset.grants) if self.credits else 0

    @property
    def credits(self) -> Quota | None:
        """The quota of its credits; None if the provider counts none."""
        return next((rule for rule in self.quotas if rule.unit is Unit.CREDITS), None)


@dataclass(frozen=True, slots=True)
class QuotaOverrides:
    """What the user's settings change in the quotas of a preset.

    Attributes:
        limits: Limits by the name of the quota; they replace the preset's.
        reserve: Calls a day of the account's primary quota that the runner leaves to the user.
        reserve_percent: The same as a percentage of the limit, which may be learned later.
        max_calls_per_day: Calls a day that the runner may spend, whatever the provider allows.
        max_calls: Calls that the runner may spend in all.
    """

    limits: Mapping[str, int] = field(default_factory=dict)
    reserve: int = 0
    reserve_percent: int = 0
    max_calls_per_day: int | None = None
    max_calls: int | None = None


def quotas_of(preset: Preset, overrides: QuotaOverrides) -> tuple[Quota, ...]:
    """The quotas of an account at this provider: the account's first, then the models'.

    Raises:
        ConfigError: A limit is set for a quota that the provider does not have.
    """
    preset.check_limits(overrides.limits)
    found = [
        _rule(table, overrides, primary=table is preset.primary(table.scope))
        for table in preset.tables
    ]
    caps = _caps(preset, overrides)
    return tuple(sorted([*found, *caps], key=lambda rule: rule.scope is Scope.MODEL))


def _rule(table: QuotaTable, overrides: QuotaOverrides, *, primary: bool) -> Quota:
    configured = overrides.limits.get(table.name)
    limit = table.limit if configured is None else configured
    factor = CREDIT if table.unit == Unit.CREDITS else 1
    kept = primary and table.scope is Scope.ACCOUNT
    return Quota(
        table.name,
        table.scope,
        None if limit is None else limit * factor,
        table.period,
        Source.PRESET if configured is None else Source.CONFIGURED,
        overrides.reserve if kept else 0,
        Unit(table.unit),
        primary,
        overrides.reserve_percent if kept else 0,
    )


def _caps(preset: Preset, overrides: QuotaOverrides) -> list[Quota]:
    """The quotas that the user sets: no reply header tells of them."""
    wanted: dict[str, tuple[int | None, Period]] = {
        "max_calls_per_day": (overrides.max_calls_per_day, Calendar("day", preset.zone)),
        "max_calls": (overrides.max_calls, Grant()),
    }
    return [
        Quota(name, Scope.ACCOUNT, limit, period, Source.CONFIGURED, primary=False)
        for name, (limit, period) in wanted.items()
        if limit is not None
    ]

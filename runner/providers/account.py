"""An account at a provider: its quotas, prices and models, without its token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from runner.core.grants import of_a_day
from runner.core.period import Calendar, Grant, Period
from runner.core.verdict import Scope
from runner.core.window import CREDIT, Cost, Quota, Source, Unit
from runner.providers.presets import Preset, QuotaTable

DEFAULT = "default"
# The assumed tokens of a call, until replies have reported some.
USUAL_TOKENS = 1_000
# The assumed credits of a call to a model whose price is not known.
USUAL_PRICE = 1.0


@dataclass(frozen=True, slots=True)
class Account:
    """An account at a provider, without its token.

    Attributes:
        name: The user's name for the account.
        preset: The provider.
        base_url: The base URL of its calls, without a trailing slash; None if neither the preset
            nor the user names one.
        quotas: The quotas of the account and of each model, in the order of their windows.
        calls_per_second: The most calls that may start in a second; None for no limit.
        models: The provider's names of models, by their names in job files. Only the keys are
            served. If it is empty, every model is served under its own name.
        prices: The credits of a call, by model, as far as they are known; ``default`` is the price
            of other models.
        max_concurrency: The most calls in flight on all its models; None for no limit.
    """

    name: str
    preset: Preset
    base_url: str | None
    quotas: tuple[Quota, ...]
    calls_per_second: int | None = 10
    models: Mapping[str, str] = field(default_factory=dict)
    prices: Mapping[str, float] = field(default_factory=dict)
    max_concurrency: int | None = None

    def provider_model(self, model: str) -> str | None:
        """Returns the provider's name of a job file's `model`; None if it is not served."""
        return self.models.get(model) if self.models else model

    def knows_price(self, model: str) -> bool:
        """Whether the price of a call to `model` is known, not assumed."""
        return model in self.prices or DEFAULT in self.prices

    def cost(self, model: str, tokens: int) -> Cost:
        """Returns the cost to reserve for a call to `model` with the estimated `tokens`."""
        price = self.prices.get(model, self.prices.get(DEFAULT, USUAL_PRICE))
        return {Unit.CALLS: 1, Unit.TOKENS: tokens, Unit.CREDITS: round(price * CREDIT)}

    @property
    def daily_grant(self) -> int:
        """The credits granted each day on which somebody logs in, in thousandths."""
        return of_a_day(self.preset.grants) if self.credits else 0

    @property
    def credits(self) -> Quota | None:
        """The quota of the account's credits; None if the provider has no credits."""
        return next((quota for quota in self.quotas if quota.unit is Unit.CREDITS), None)


@dataclass(frozen=True, slots=True)
class QuotaOverrides:
    """The user's changes to the quotas of a preset.

    Attributes:
        limits: The limits that replace the preset's, by the quota's name.
        reserve: The calls a day of the account's primary quota that are left to the user.
        reserve_percent: The same as a percentage of the limit, which may become known later.
        max_calls_per_day: The most calls a day that the runner may spend; None for no cap.
        max_calls: The most calls that the runner may spend in all; None for no cap.
    """

    limits: Mapping[str, int] = field(default_factory=dict)
    reserve: int = 0
    reserve_percent: int = 0
    max_calls_per_day: int | None = None
    max_calls: int | None = None


def quotas_of(preset: Preset, overrides: QuotaOverrides) -> tuple[Quota, ...]:
    """Returns the quotas of an account at a provider: the account's first, then the models'.

    Raises:
        ConfigError: A limit is set for a quota that the provider does not have.
    """
    preset.check_limits(overrides.limits)
    quotas = [
        _quota(table, overrides, primary=table is preset.primary(table.scope))
        for table in preset.tables
    ]
    caps = _caps(preset, overrides)
    return tuple(sorted([*quotas, *caps], key=lambda quota: quota.scope is Scope.MODEL))


def _quota(table: QuotaTable, overrides: QuotaOverrides, *, primary: bool) -> Quota:
    configured = overrides.limits.get(table.name)
    limit = table.limit if configured is None else configured
    factor = CREDIT if table.unit == Unit.CREDITS else 1
    has_reserve = primary and table.scope is Scope.ACCOUNT
    return Quota(
        table.name,
        table.scope,
        None if limit is None else limit * factor,
        table.period,
        Source.PRESET if configured is None else Source.CONFIGURED,
        overrides.reserve if has_reserve else 0,
        Unit(table.unit),
        primary,
        overrides.reserve_percent if has_reserve else 0,
    )


def _caps(preset: Preset, overrides: QuotaOverrides) -> list[Quota]:
    """Returns the quotas that the user sets, about which no reply header tells anything."""
    caps: dict[str, tuple[int | None, Period]] = {
        "max_calls_per_day": (overrides.max_calls_per_day, Calendar("day", preset.zone)),
        "max_calls": (overrides.max_calls, Grant()),
    }
    return [
        Quota(name, Scope.ACCOUNT, limit, period, Source.CONFIGURED, primary=False)
        for name, (limit, period) in caps.items()
        if limit is not None
    ]

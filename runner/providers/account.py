"""One account at one provider, as far as it can be reckoned with: rules, prices, models.

It knows no token and makes no call; endpoint.py does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from runner.core.period import Calendar, Grant, Period
from runner.core.verdict import Scope
from runner.core.window import CREDIT, Cost, Quota, Source, Unit
from runner.providers.presets import Preset, QuotaTable

DEFAULT = "default"
# Tokens a call is taken for until some were counted.
USUAL_TOKENS = 1_000


@dataclass(frozen=True, slots=True)
class Account:
    """One credential at a provider, without the credential.

    Attributes:
        name: What the user calls it.
        preset: The provider.
        base_url: Where its calls go, without a trailing slash; None: nobody has said.
        quotas: Its rules, the account's and each model's, in the order of their windows.
        calls_per_second: Starts a second at most.
        models: What the models of job files are called here; one that is not among them is not
            served here. Empty: all are, by their own names.
        prices: Credits a call, by model.
    """

    name: str
    preset: Preset
    base_url: str | None
    quotas: tuple[Quota, ...]
    calls_per_second: int | None = 10
    models: Mapping[str, str] = field(default_factory=dict)
    prices: Mapping[str, float] = field(default_factory=dict)

    def serves(self, model: str) -> str | None:
        """What `model` of a job file is called here; None if it is not served."""
        return self.models.get(model) if self.models else model

    def cost(self, model: str, tokens: int) -> Cost:
        """What a call to `model` of about so many tokens reserves."""
        price = self.prices.get(model, self.prices.get(DEFAULT, 1.0))
        return {Unit.CALLS: 1, Unit.TOKENS: tokens, Unit.CREDITS: round(price * CREDIT)}

    @property
    def credits(self) -> Quota | None:
        """The rule of its credits, if its provider counts any."""
        return next((rule for rule in self.quotas if rule.unit is Unit.CREDITS), None)


@dataclass(frozen=True, slots=True)
class QuotaOverrides:
    """What the user wants of an account's quotas.

    Attributes:
        limits: What the user knows better than the preset, by the quota's name.
        reserve: Calls a day that are left to the user, of the account's own first quota.
        reserve_percent: The same as a part of the limit, whatever that turns out to be.
        max_calls_per_day: Calls a day that may be spent, whatever the provider allows.
        max_calls: Calls that may be spent in all.
    """

    limits: Mapping[str, int] = field(default_factory=dict)
    reserve: int = 0
    reserve_percent: int = 0
    max_calls_per_day: int | None = None
    max_calls: int | None = None


def quotas_of(preset: Preset, wishes: QuotaOverrides) -> tuple[Quota, ...]:
    """The rules of an account at this provider: its own first, each model's behind them.

    Raises:
        ConfigError: A limit is set for a quota that the provider does not have.
    """
    preset.check_limits(wishes.limits)
    found = [
        _rule(table, wishes, primary=table is preset.primary(table.scope))
        for table in preset.tables
    ]
    caps = _caps(preset, wishes)
    return tuple(sorted([*found, *caps], key=lambda rule: rule.scope is Scope.MODEL))


def _rule(table: QuotaTable, wishes: QuotaOverrides, *, primary: bool) -> Quota:
    configured = wishes.limits.get(table.name)
    limit = table.limit if configured is None else configured
    factor = CREDIT if table.unit == Unit.CREDITS else 1
    kept = primary and table.scope is Scope.ACCOUNT
    return Quota(
        table.name,
        table.scope,
        None if limit is None else limit * factor,
        table.period,
        Source.PRESET if configured is None else Source.CONFIGURED,
        wishes.reserve if kept else 0,
        Unit(table.unit),
        primary,
        wishes.reserve_percent if kept else 0,
    )


def _caps(preset: Preset, wishes: QuotaOverrides) -> list[Quota]:
    """What the user allows: no header speaks of it."""
    wanted: dict[str, tuple[int | None, Period]] = {
        "max_calls_per_day": (wishes.max_calls_per_day, Calendar("day", preset.zone)),
        "max_calls": (wishes.max_calls, Grant()),
    }
    return [
        Quota(name, Scope.ACCOUNT, limit, period, Source.CONFIGURED, primary=False)
        for name, (limit, period) in wanted.items()
        if limit is not None
    ]

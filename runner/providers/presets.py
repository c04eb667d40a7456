"""Providers: presets.toml, with the user's tables merged over it.

This module checks that a table is complete. It names no provider: facts are in presets.toml.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from runner.core.grants import GrantTerms
from runner.core.period import Period, read_length, read_period
from runner.core.verdict import Rule, Scope, Verdict
from runner.core.window import CREDIT
from runner.errors import ConfigError
from runner.language import _
from runner.providers.header_names import HeaderNames
from runner.settings.provider import (
    DataUse,
    ErrorSettings,
    GrantSettings,
    ProviderTable,
    QuotaSettings,
    laid_over,
)
from runner.tomlfile import did_you_mean, listed

# These two quotas have the same names at every provider, each with this scope.
CALLS_A_DAY = {"calls_per_day": Scope.ACCOUNT, "calls_per_day_per_model": Scope.MODEL}

_NONE: Mapping[str, ProviderTable] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class QuotaTable:
    """A quota of a provider, the same for all accounts there.

    Attributes:
        name: Unique at the provider.
        scope: Whether it limits the account or each model on it.
        unit: ``calls``, ``tokens`` or ``credits``.
        period: How it is renewed.
        limit: A whole number of its unit; None if only the provider knows it.
        headers: The names of the reply headers that tell of it.
    """

    name: str
    scope: Scope
    unit: str
    period: Period
    limit: int | None = None
    headers: HeaderNames = field(default_factory=HeaderNames)


@dataclass(frozen=True, slots=True)
class Preset:
    """A provider: base URL, quota rules, header dialect, error dialect.

    Attributes:
        name: The preset's key.
        title: The provider's name, for people.
        base_url: Of the API, without a trailing slash; None: the user must name one.
        token_url: The page where its tokens are made, or None.
        balance_url: Where the balance is told and a token can be checked at no cost; or None.
        price_url: Where a model's price is told, or None; ``{model}`` stands for its name.
        zone: The time zone whose midnight resets the daily allowances.
        tables: The quotas, in the order of their windows. There is at least one of each scope,
            and the first of each is its primary.
        prices: Credits a call, by model; ``default`` is the price of any other.
        grants: Which credits are granted, and how long they last.
        rules: The error dialect; the first rule that matches decides.
        start_concurrency: Calls in flight at the start.
        calls_per_second: How many starts in a second are surely no burst.
        response_format: Which kinds of ``response_format`` every chat model there takes.
        endpoints: Which of the addresses it has that only some providers have.
        images: How it answers calls for images: ``direct`` with the images, ``tasks`` with the
            id of a task that is polled until they are made.
        as_of: The month in which the facts were gathered, YYYY-MM; may be empty.
        source: Where the facts are from.
        data_use: Whether what is sent may be used for training; None: the server is one's own.
        data_note: Of whom that is true, or where it is written; may be empty.
    """

    name: str
    title: str
    base_url: str | None
    token_url: str | None
    balance_url: str | None
    price_url: str | None
    zone: str
    tables: tuple[QuotaTable, ...]
    prices: Mapping[str, float]
    grants: tuple[GrantTerms, ...]
    rules: tuple[Rule, ...]
    start_concurrency: int
    calls_per_second: int | None
    response_format: frozenset[str]
    as_of: str
    source: str
    data_use: DataUse | None
    data_note: str
    endpoints: frozenset[str]
    images: str

    def primary(self, scope: Scope) -> QuotaTable:
        """The first quota of `scope`. Its window holds the gate of that scope."""
        return next(table for table in self.tables if table.scope is scope)

    def check_limits(self, names: Iterable[str]) -> None:
        """Check that the provider has quotas of these names.

        Raises:
            ConfigError: It has not; the remedy names the nearest one.
        """
        known = [table.name for table in self.tables]
        for name in names:
            if name not in known:
                near = did_you_mean(name, known)
                remedy = _("{near} its quotas are {known}").format(
                    near=near or _("use another:"), known=listed(known)
                )
                what = _('the provider "{provider}" has no quota "{name}"').format(
                    provider=self.name, name=name
                )
                raise ConfigError(what, where=_("limits of the account"), remedy=remedy)


def shipped() -> tuple[str, ...]:
    """The names of the presets that come with the program."""
    return tuple(_tables())


def preset(
    name: str,
    overrides: Mapping[str, ProviderTable] = _NONE,
    installed: Mapping[str, ProviderTable] = _NONE,
) -> Preset:
    """The provider called `name`.

    Args:
        name: The name of a preset, or of a table in `overrides`.
        overrides: The user's tables by provider. Each is merged over the preset of its name, or
            describes a provider that has no preset.
        installed: Whole presets by name, which the user has installed; see `is_newer`.

    Raises:
        ConfigError: There is no such provider, and the remedy names the nearest one; or its table
            is not complete.
    """
    if not any(name in tables for tables in (overrides, _tables(), installed)):
        known = dict.fromkeys((*_tables(), *installed, *overrides))
        near = did_you_mean(name, known) or _("name another:")
        remedy = _("{near} the providers are {known}").format(near=near, known=listed(known))
        raise ConfigError(_('unknown provider "{name}"').format(name=name), remedy=remedy)
    base = installed[name] if name in installed and is_newer(installed[name], name) else None
    table = laid_over(base or _shipped(name), overrides.get(name, ProviderTable()))
    return build(name, table)


def is_newer(table: ProviderTable, name: str) -> bool:
    """Whether the facts of an installed preset are as new as those of the shipped one."""
    return (table.as_of or "") >= (_shipped(name).as_of or "")


def build(name: str, table: ProviderTable, where: str = "midnight.toml: [providers.") -> Preset:
    """The provider that `table` describes; `where` begins the place that an error names.

    Raises:
        ConfigError: The table is not complete.
    """
    return _PresetBuilder(name, table, where).build()


@cache
def _tables() -> dict[str, dict[str, Any]]:
    text = Path(__file__).with_name("presets.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@cache
def _shipped(name: str) -> ProviderTable:
    return ProviderTable.model_validate(_tables().get(name, {}))


class _PresetBuilder:
    """Makes a Preset of a provider's table. Errors name their places as the file does."""

    def __init__(self, name: str, table: ProviderTable, where: str) -> None:
        self._name = name
        self._table = table
        self._where = where
        self._quotas = {quota.name: quota for quota in (*self._declared(), *self._implied())}

    def build(self) -> Preset:
        table = self._table
        return Preset(
            name=self._name,
            title=table.title or self._name,
            base_url=table.base_url,
            token_url=table.token_url,
            balance_url=table.balance_url,
            price_url=table.price_url,
            zone=table.zone,
            tables=tuple(self._quotas.values()),
            prices=MappingProxyType(table.prices),
            grants=tuple(self._grant(name, grant) for name, grant in table.grants.items()),
            rules=tuple(self._rule(number, rule) for number, rule in enumerate(table.errors, 1)),
            start_concurrency=table.start_concurrency,
            calls_per_second=table.calls_per_second,
            response_format=frozenset(table.response_format),
            as_of=table.as_of or "",
            source=table.source or "",
            data_use=table.data_use,
            data_note=table.data_note or "",
            endpoints=frozenset(table.endpoints),
            images=table.images,
        )

    def _declared(self) -> Iterator[QuotaTable]:
        for name, quota in self._table.quotas.items():
            yield self._quota(name, quota)

    def _implied(self) -> Iterator[QuotaTable]:
        """Calls a day without a limit, for a scope without a quota: its window holds the gate."""
        scopes = {quota.scope for quota in self._table.quotas.values()}
        period = read_period("day", self._table.zone)
        for name, scope in CALLS_A_DAY.items():
            if scope not in scopes:
                yield QuotaTable(name, scope, "calls", period)

    def _quota(self, name: str, quota: QuotaSettings) -> QuotaTable:
        place = f".quotas.{name}"
        if quota.scope is None or quota.unit is None or quota.period is None:
            required = ("scope", "unit", "period")
            missing = next(key for key in required if getattr(quota, key) is None)
            raise self._refused(f"{place}] {missing}", _("this key is required"), _("add the key"))
        if (scope := CALLS_A_DAY.get(name, quota.scope)) is not quota.scope:
            what = _("a quota of this name concerns the {scope}").format(scope=scope)
            raise self._refused(f"{place}] scope", what, _("give it another name"))
        headers = HeaderNames(**quota.headers.model_dump(exclude_none=True))
        period = read_period(quota.period, self._table.zone)
        return QuotaTable(name, scope, quota.unit, period, quota.limit, headers)

    def _grant(self, name: str, grant: GrantSettings) -> GrantTerms:
        if grant.lasts is None:
            place = f".grants.{name}] lasts"
            raise self._refused(place, _("this key is required"), _("add the key"))
        amount = None if grant.amount is None else round(grant.amount * CREDIT)
        return GrantTerms(amount, read_length(grant.lasts))

    def _rule(self, number: int, rule: ErrorSettings) -> Rule:
        verdict = Verdict(
            kind=rule.verdict,
            scope=self._scope(f"] errors item {number}", rule),
            wait_ms=None if rule.wait_s is None else round(rule.wait_s * 1000),
            ambiguous=rule.ambiguous,
            remedy=rule.remedy,
            quota=rule.quota or "",
        )
        return Rule(verdict, rule.message, rule.code, rule.status)

    def _scope(self, place: str, rule: ErrorSettings) -> Scope | None:
        if rule.quota is None:
            return rule.scope
        if rule.quota not in self._quotas:
            near = did_you_mean(rule.quota, self._quotas) or _("use another:")
            remedy = _("{near} the quotas are {quotas}").format(
                near=near, quotas=listed(self._quotas)
            )
            raise self._refused(
                f"{place} quota", _('there is no quota "{quota}"').format(quota=rule.quota), remedy
            )
        scope = self._quotas[rule.quota].scope
        if rule.scope not in (None, scope):
            what = _("its quota concerns the {scope}").format(scope=scope)
            raise self._refused(f"{place} scope", what, _("leave the scope out"))
        return scope

    def _refused(self, place: str, what: str, remedy: str) -> ConfigError:
        return ConfigError(what, where=f"{self._where}{self._name}{place}", remedy=remedy)

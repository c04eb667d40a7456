"""Builds providers from the shipped presets, with the user's tables merged over them.

This module checks that a table is complete. Facts about providers are only in the files of
`shipped/`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType

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
    merge_tables,
)
from runner.tomlfile import did_you_mean, listed

# The scopes of the two quotas whose names are the same at every provider.
CALLS_A_DAY = {"calls_per_day": Scope.ACCOUNT, "calls_per_day_per_model": Scope.MODEL}

_SHIPPED = Path(__file__).with_name("shipped")
_NONE: Mapping[str, ProviderTable] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class QuotaTable:
    """A quota of a provider, which is the same for all its accounts.

    Attributes:
        name: The name, unique at the provider.
        scope: Whether it limits the account or each model on it.
        unit: ``calls``, ``tokens`` or ``credits``.
        period: The period after which it is renewed.
        limit: The limit in its unit; None if only the provider knows it.
        headers: The names of the reply headers about it.
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
        base_url: The API's base URL, without a trailing slash; None if the user must name one.
        token_url: The web page on which tokens are created, or None.
        balance_url: The endpoint that returns the balance and checks a token for free, or None.
        price_url: The endpoint that returns a model's price, or None; ``{model}`` is replaced by
            its name.
        zone: The time zone whose midnight resets the daily allowances.
        tables: The quotas, in the order of their windows. There is at least one of each scope,
            and the first of each is its primary.
        prices: The credits of a call, by model; ``default`` is the price of other models.
        grants: The credits that are granted, and their life times.
        rules: The error dialect; the first rule that matches decides.
        start_concurrency: The initial limit of calls in flight.
        calls_per_second: The calls that may start in a second without counting as a burst.
        response_format: The types of ``response_format`` that every chat model accepts.
        endpoints: The optional endpoints that the provider has.
        images: ``direct`` if replies to image calls have the images, ``tasks`` if they have the id
            of a task that is polled until the images are ready.
        as_of: The month of the facts, YYYY-MM; may be empty.
        source: The source of the facts.
        data_use: Whether requests may be used for training; None for the user's own server.
        data_note: The accounts to which that applies, or its source; may be empty.
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
        """Returns the first quota of `scope`, whose window holds the gate of that scope."""
        return next(table for table in self.tables if table.scope is scope)

    def check_limits(self, names: Iterable[str]) -> None:
        """Checks that the provider has quotas of these names.

        Raises:
            ConfigError: A quota does not exist; the remedy names the most similar one.
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


@cache
def shipped() -> tuple[str, ...]:
    """Returns the names of the presets that are shipped with the program."""
    return tuple(sorted(path.stem for path in _SHIPPED.glob("*.toml")))


def preset(
    name: str,
    overrides: Mapping[str, ProviderTable] = _NONE,
    installed: Mapping[str, ProviderTable] = _NONE,
) -> Preset:
    """Returns the provider called `name`.

    Args:
        name: The name of a preset, or of a table in `overrides`.
        overrides: The user's tables by provider. Each is merged over the preset of its name, or
            describes a provider without a preset.
        installed: The presets that the user has installed, by name. One replaces the shipped
            preset unless it is older; see `is_current`.

    Raises:
        ConfigError: The provider does not exist (the remedy names the most similar one), or its
            table is incomplete.
    """
    if not any(name in tables for tables in (overrides, shipped(), installed)):
        known = dict.fromkeys((*shipped(), *installed, *overrides))
        near = did_you_mean(name, known) or _("name another:")
        remedy = _("{near} the providers are {known}").format(near=near, known=listed(known))
        raise ConfigError(_('unknown provider "{name}"').format(name=name), remedy=remedy)
    base = installed[name] if name in installed and is_current(installed[name], name) else None
    table = merge_tables(base or _shipped(name), overrides.get(name, ProviderTable()))
    return build(name, table)


def is_current(table: ProviderTable, name: str) -> bool:
    """Whether the facts of an installed preset are as new as those of the shipped one."""
    return (table.as_of or "") >= (_shipped(name).as_of or "")


def build(name: str, table: ProviderTable, where: str = "midnight.toml: [providers.") -> Preset:
    """Builds the provider that `table` describes; `where` is the prefix of the place in errors.

    Raises:
        ConfigError: The table is incomplete.
    """
    return _PresetBuilder(name, table, where).build()


@cache
def _shipped(name: str) -> ProviderTable:
    if name not in shipped():
        return ProviderTable()
    text = (_SHIPPED / f"{name}.toml").read_text(encoding="utf-8")
    return ProviderTable.model_validate(tomllib.loads(text)[name])


class _PresetBuilder:
    """Builds a `Preset` from a provider's table; errors name their places as the file does."""

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
        """Yields an unlimited daily quota for a scope without one; its window holds the gate."""
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

"""A provider as it is known to the program: whole, checked, and no longer a table.

It knows no provider by name, and not where the facts come from; presets.py does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from runner.core.grants import GrantTerms
from runner.core.period import Period
from runner.core.verdict import Rule, Scope
from runner.errors import ConfigError
from runner.providers.headers import Names
from runner.tomlfile import did_you_mean, listed


@dataclass(frozen=True, slots=True)
class QuotaTable:
    """A quota of a provider, whosever the account.

    Attributes:
        name: Unique at the provider.
        scope: Whom it concerns.
        unit: ``calls``, ``tokens`` or ``credits``.
        period: How it comes back.
        limit: A whole number of its unit; None: only the provider knows.
        headers: Where a reply tells of it.
    """

    name: str
    scope: Scope
    unit: str
    period: Period
    limit: int | None = None
    headers: Names = field(default_factory=Names)


@dataclass(frozen=True, slots=True)
class Preset:
    """A provider: base URL, quota rules, header dialect, error dialect.

    Attributes:
        name: The preset's key.
        title: The provider's name, for people.
        base_url: Of the API, without a trailing slash; None: the user must name one.
        balance_url: Where a token can be checked at no cost, if anywhere.
        price_url: Where a model's price is told, if anywhere; ``{model}`` stands for its name.
        zone: Whose midnight resets the daily allowances.
        tables: The quota rules, in the order of their windows. There is one of each scope, and
            the first of each is its primary.
        prices: Credits a call, by model; ``default`` is any other's.
        grants: What credits are given, and how long they last.
        rules: The error dialect, first match first.
        start_concurrency: Calls in flight to begin with.
        calls_per_second: Starts a second that are surely not a burst.
        response_format: Which kinds of ``response_format`` every chat model there takes.
        images: How it answers calls for images: ``direct``, with them; ``tasks``, with the id of
            a task that is asked for until they are made.
        as_of: When the facts were gathered, YYYY-MM; empty: the user knows.
        source: Where from.
    """

    name: str
    title: str
    base_url: str | None
    balance_url: str | None
    price_url: str | None
    zone: str
    tables: tuple[QuotaTable, ...]
    prices: Mapping[str, float]
    grants: tuple[GrantTerms, ...]
    rules: tuple[Rule, ...]
    start_concurrency: int
    calls_per_second: int
    response_format: frozenset[str]
    as_of: str
    source: str
    images: str

    def primary(self, scope: Scope) -> QuotaTable:
        """The first quota of `scope`: its window carries what concerns no quota in particular."""
        return next(table for table in self.tables if table.scope is scope)

    def check_limits(self, names: Iterable[str]) -> None:
        """Refuse limits of quotas that the provider does not have.

        Raises:
            ConfigError: There is none of that name; the remedy names the near one.
        """
        known = [table.name for table in self.tables]
        for name in names:
            if name not in known:
                near = did_you_mean(name, known)
                remedy = f"{near or 'use another:'} its quotas are {listed(known)}"
                what = f'the provider "{self.name}" has no quota "{name}"'
                raise ConfigError(what, where="limits of the account", remedy=remedy)

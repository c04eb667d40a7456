"""What is known of each provider, read from presets.toml.

It knows the file's keys and checks them; it knows no provider by name.
"""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from runner.core.quota import Quota, Source
from runner.core.verdict import Kind, Rule, Scope, Verdict
from runner.errors import ConfigError

Limits = dict[str, int | None]

# The keys of a preset's and an account's limits, and whom each concerns.
CALL_LIMITS = {"calls_per_day": Scope.ACCOUNT, "calls_per_day_per_model": Scope.MODEL}


@dataclass(frozen=True, slots=True)
class Preset:
    """A provider: base URL, quota rules, header dialect, error dialect.

    Attributes:
        name: The preset's key.
        title: The provider's name, for people.
        base_url: Of the API, without a trailing slash; None: the user must name one.
        balance_url: Where a token can be checked at no cost, if anywhere.
        zone: Whose midnight resets the daily allowances.
        limits: Known calls a day, by the keys of `CALL_LIMITS`; None: only the provider knows.
        headers: By scope, the names of the reply headers with the limit and what remains.
        rules: The error dialect, first match first.
        start_concurrency: Calls in flight to begin with.
        calls_per_second: Starts a second that are surely not a burst.
        as_of: When the facts were gathered, YYYY-MM.
        source: Where from.
    """

    name: str
    title: str
    base_url: str | None
    balance_url: str | None
    zone: str
    limits: Limits
    headers: dict[Scope, tuple[str, str]]
    rules: tuple[Rule, ...]
    start_concurrency: int
    calls_per_second: int
    as_of: str
    source: str

    def quotas(self, configured: Limits, reserve: int) -> tuple[Quota, ...]:
        """The rules of an account at this provider: the account's own first, then a model's."""
        found = []
        for key, scope in CALL_LIMITS.items():
            kept = reserve if scope is Scope.ACCOUNT else 0
            if (limit := configured.get(key)) is not None:
                found.append(Quota(key, scope, limit, self.zone, Source.CONFIGURED, kept))
            else:
                found.append(Quota(key, scope, self.limits[key], self.zone, reserve=kept))
        return tuple(found)


def preset(name: str) -> Preset:
    """The preset called `name`.

    Raises:
        ConfigError: There is none; the remedy names the near one.
    """
    known = _presets()
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, 1)
    remedy = f"did you mean {near[0]!r}?" if near else f"one of: {', '.join(known)}"
    raise ConfigError(f"unknown provider {name!r}", remedy=remedy)


@cache
def _presets() -> dict[str, Preset]:
    text = Path(__file__).with_name("presets.toml").read_text(encoding="utf-8")
    return {name: _preset(name, table) for name, table in tomllib.loads(text).items()}


def _preset(name: str, table: dict[str, Any]) -> Preset:
    headers = table.get("headers", {})
    return Preset(
        name=name,
        title=table["title"],
        base_url=table.get("base_url"),
        balance_url=table.get("balance_url"),
        zone=table["zone"],
        limits={key: table.get(key) for key in CALL_LIMITS},
        headers={Scope(scope): (names[0], names[1]) for scope, names in headers.items()},
        rules=tuple(_rule(rule) for rule in table.get("errors", [])),
        start_concurrency=table["start_concurrency"],
        calls_per_second=table["calls_per_second"],
        as_of=table["as_of"],
        source=table["source"],
    )


def _rule(table: dict[str, Any]) -> Rule:
    verdict = Verdict(
        kind=Kind(table["verdict"]),
        scope=Scope(table["scope"]) if "scope" in table else None,
        wait_ms=table["wait_s"] * 1000 if "wait_s" in table else None,
        ambiguous=table.get("ambiguous", False),
        remedy=table.get("remedy"),
    )
    return Rule(verdict, table.get("message"), table.get("code"), table.get("status"))

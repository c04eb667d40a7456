"""The page about the presets: what is known of each provider that is shipped."""

from __future__ import annotations

from collections.abc import Iterator

from markdown import code, table

from runner.core.period import Calendar, Grant, Period, Refill, Rolling
from runner.core.verdict import Scope
from runner.providers.presets import Preset, preset, shipped
from runner.wording import fmt

_INTRO = """\
What is known of each provider. A provider may change its rules at any time;
[providers](../providers.md) says how to correct a preset, or to describe another provider.
`midnight presets show NAME` shows one in full.
"""

_USES = {"training": "yes", "no-training": "no", None: "your own server"}


def presets() -> str:
    """Returns the page about the presets."""
    found = [preset(name) for name in shipped()]
    rows = [
        (code(one.name), one.title, _USES.get(one.data_use, one.data_use or ""), one.as_of or "")
        for one in found
    ]
    return "\n".join(
        [
            "# Presets\n",
            _INTRO + "\n",
            table(["name", "provider", "trains on what is sent", "as of"], rows),
            *(part for one in found for part in _preset(one)),
        ]
    )


def _preset(found: Preset) -> Iterator[str]:
    yield f"## {found.title}\n"
    place = code(found.base_url) if found.base_url else "the `base_url` of the account"
    page = f" A token is made on <{found.token_url}>." if found.token_url else ""
    source = f" The facts are from <{found.source}>." if found.source else ""
    zone = f"Days and months end at midnight in {found.zone}."
    yield f'`provider = "{found.name}"` calls {place}. {zone}{page}{source}\n'
    quotas = [
        (
            code(quota.name),
            "the account" if quota.scope is Scope.ACCOUNT else "each model",
            f"{quota.limit:,}" if quota.limit else "learned",
            quota.unit,
            _renewed(quota.period),
        )
        for quota in found.tables
    ]
    yield table(["quota", "of", "limit", "unit", "renewed"], quotas)


def _renewed(period: Period) -> str:
    match period:
        case Calendar(unit=unit):
            return f"each {unit}"
        case Rolling(ms=length):
            return f"in any {fmt.duration(length)}"
        case Refill(ms=length):
            return f"drips, full after {fmt.duration(length)}"
        case Grant():
            return "when somebody grants it"

"""What `midnight presets` shows: every preset, one in full, and what an update has done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from runner.app.data_use import sentence
from runner.app.doctor import months_since
from runner.app.preset_update import Update
from runner.app.presets import KnownPreset
from runner.cli.render.layout import facts, table
from runner.core.verdict import Scope
from runner.providers.presets import QuotaTable
from runner.wording import fmt, messages

_CHANGES = {
    "new": "new",
    "changed": "changed",
    "unchanged": "as it was",
    "older": "older than the shipped one, which is used",
}


def presets(every: Sequence[KnownPreset], now: int) -> RenderableType:
    """A line for each preset."""
    made = table("Provider", "As of", "Trains on inputs", "From")
    for found in every:
        about = found.preset
        name = f"{about.name}" + " (corrected)" * found.corrected
        use = {"training": "yes", "no-training": "no"}.get(about.data_use or "", about.data_use)
        made.add_row(name, _age(about.as_of, now), use or "your own server", found.origin)
    more = "in full: midnight presets show NAME; newer ones: midnight presets update FILE|URL"
    return Group(made, Text(more, "dim"))


def preset(found: KnownPreset, now: int) -> RenderableType:
    """All that is known of one provider."""
    about = found.preset
    return Group(Text(f"{about.name}: {about.title}", "bold"), facts(_facts(found, now)))


def _facts(found: KnownPreset, now: int) -> Iterator[tuple[str, str]]:
    about = found.preset
    yield "as of", _age(about.as_of, now)
    yield "from", found.origin + ", corrected by midnight.toml" * found.corrected
    if about.source:
        yield "source", about.source
    yield "base URL", about.base_url or "the account must name it"
    if about.balance_url:
        yield "balance URL", about.balance_url
    if (told := sentence(about)) is not None:
        yield "data use", told
    for quota in about.tables:
        yield f"{quota.name}", _quota(quota)
    for model, price in about.prices.items():
        yield f"price of {model}", f"{price:g} credits a call"
    if about.response_format:
        yield "response_format", ", ".join(sorted(about.response_format))
    yield "errors", fmt.count(len(about.rules), "rule")


def _quota(quota: QuotaTable) -> str:
    whose = "of the account" if quota.scope is Scope.ACCOUNT else "of each model"
    counted = f"{quota.unit} {messages.period_name(quota.period)} {whose}"
    return f"{counted}, limit not known" if quota.limit is None else f"{quota.limit:,} {counted}"


def _age(as_of: str, now: int) -> str:
    if not as_of:
        return "not said"
    months = months_since(as_of, now)
    return f"{as_of} ({fmt.count(months, 'month')} old)" if months > 0 else as_of


def update(found: Update) -> RenderableType:
    """What became of each preset, and which addresses are new."""
    pairs = [(name, _CHANGES[change]) for name, change in found.changes.items()]
    parts: list[RenderableType] = [facts(pairs)]
    for name, address in sorted(found.moved.items()):
        told = f"{name}: the tokens of its accounts go to {address} from now on"
        parts.append(Text(told, "yellow"))
    parts.append(Text(f"kept in {found.path}; delete that file to undo it", "dim"))
    return Group(*parts)

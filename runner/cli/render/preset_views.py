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
from runner.core.window import Unit
from runner.language import _
from runner.providers.presets import QuotaTable
from runner.wording import fmt, messages

_CHANGES = {
    "new": _("new"),
    "changed": _("changed"),
    "unchanged": _("as it was"),
    "older": _("older than the shipped one, which is used"),
}

_USES = {
    "training": _("yes"),
    "no-training": _("no"),
    "depends": _("depends"),
    "unknown": _("unknown"),
}


def presets(every: Sequence[KnownPreset], now: int) -> RenderableType:
    """A line for each preset."""
    made = table(_("Provider"), _("As of"), _("Trains on inputs"), _("From"))
    for found in every:
        about = found.preset
        name = f"{about.name}" + _(" (corrected)") * found.corrected
        use = _USES.get(about.data_use or "")
        made.add_row(name, _age(about.as_of, now), use or _("your own server"), _(found.origin))
    more = _("in full: midnight presets show NAME; newer ones: midnight presets update FILE|URL")
    return Group(made, Text(more, "dim"))


def preset(found: KnownPreset, now: int) -> RenderableType:
    """All that is known of one provider."""
    about = found.preset
    return Group(Text(f"{about.name}: {about.title}", "bold"), facts(_facts(found, now)))


def _facts(found: KnownPreset, now: int) -> Iterator[tuple[str, str]]:
    about = found.preset
    yield _("as of"), _age(about.as_of, now)
    yield _("from"), _(found.origin) + _(", corrected by midnight.toml") * found.corrected
    if about.source:
        yield _("source"), about.source
    yield _("base URL"), about.base_url or _("the account must name it")
    if about.token_url:
        yield _("tokens"), about.token_url
    if about.balance_url:
        yield _("balance URL"), about.balance_url
    if (told := sentence(about)) is not None:
        yield _("data use"), told
    for quota in about.tables:
        yield f"{quota.name}", _quota(quota)
    for model, price in about.prices.items():
        yield (
            _("price of {model}").format(model=model),
            _("{price:g} credits a call").format(price=price),
        )
    if about.response_format:
        yield "response_format", ", ".join(sorted(about.response_format))
    yield _("errors"), fmt.count(len(about.rules), "rule")


def _quota(quota: QuotaTable) -> str:
    whose = _("of the account") if quota.scope is Scope.ACCOUNT else _("of each model")
    counted = f"{messages.counted(Unit(quota.unit), quota.period)} {whose}"
    if quota.limit is None:
        return _("{counted}, limit not known").format(counted=counted)
    return f"{quota.limit:,} {counted}"


def _age(as_of: str, now: int) -> str:
    if not as_of:
        return _("not said")
    months = months_since(as_of, now)
    return (
        _("{as_of} ({months} old)").format(as_of=as_of, months=fmt.count(months, "month"))
        if months > 0
        else as_of
    )


def update(found: Update) -> RenderableType:
    """What became of each preset, and which addresses are new."""
    pairs = [(name, _CHANGES[change]) for name, change in found.changes.items()]
    parts: list[RenderableType] = [facts(pairs)]
    for name, address in sorted(found.moved.items()):
        told = _("{name}: the tokens of its accounts go to {address} from now on").format(
            name=name, address=address
        )
        parts.append(Text(told, "yellow"))
    parts.append(
        Text(_("kept in {path}; delete that file to undo it").format(path=found.path), "dim")
    )
    return Group(*parts)

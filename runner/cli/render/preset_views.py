"""`midnight presets`: all presets, one in full, and the result of an update."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from runner.app.accounts.data_use import sentence
from runner.app.accounts.doctor import months_since
from runner.app.accounts.preset_update import Update
from runner.app.accounts.presets import KnownPreset
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
    """Renders a line for each preset."""
    lines = table(_("Provider"), _("As of"), _("Trains on inputs"), _("From"))
    for known in every:
        effective = known.preset
        name = f"{effective.name}" + _(" (corrected)") * known.corrected
        use = _USES.get(effective.data_use or "")
        lines.add_row(
            name, _age(effective.as_of, now), use or _("your own server"), _(known.origin)
        )
    more = _("in full: midnight presets show NAME; newer ones: midnight presets update FILE|URL")
    return Group(lines, Text(more, "dim"))


def preset(known: KnownPreset, now: int) -> RenderableType:
    """Renders one preset in full."""
    effective = known.preset
    return Group(Text(f"{effective.name}: {effective.title}", "bold"), facts(_facts(known, now)))


def _facts(known: KnownPreset, now: int) -> Iterator[tuple[str, str]]:
    effective = known.preset
    yield _("as of"), _age(effective.as_of, now)
    yield _("from"), _(known.origin) + _(", corrected by midnight.toml") * known.corrected
    if effective.source:
        yield _("source"), effective.source
    yield _("base URL"), effective.base_url or _("the account must name it")
    if effective.token_url:
        yield _("tokens"), effective.token_url
    if effective.balance_url:
        yield _("balance URL"), effective.balance_url
    if (policy := sentence(effective)) is not None:
        yield _("data use"), policy
    for quota in effective.tables:
        yield f"{quota.name}", _quota(quota)
    for model, price in effective.prices.items():
        yield (
            _("price of {model}").format(model=model),
            _("{price:g} credits a call").format(price=price),
        )
    if effective.response_format:
        yield "response_format", ", ".join(sorted(effective.response_format))
    yield _("errors"), fmt.count(len(effective.rules), "rule")


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


def update(result: Update) -> RenderableType:
    """Renders the effect on each preset, and the new URLs."""
    pairs = [(name, _CHANGES[change]) for name, change in result.changes.items()]
    parts: list[RenderableType] = [facts(pairs)]
    for name, address in sorted(result.moved.items()):
        sentence = _("{name}: the tokens of its accounts go to {address} from now on").format(
            name=name, address=address
        )
        parts.append(Text(sentence, "yellow"))
    parts.append(
        Text(_("kept in {path}; delete that file to undo it").format(path=result.path), "dim")
    )
    return Group(*parts)

"""The views of `doctor`, `models` and `simulate`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from runner.app.accounts.doctor import Check
from runner.app.accounts.models import Models
from runner.cli.render.layout import table
from runner.language import _
from runner.simulator import SimulatorConfig, Stats
from runner.wording import fmt

SIGNS = {True: ("✓", "green"), False: ("✗", "bold red"), None: ("?", "yellow")}


def checks(results: Sequence[Check]) -> RenderableType:
    """Renders a line for each check, with the remedy if it did not pass."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for check in results:
        sign, style = SIGNS[check.ok]
        grid.add_row(Text(sign, style), check.name, Text(check.detail))
        if check.remedy and not check.ok:
            grid.add_row("", "", Text(_("try: {remedy}").format(remedy=check.remedy), "yellow"))
    wrong = sum(check.ok is False for check in results)
    problems = fmt.count(wrong, "problem")
    verdict = Text(_("{problems} to fix").format(problems=problems), "bold red")
    return Group(grid, verdict if wrong else Text(_("all is well"), "bold green"))


def models(accounts: Sequence[Models]) -> RenderableType:
    """Renders the models of each account, one on each line."""
    parts: list[RenderableType] = []
    for account in accounts:
        parts.append(Text(f"{account.account} ({account.provider})", "bold"))
        parts += [Text(f"  {name}") for name in account.names]
        if account.why_not:
            parts.append(
                Text(_("  none listed: {why_not}").format(why_not=account.why_not), "yellow")
            )
    return Group(*parts)


def simulating(config: SimulatorConfig, url: str, *, token: bool) -> RenderableType:
    """Renders the simulator's URL, its limits, and how to use it."""
    account, model = (
        _("no limit") if limit is None else fmt.count(limit, "call")
        for limit in (config.calls_per_day, config.calls_per_day_per_model)
    )
    zone = "UTC+8" if config.zone == "Asia/Shanghai" else config.zone
    key = "ONE_OF_ITS_TOKENS" if token else "anything"
    return Group(
        Text(_("A simulated provider listens on {url}").format(url=url), "bold"),
        Text(
            _("  a day: {account}; on each model: {model}; the reset is at 00:00 {zone}").format(
                account=account, model=model, zone=zone
            )
        ),
        *map(Text, _further_limits(config)),
        Text(_("  use it from another terminal, with a database of its own:")),
        Text(f"    export MIDNIGHT_BASE_URL={url}", "cyan"),
        Text(f"    export MODELSCOPE_API_KEY={key}", "cyan"),
        Text("    midnight --db rehearsal.db run JOBFILE INPUT -o OUT", "cyan"),
        Text(_("  Ctrl-C stops it")),
    )


def _further_limits(config: SimulatorConfig) -> Iterator[str]:
    """Yields a line on each kind of limit that few providers have."""
    for period, calls, tokens in (
        (_("in any 60 s"), config.calls_per_minute, config.tokens_per_minute),
        (_("a month"), config.calls_per_month, config.tokens_per_month),
    ):
        allowed = [(calls, "call"), (tokens, "token")]
        counts = [fmt.count(limit, unit) for limit, unit in allowed if limit is not None]
        if counts:
            yield _("  {period}: {allowed}").format(period=period, allowed=fmt.COMMA.join(counts))
    if config.refill_calls:
        size, period_ms = config.refill_calls
        yield _("  a bucket of {calls}, refilled in {duration}").format(
            calls=fmt.count(size, "call"), duration=fmt.duration(period_ms)
        )
    if config.credits is not None:
        prices = "".join(
            _("; one of {model} {price:g}").format(model=model, price=cost)
            for model, cost in config.prices.items()
        )
        granted = _("{credits:g} a day, granted at 00:00 UTC+8").format(credits=config.credits)
        yield _("  credits: {granted}; each call costs 1{prices}").format(
            granted=granted, prices=prices
        )
    yield from _server_limits(config)


def _server_limits(config: SimulatorConfig) -> Iterator[str]:
    """Yields a line on each limit of the server, as opposed to an account."""
    if config.retired:
        yield _("  retired: {retired}").format(retired=", ".join(sorted(config.retired)))
    if config.parallel:
        yield _("  processes {calls} at once; more wait longer").format(
            calls=fmt.count(config.parallel, "call")
        )
    limits = [limit for limit in (config.max_concurrency, config.max_in_flight) if limit]
    if limits:
        yield _("  refuses more than {calls} at once").format(calls=fmt.count(min(limits), "call"))
    if config.limit_req:
        rate, burst = fmt.count(config.limit_req, "request"), config.limit_req_burst
        status = config.limit_req_status
        yield _("  lets {rate} a minute pass, burst {burst}; answers others with {status}").format(
            rate=rate, burst=burst, status=status
        )


def seen(stats: Stats) -> RenderableType:
    """Renders the calls that a simulated provider received, by day."""
    if not stats.calls:
        return Text(_("no call arrived"))
    numbers = (_("Calls"), _("Answered"), _("Refused"), _("Spent"))
    lines = table(_("Day"), *numbers, right=numbers)
    for name, day in stats.by_day.items():
        figures = (day.calls, day.answered, day.refused, day.spent)
        lines.add_row(name, *map(fmt.number, figures))
    notes = _("at most {max_in_flight} calls in flight at once").format(
        max_in_flight=stats.max_in_flight
    )
    if stats.images:
        notes += _("; {images} images paid for").format(images=fmt.number(stats.images))
    return Group(lines, Text(notes, "dim"))

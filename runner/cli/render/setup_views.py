"""What `doctor`, `models` and `simulate` show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from runner.app.doctor import Check
from runner.app.models import Models
from runner.cli.render.layout import table
from runner.simulator import SimulatorConfig, Stats
from runner.wording import fmt

SIGNS = {True: ("✓", "green"), False: ("✗", "bold red"), None: ("?", "yellow")}


def checks(found: Sequence[Check]) -> RenderableType:
    """A line for each check, and the remedy where one is needed."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for check in found:
        sign, style = SIGNS[check.ok]
        grid.add_row(Text(sign, style), check.name, Text(check.detail))
        if check.remedy and not check.ok:
            grid.add_row("", "", Text(f"try: {check.remedy}", "yellow"))
    wrong = sum(check.ok is False for check in found)
    verdict = Text(f"{fmt.count(wrong, 'thing')} to mend", "bold red")
    return Group(grid, verdict if wrong else Text("all is well", "bold green"))


def models(found: Sequence[Models]) -> RenderableType:
    """The models of each account, a line each."""
    parts: list[RenderableType] = []
    for each in found:
        parts.append(Text(f"{each.account} ({each.provider})", "bold"))
        parts += [Text(f"  {name}") for name in each.names]
        if each.why_not:
            parts.append(Text(f"  none listed: {each.why_not}", "yellow"))
    return Group(*parts)


def simulating(config: SimulatorConfig, url: str, *, token: bool) -> RenderableType:
    """Where the provider is, what it allows, and how to use it."""
    account, model = (
        "no limit" if limit is None else fmt.count(limit, "call")
        for limit in (config.calls_per_day, config.calls_per_day_per_model)
    )
    zone = "UTC+8" if config.zone == "Asia/Shanghai" else config.zone
    key = "ONE_OF_ITS_TOKENS" if token else "anything"
    return Group(
        Text(f"A simulated provider listens on {url}", "bold"),
        Text(f"  a day: {account}; on each model: {model}; the reset is at 00:00 {zone}"),
        *map(Text, _further_limits(config)),
        Text("  use it from another terminal, with a database of its own:"),
        Text(f"    export MIDNIGHT_BASE_URL={url}", "cyan"),
        Text(f"    export MODELSCOPE_API_KEY={key}", "cyan"),
        Text("    midnight --db rehearsal.db run JOBFILE INPUT -o OUT", "cyan"),
        Text("  Ctrl-C stops it"),
    )


def _further_limits(config: SimulatorConfig) -> Iterator[str]:
    """A line on each kind of limit that few providers have."""
    for period, calls, tokens in (
        ("in any 60 s", config.calls_per_minute, config.tokens_per_minute),
        ("a month", config.calls_per_month, config.tokens_per_month),
    ):
        allowed = [(calls, "call"), (tokens, "token")]
        told = [fmt.count(limit, unit) for limit, unit in allowed if limit is not None]
        if told:
            yield f"  {period}: {', '.join(told)}"
    if config.refill_calls:
        size, period_ms = config.refill_calls
        yield f"  a bucket of {fmt.count(size, 'call')}, refilled in {fmt.duration(period_ms)}"
    if config.credits is not None:
        prices = "".join(f"; one of {model} {cost:g}" for model, cost in config.prices.items())
        granted = f"{config.credits:g} a day, granted at 00:00 UTC+8"
        yield f"  credits: {granted}; each call costs 1{prices}"
    yield from _server_limits(config)


def _server_limits(config: SimulatorConfig) -> Iterator[str]:
    """A line on each limit that belongs to the server rather than to an account."""
    if config.retired:
        yield f"  retired: {', '.join(sorted(config.retired))}"
    if config.parallel:
        yield f"  processes {fmt.count(config.parallel, 'call')} at once; more wait longer"
    limits = [limit for limit in (config.max_concurrency, config.max_in_flight) if limit]
    if limits:
        yield f"  refuses more than {fmt.count(min(limits), 'call')} at once"
    if config.limit_req:
        rate, burst = fmt.count(config.limit_req, "request"), config.limit_req_burst
        status = config.limit_req_status
        yield f"  lets {rate} a minute pass, burst {burst}; answers others with {status}"


def seen(found: Stats) -> RenderableType:
    """The calls a simulated provider saw, by day."""
    if not found.calls:
        return Text("no call arrived")
    numbers = ("Calls", "Answered", "Refused", "Spent")
    made = table("Day", *numbers, right=numbers)
    for name, day in found.by_day.items():
        figures = (day.calls, day.answered, day.refused, day.spent)
        made.add_row(name, *map(fmt.number, figures))
    notes = f"at most {found.max_in_flight} calls in flight at once"
    if found.images:
        notes += f"; {fmt.number(found.images)} images paid for"
    return Group(made, Text(notes, "dim"))

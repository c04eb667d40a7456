"""Answers as tables that fit eighty columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from runner.app.responses import BatchStatus, QuotaLine, Status
from runner.cli.render import fmt, messages
from runner.core.forecast import Forecast
from runner.core.gate import ParkReason
from runner.core.states import BatchState
from runner.core.window import NEVER, Unit, Window
from runner.store.batch_rows import Failure
from runner.store.batches import Batch
from runner.store.reports import DayReport

STATE_STYLES = {
    BatchState.LOADING: "cyan",
    BatchState.ACTIVE: "green",
    BatchState.PAUSED: "yellow",
    BatchState.CANCELLED: "red",
}
NOTHING_QUEUED = "nothing is queued yet"
FIRST_STEPS = "start with: midnight init, then midnight run JOBFILE INPUT -o OUT"
NOBODY = "nobody is working on it; start with:"


def table(*columns: str, right: Iterable[str] = ()) -> Table:
    """An empty table; the columns named in `right` hold numbers."""
    numbers = frozenset(right)
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False)
    for name in columns:
        if name in numbers:
            made.add_column(name, justify="right", no_wrap=True)
        else:
            made.add_column(name, overflow="fold")
    return made


def facts(pairs: Iterable[tuple[str, str]]) -> Table:
    """Names and values, a line each."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in pairs:
        grid.add_row(f"  {name}", Text(value))
    return grid


def cost(
    rows: int,
    forecast: Forecast,
    now: int,
    *,
    distinct: int | None = None,
    reused: int = 0,
    alone: int = 0,
    tokens: int = 0,
) -> Table:
    """What a batch takes: calls, tokens, days; `alone`: calls if each row had one of its own."""
    pairs = [("rows", fmt.number(rows))]
    if distinct is not None:
        pairs.append(("distinct requests", fmt.number(distinct)))
    if reused:
        pairs.append(("answered before", f"{fmt.number(reused)}: they cost nothing"))
    saved = f" ({fmt.number(alone)} if each row were asked alone)" * (alone > forecast.calls)
    pairs.append(("calls to make", f"{fmt.number(forecast.calls)}{saved}"))
    if tokens:
        pairs.append(("tokens to send", f"about {fmt.number(tokens)}"))
    pairs += [
        ("calls a day", messages.calls_a_day(forecast)),
        ("days of allowance", fmt.number(forecast.days)),
        ("finish", messages.finish(forecast, now)),
    ]
    return facts(pairs)


def status(found: Status, run: str, *, why: bool = False) -> RenderableType:
    """Every batch, what it waits for, and today's budget; `run` is the command that goes on."""
    if not found.batches:
        return Text(f"{NOTHING_QUEUED}; {FIRST_STEPS}")
    remarks = _explanations(found) if why else _remarks(found)
    parts: list[RenderableType] = [_batches(found), *remarks]
    parts += [Text(), Text("Today", "bold")]
    parts += [Text(f"  {told}") for told in messages.budgets(found.windows)]
    parts += [Text(), *_refusals(found.windows), _runners(found, run)]
    return Group(*parts)


def _batches(found: Status) -> Table:
    made = table("Batch", "Name", "State", "Rows done", "", "Failed", "Finish",
                 right=("Batch", "Rows done", "", "Failed"))  # fmt: skip
    for line in found.batches:
        batch, counts = line.batch, line.batch.counts
        ended = counts.succeeded + counts.failed
        made.add_row(
            str(batch.id),
            Text(batch.name),
            _state(batch),
            fmt.of(ended, batch.rows),
            fmt.percent(ended, batch.rows),
            Text(fmt.number(counts.failed), "red" if counts.failed else "dim"),
            _finish(line, found),
        )
    return made


def _state(batch: Batch) -> Text:
    if batch.done:
        return Text("done", "green")
    return Text(batch.state.value, STATE_STYLES[batch.state])


def _finish(line: BatchStatus, found: Status) -> str:
    if line.batch.done or line.forecast is None:
        return ""
    return messages.finish(line.forecast, found.at).removeprefix("about ")


def _remarks(found: Status) -> list[Text]:
    """What each batch waits for, and why one was paused."""
    said = []
    for line in found.batches:
        batch = line.batch
        if line.waiting is not None and line.waiting.cause == "pace":
            if not found.runners:
                continue
            told = f"at the configured pace: {messages.wait(line.waiting, found.at)}"
        elif line.waiting is not None:
            told = messages.wait(line.waiting, found.at)
        elif batch.pause_reason and not batch.done:
            told = batch.pause_reason
        else:
            continue
        said.append(Text(f"{batch.id} {batch.name}: {told}"))
    return [Text(), *said] if said else []


def _explanations(found: Status) -> list[Text]:
    """Of each batch and each of its ways, what holds it back, down to the window."""
    said: list[Text] = []
    for line in found.batches:
        said += [Text(), Text(f"{line.batch.id} {line.batch.name}", "bold")]
        if not line.routes:
            said.append(Text(f"  {_at_rest(line.batch)}"))
        for (account, model), waiting in line.routes.items():
            told = "may go on now" if waiting is None else messages.binding(waiting, found.at)
            said.append(Text(f"  {model} on {account}: {told}"))
    return said


def _at_rest(batch: Batch) -> str:
    if batch.done:
        return "every row has its result or its failure"
    return batch.pause_reason or f"it is {batch.state.value}"


def _runners(found: Status, run: str) -> Text:
    waiting = [line.batch for line in found.batches if runnable(line.batch)]
    if found.runners:
        return Text(f"{fmt.count(found.runners, 'runner')} at work", "green")
    if waiting:
        return Text(f"{NOBODY} {run}", "yellow")
    paused = [b for b in (line.batch for line in found.batches) if b.state is BatchState.PAUSED]
    if any(not batch.done for batch in paused):
        return Text("what is left is paused; go on with: midnight resume BATCH", "yellow")
    return Text("nothing is left to do", "green")


def runnable(batch: Batch) -> bool:
    """Whether a runner would find something to do in it."""
    return batch.state in (BatchState.ACTIVE, BatchState.LOADING) and not batch.done


def quota(lines: Sequence[QuotaLine], now: int) -> RenderableType:
    """Every window of every account."""
    kept = any(line.window.reserve for line in lines)
    numbers = ("Limit", "Spent", "In flight", *(["Kept"] if kept else []), "Left", "Resets")
    made = table("Allowance", *numbers, "Source", right=numbers)
    account = model = None
    for line in lines:
        window = line.window
        if (window.account, window.model) != (account, model):
            account, model = window.account, window.model
            made.add_row(Text(f"  {model}" if model else account, "" if model else "bold"))
        made.add_row(*_quota_line(line, now, kept=kept))
    windows = [line.window for line in lines]
    resets = sorted({window.resets_at for window in windows if window.resets_at < NEVER})
    notes = [f"resets at {fmt.when(moment, now)} here" for moment in resets]
    told = (*purses(lines, now), *_refusals(windows), Text("; ".join(notes), "dim"))
    return Group(made, Text(), *told)


def purses(lines: Sequence[QuotaLine], now: int) -> list[Text]:
    """The credits of each account that has some: the balance, what is frozen, what expires."""
    return [
        Text(f"{line.window.account}: {messages.balance(line.credits, now)}")
        for line in lines
        if line.credits is not None
    ]


def _refusals(windows: Iterable[Window]) -> list[Text]:
    """The accounts that the provider refuses, once each."""
    refused = [window for window in windows if window.gate.reason is ParkReason.REFUSED]
    return [Text(told, "red") for told in dict.fromkeys(map(messages.refused, refused))]


def _quota_line(line: QuotaLine, now: int, *, kept: bool) -> list[str]:
    window = line.window

    def told(value: int | None) -> str:
        return "?" if value is None else fmt.amount(value, window.unit)

    return [
        f"{'    ' if window.model else '  '}{window.unit} {messages.period(window.period)}",
        told(window.limit),
        told(window.spent),
        told(window.reserved),
        *([told(window.reserve)] if kept else []),
        told(window.remaining),
        fmt.ahead(line.resets_in_ms) if window.resets_at < NEVER else "",
        _source(window, now),
    ]


def _source(window: Window, now: int) -> str:
    """Where the limit is known from, and since when if it was learned."""
    if window.limit is None:
        return "unknown"
    learned = window.limit_learned_at
    since = "" if learned is None else f" {fmt.when(learned, now)}"
    return f"{window.limit_source.value}{since}"


def report(days: Sequence[DayReport], *, by_model: bool = False) -> RenderableType:
    """The ledger by day, and its total."""
    if not days:
        return Text("no call was made yet; start with: midnight run JOBFILE INPUT -o OUT")
    paid = any(found.credits is not None for found in days)
    last = ("Credits", "Left") if paid else ("Spent",)
    numbers = ("Calls", "Succeeded", "Failed", "Throttled", "Rows", "Tokens", *last)
    made = table("Day", *numbers, right=numbers)
    made.collapse_padding = paid  # or a column more would not fit
    several = len({found.account for found in days}) > 1
    for label, of_day in groupby(days, lambda d: f"{d.day} {d.account}" if several else d.day):
        if by_model:
            made.add_row(label)
        for found in of_day:
            shown = Text(f"  {found.model}") if by_model else label
            made.add_row(shown, *_figures([found], paid=paid))
    made.add_section()
    made.add_row("TOTAL", *_figures(days, paid=paid), style="bold")
    notes = _notes(days)
    return Group(made, Text(), *notes) if notes else made


def _notes(days: Sequence[DayReport]) -> list[Text]:
    """What the columns do not tell: how full the calls were, and which have no end yet."""
    rows, calls = sum(d.rows for d in days), sum(d.succeeded for d in days)
    full = f"{rows / calls:.1f} rows a call" if rows > calls > 0 else ""
    open_calls = sum(found.in_flight for found in days)
    still = f"{fmt.count(open_calls, 'call')} still open" if open_calls else ""
    return [Text(note, "dim") for note in (full, still) if note]


def _figures(days: Sequence[DayReport], *, paid: bool) -> list[str]:
    sums = (
        sum(found.calls for found in days),
        sum(found.succeeded for found in days),
        sum(found.failed for found in days),
        sum(found.throttled for found in days),
        sum(found.rows for found in days),
        sum(found.prompt_tokens + found.completion_tokens for found in days),
    )
    return [*map(fmt.number, sums), *(_money(days) if paid else [_share(days)])]


def _money(days: Sequence[DayReport]) -> list[str]:
    """What was spent of the credits, and what was left at the end of a day; "" if unknown."""
    costs = [found.credits for found in days if found.credits is not None]
    left = days[0].balance if len(days) == 1 else None
    return [
        fmt.amount(sum(costs), Unit.CREDITS) if costs else "",
        "" if left is None else fmt.amount(left, Unit.CREDITS),
    ]


def _share(days: Sequence[DayReport]) -> str:
    """What was spent of the allowance, strangers included."""
    known = [(d.spent, d.limit) for d in days if d.spent is not None and d.limit]
    if not known:
        return ""
    return fmt.percent(sum(spent for spent, _ in known), sum(limit for _, limit in known))


def failures(found: Sequence[Failure], batch: Batch, retry: str) -> RenderableType:
    """Failed rows, why they failed, and the command that queues them again."""
    if not found:
        return Text(f"no row of {batch.name} (batch {batch.id}) has failed", "green")
    made = table("Row", "Why", "The model said", "Input", right=("Row",))
    for each in found:
        made.add_row(
            fmt.number(each.row),
            Text(fmt.clipped(each.error, 200)),
            Text(fmt.clipped(each.replies[-1] if each.replies else "", 80)),
            Text(fmt.clipped(each.payload, 80), "dim"),
        )
    hidden = batch.counts.failed - len(found)
    more = [Text(f"and {fmt.number(hidden)} more; see them with --limit", "dim")] * (hidden > 0)
    again = Text(f"queue them again with: {retry}", "dim")
    return Group(made, Text(), *more, again)


def written(path: Path, rows: int, batch: Batch) -> str:
    """What an export holds."""
    counts = batch.counts
    parts = [f"{fmt.number(counts.succeeded)} succeeded"]
    parts += [f"{fmt.number(counts.failed)} failed"] * bool(counts.failed)
    left = batch.rows - counts.succeeded - counts.failed
    parts += [f"{fmt.number(left)} without a result yet"] * bool(left)
    return f"{path} ({fmt.count(rows, 'row')}: {', '.join(parts)})"

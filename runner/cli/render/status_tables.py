"""`midnight status`: every batch, its wait reason, and today's budget."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from runner.app.batches.batch_source import options_of, others_of
from runner.app.running import reasons
from runner.app.status.publishing import STALE_MS, Published
from runner.app.status.status import BatchStatus, Status
from runner.cli.render.layout import Hint, table
from runner.cli.render.quota_tables import refusals
from runner.core.states import BatchState
from runner.language import _
from runner.path_text import to_path
from runner.store.batches import Batch
from runner.wording import (
    credit_messages,
    fmt,
    messages,
    remarks,
    shown_windows,
    wait_messages,
    words,
)

STATE_STYLES = {
    BatchState.LOADING: "cyan",
    BatchState.ACTIVE: "green",
    BatchState.PAUSED: "yellow",
    BatchState.CANCELLED: "red",
}
NOTHING_QUEUED = _("nothing is queued yet")
FIRST_STEPS = _("start with: {init}, then {run} JOBFILE INPUT -o OUT")
NOBODY = _("nobody is working on it; start with:")


def status(found: Status, command: str, *, why: bool = False) -> RenderableType:
    """Renders every batch, its wait reason, and today's budget.

    Args:
        found: The status.
        command: ``midnight`` with the given global options.
        why: Whether to explain each wait, with its window.
    """
    if not found.batches:
        first = FIRST_STEPS.format(init=f"{command} init", run=f"{command} run")
        parts: list[RenderableType] = [Hint(f"{NOTHING_QUEUED}{fmt.SEMICOLON}{first}")]
        return Group(*parts, *_set_aside(found, command))
    remarks = _explanations(found) if why else _remarks(found)
    runners = _runners(found, command)
    waiting = [line.waiting for line in found.batches if line.waiting is not None]
    today = messages.window_lines(shown_windows.today(found.windows, waiting))
    parts = [*runners, Text(), _batches(found), *remarks, Text(), Text(_("Today"), "bold")]
    parts += [Text(f"  {line}") for line in today]
    parts += [Text(f"  {credit_messages.purchase(each)}") for each in found.purchases]
    rest: list[RenderableType] = [*refusals(found.windows), *_set_aside(found, command)]
    return Group(*parts, *([Text()] if rest else []), *rest)


def _set_aside(found: Status, command: str) -> list[Hint]:
    """Returns a hint on settlements that could not be stored, with the command to show them."""
    if not found.set_aside:
        return []
    number = fmt.count(found.set_aside, "settlement")
    return [
        Hint(
            _("{number} could not be stored: {command} db set-aside").format(
                number=number, command=command
            ),
            "bold red",
        )
    ]


def _batches(found: Status) -> Table:
    made = table(_("Batch"), _("Name"), _("State"), _("Rows done"), "", _("Failed"), _("Finish"),
                 right=(_("Batch"), _("Rows done"), "", _("Failed")))  # fmt: skip
    for line in found.batches:
        batch, counts = line.batch, line.batch.counts
        ended = counts.succeeded + counts.failed
        made.add_row(
            str(batch.id),
            _name(batch, found.at),
            _state(batch),
            fmt.out_of(ended, batch.rows),
            fmt.percent(ended, batch.rows),
            Text(fmt.number(counts.failed), "red" if counts.failed else "dim"),
            _finish(line, found),
        )
    return made


def _name(batch: Batch, now: int) -> Text:
    """Returns the batch's name, and below it the input, the selection and the batch's age."""
    if batch.part_of is not None:
        return Text(batch.name)
    source = f"{to_path(batch.input).name}{others_of(batch)}"
    words = f"{source} {options_of(batch)}".rstrip()
    output = f" → {to_path(batch.output).name}" if batch.output else ""
    line = f"{words}{output}{fmt.COMMA}{fmt.age(now - batch.created_at)}"
    return Text.assemble(batch.name, "\n", (line, "dim"))


def _state(batch: Batch) -> Text:
    if batch.replaced_by is not None:
        return Text(_("replaced by {id}").format(id=batch.replaced_by), "dim")
    if batch.done:
        return Text(_("done"), "green")
    return Text(words.BATCH_STATES[batch.state], STATE_STYLES[batch.state])


def _finish(line: BatchStatus, found: Status) -> str:
    if line.batch.done or line.forecast is None:
        return ""
    return messages.finish(line.forecast, found.at, brief=True)


def _remarks(found: Status) -> list[RenderableType]:
    """Returns a line for each batch that waits, is paused, or is not served by any account."""
    lines = [(line.batch, remarks.of_batch(line, found)) for line in found.batches]
    hints = [Hint(f"{batch.id} {batch.name}: {remark}") for batch, remark in lines if remark]
    return [Text(), *hints] if hints else []


def _explanations(found: Status) -> list[Text]:
    """Returns a line for each route of each batch, with the window that binds it."""
    lines: list[Text] = []
    for line in found.batches:
        lines += [Text(), Text(f"{line.batch.id} {line.batch.name}", "bold")]
        if not line.routes:
            lines.append(Text(f"  {_at_rest(line)}"))
        for (account, model), waiting in line.routes.items():
            explanation = (
                _("may go on now")
                if waiting is None
                else wait_messages.explain_wait(waiting, found.at)
            )
            lines.append(
                Text(
                    _("  {model} on {account}: {told}").format(
                        model=model, account=account, told=explanation
                    )
                )
            )
    return lines


def _at_rest(line: BatchStatus) -> str:
    batch = line.batch
    if batch.done:
        return _("every row has its result or its failure")
    if line.unserved:
        return messages.unserved(line.unserved)
    return reasons.translated(batch.pause_reason) or _("it is {state}").format(
        state=words.BATCH_STATES[batch.state]
    )


def _runners(found: Status, command: str) -> list[RenderableType]:
    """Returns the active runners with their progress; or what to do if there are none."""
    if not found.runners:
        return [_nobody(found, command)]
    head = Text(_("{runners} at work").format(runners=fmt.count(found.runners, "runner")), "green")
    return [head, *(Text(f"  {_said(runner, found.at)}") for runner in found.published)]


def _said(runner: Published, now: int) -> str:
    """Returns ``process 4242, since 08:10: 3 calls in flight, 42 rows a minute``."""
    who = _("process {pid}, since {when}").format(pid=runner.pid, when=fmt.when(runner.since, now))
    if now - runner.at > STALE_MS:
        return _("{who}: it has said nothing for {duration}").format(
            who=who, duration=fmt.duration(now - runner.at)
        )
    if runner.stopping:
        return _("{who}: stopping").format(who=who)
    if runner.trouble:
        return _("{who}: {trouble}; trying again").format(who=who, trouble=runner.trouble)
    flying = (
        _("{calls} in flight").format(calls=fmt.count(runner.in_flight, "call"))
        if runner.in_flight
        else ""
    )
    parts = [flying, fmt.speed(runner.rows_a_minute, runner.rows_a_call)]
    if runner.paused and not runner.batches:
        parts = [_("all that it works on is paused")]
    state = fmt.COMMA.join(filter(None, parts)) or _("waiting")
    return f"{who}: {state}"


def _nobody(found: Status, command: str) -> RenderableType:
    if any(line.batch.is_unfinished and not line.unserved for line in found.batches):
        return Hint(f"{NOBODY} {command} run", "yellow")
    paused = [b for b in (line.batch for line in found.batches) if b.state is BatchState.PAUSED]
    left = [str(batch.part_of or batch.id) for batch in paused if not batch.done]
    if left:
        number = left[0] if len(set(left)) == 1 else "BATCH"
        resume = f"{command} resume {number}"
        sentence = _("what is left is paused; go on with: {command}").format(command=resume)
        return Hint(sentence, "yellow")
    if any(line.unserved for line in found.batches):
        return Text(_("nothing is left to do that an account serves"), "yellow")
    return Text(_("nothing is left to do"), "green")

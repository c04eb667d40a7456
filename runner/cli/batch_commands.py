"""Commands that change a batch: retry, pause, resume, cancel, rename, delete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from runner import invocation
from runner.cli import exit_codes
from runner.cli.options import BatchName, examples
from runner.cli.session import Session, print_json, session_of
from runner.core.states import BatchState
from runner.errors import NotFoundError
from runner.language import _

if TYPE_CHECKING:
    from runner.app.application import Application
    from runner.app.batches.pruning import Pruned
    from runner.store.batches import Batch

app = typer.Typer(rich_markup_mode=None)


@app.command(epilog=examples("midnight retry 1 && midnight run", "midnight retry 1 --cause 2"))
def retry(
    context: typer.Context,
    batch: BatchName,
    cause: Annotated[
        int | None,
        typer.Option(
            min=1, help=_("Only the rows of this cause, as `failures` numbers them."), metavar="N"
        ),
    ] = None,
) -> int:
    """Queue the failed rows of a batch again."""
    from runner.cli.json import queue_json
    from runner.wording import fmt

    session = session_of(context)
    updated, retried = session.query(lambda midnight: _retry(midnight, batch, cause))
    if session.json:
        print_json({"batch": queue_json.batch(updated), "retried": retried})
    elif not retried:
        session.print(_("{title}: no row has failed").format(title=_title(updated)))
    else:
        go_on = _go_on(session, updated)
        session.print(
            _("{title}: {rows} queued again; {go_on}").format(
                title=_title(updated), rows=fmt.count(retried, "row"), go_on=go_on
            )
        )
    return exit_codes.DONE


async def _retry(midnight: Application, name: str, cause: int | None) -> tuple[Batch, int]:
    batch, chosen = await midnight.batch(name), None
    if cause is not None:
        causes = await midnight.causes(batch)
        if cause > len(causes):
            remedy = _("see them with: {command}").format(
                command=invocation.command("failures", batch.id)
            )
            raise NotFoundError(
                _("batch {id} has no cause {cause}").format(id=batch.id, cause=cause), remedy=remedy
            )
        chosen = causes[cause - 1]
    retried = await midnight.retry(batch, chosen)
    return await midnight.get(batch.id), retried


def _go_on(session: Session, batch: Batch) -> str:
    if batch.state is BatchState.CANCELLED:
        return _("it is cancelled, resume it with: {command}").format(
            command=session.command("resume", str(batch.id))
        )
    return _("go on with: {command}").format(command=session.command("run"))


@app.command(epilog=examples("midnight pause 1"))
def pause(context: typer.Context, batch: BatchName) -> int:
    """Start no more calls of a batch until it is resumed."""
    return _change(context, batch, BatchState.PAUSED)


@app.command(epilog=examples("midnight resume 1 && midnight run"))
def resume(context: typer.Context, batch: BatchName) -> int:
    """Let a batch that was paused or cancelled go on."""
    return _change(context, batch, BatchState.ACTIVE)


@app.command(epilog=examples("midnight cancel 1"))
def cancel(context: typer.Context, batch: BatchName) -> int:
    """Give up what is left of a batch; its results stay."""
    return _change(context, batch, BatchState.CANCELLED)


@app.command(epilog=examples('midnight rename 1 "reviews of May"'))
def rename(
    context: typer.Context,
    batch: BatchName,
    name: Annotated[str, typer.Argument(help=_("Its new name."), metavar="NAME")],
) -> int:
    """Give a batch another name."""
    from runner.cli.json import queue_json
    from runner.errors import ConfigError

    session = session_of(context)
    if not name.strip():
        raise ConfigError(_("a batch needs a name"), where="rename", remedy=_("give it one"))

    async def renamed(midnight: Application) -> Batch:
        return await midnight.rename(await midnight.batch(batch), name.strip())

    updated = session.query(renamed)
    if session.json:
        print_json({"batch": queue_json.batch(updated)})
    else:
        session.print(_("batch {id} is called {name} now").format(id=updated.id, name=updated.name))
    return exit_codes.DONE


@app.command(epilog=examples("midnight delete 1", "midnight delete 1 2 3"))
def delete(
    context: typer.Context,
    batch: Annotated[
        list[str], typer.Argument(help=_("Batches: their numbers or names."), metavar="BATCH")
    ],
) -> int:
    """Delete batches: their rows, results and replies; the calls stay in reports.

    What they had answered would be paid for again.
    """
    from runner.cli.json import history_json
    from runner.cli.render import deletion_view

    session = session_of(context)

    async def deleted(midnight: Application) -> Pruned:
        batches = {each.id: each for each in [await midnight.batch(name) for name in batch]}
        return await midnight.delete([await _whole(midnight, each) for each in batches.values()])

    pruned = session.query(deleted)
    session.answer(lambda: history_json.deletion(pruned), lambda: deletion_view.deleted(pruned))
    return exit_codes.DONE


async def _whole(midnight: Application, batch: Batch) -> Batch:
    """Returns the batch of which this one is a part, or itself."""
    return batch if batch.part_of is None else await midnight.get(batch.part_of)


@dataclass(frozen=True, slots=True)
class _Change:
    """A batch before and after a change, whether it is finished, and whether a runner is active."""

    before: Batch
    after: Batch
    is_finished: bool
    is_worked_on: bool


def _change(context: typer.Context, name: str, state: BatchState) -> int:
    from runner.cli.json import queue_json

    session = session_of(context)
    change = session.query(lambda midnight: _set(midnight, name, state))
    before, after = change.before, change.after
    if session.json:
        print_json({"batch": queue_json.batch(after), "changed": before.state is not after.state})
        return exit_codes.DONE
    session.print(f"{_title(after)}: {_told(session, change)}")
    return exit_codes.DONE


async def _set(midnight: Application, name: str, state: BatchState) -> _Change:
    before, is_worked_on = await midnight.batch(name), await midnight.is_worked_on()
    after = await midnight.set_state(before, state)
    is_finished = all(part.done for part in await midnight.parts_of(after))
    return _Change(before, after, is_finished, is_worked_on)


def _told(session: Session, change: _Change) -> str:
    if change.is_finished:
        return _("it is done already, there is nothing left to change")
    before, after = change.before, change.after
    new = before.state is not after.state
    match after.state:
        case BatchState.PAUSED:
            told = _("is paused; go on with: {command}")
            told = told if new else _("was already paused; go on with: {command}")
        case BatchState.CANCELLED:
            told = _("is cancelled, its results stay; take it up again with: {command}")
            if not new:
                told = _(
                    "was already cancelled, its results stay; take it up again with: {command}"
                )
        case _ if change.is_worked_on:
            told = _("is active; the runner at work goes on with it")
            return told if new else _("was already active; the runner at work goes on with it")
        case _:
            told = _("is active; go on with: {command}")
            told = told if new else _("was already active; go on with: {command}")
            return told.format(command=session.command("run"))
    return told.format(command=session.command("resume", str(after.id)))


def _title(batch: Batch) -> str:
    return _("{name} (batch {id})").format(name=batch.name, id=batch.id)

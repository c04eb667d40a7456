"""Commands that only read: status, watch, quota, report, export, failures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runner.cli import exit_codes
from runner.cli.options import OUTPUT_HELP, BatchName, Errors, Html, examples
from runner.cli.session import Session, print_json, session_of
from runner.language import _

if TYPE_CHECKING:
    from runner.app.application import Application
    from runner.app.status.status import Status
    from runner.cli.output_target import OutputTarget
    from runner.store.batches import Batch
    from runner.store.failures import Failure, FailureGroup

app = typer.Typer(rich_markup_mode=None)

OneBatch = Annotated[
    str | None,
    typer.Argument(
        help=_("A batch: its number, or its name (the newest); default: all."), metavar="BATCH"
    ),
]


@app.command(
    epilog=examples("midnight status", 'midnight status "label reviews"', "midnight status --why")
)
def status(
    context: typer.Context,
    batch: OneBatch = None,
    trials: Annotated[
        bool, typer.Option("--trials", help=_("Show the batches of midnight try, too."))
    ] = False,
    why: Annotated[
        bool, typer.Option("--why", help=_("Say what holds each batch back, down to the window."))
    ] = False,
) -> int:
    """Show how far each batch is, and what it waits for."""
    session = session_of(context)
    result = session.query(lambda midnight: _status(midnight, batch, trials=trials))
    if session.json:
        from runner.cli.json import queue_json

        print_json(queue_json.status(result))
        return exit_codes.DONE
    from runner.cli.render import status_tables

    session.print(status_tables.status(result, session.command(), why=why))
    return exit_codes.DONE


async def _status(midnight: Application, name: str | None, *, trials: bool) -> Status:
    whole = await midnight.status()
    if name is None:
        shown = tuple(b for b in whole.batches if trials or not b.batch.is_trial)
        return replace(whole, batches=shown)
    only = await midnight.batch(name)
    return replace(whole, batches=tuple(b for b in whole.batches if b.batch.id == only.id))


@app.command(epilog=examples("midnight watch"))
def watch(context: typer.Context) -> int:
    """Watch what another process runs, as it is shown there."""
    from runner.cli import watch_action

    return watch_action.watch(session_of(context))


@app.command(epilog=examples("midnight quota", "midnight quota --json"))
def quota(context: typer.Context) -> int:
    """Show every allowance: spent, left, and when it resets."""
    session = session_of(context)
    lines = session.query(lambda midnight: midnight.quota())
    if session.json:
        from runner.cli.json import account_json

        print_json(account_json.quota(lines))
        return exit_codes.DONE
    from runner.cli.render import quota_tables
    from runner.clock import SystemClock

    session.print(quota_tables.quota(lines, SystemClock().now()))
    return exit_codes.DONE


@app.command(
    epilog=examples(
        "midnight report",
        "midnight report --by day,model --since 7d",
        "midnight report --by hour --since 2026-11-24 --csv > calls.csv",
        "midnight report 1 --html report.html",
    )
)
def report(
    context: typer.Context,
    batch: OneBatch = None,
    by: Annotated[
        list[str] | None,
        typer.Option(
            help=_(
                "What the lines are about: day, hour, account, model, batch, client; several with "
                "commas; default: day, by the provider's own calendar."
            ),
            metavar="KEY",
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(help=_("From this day on: YYYY-MM-DD, or 7d for so long ago."), metavar="DAY"),
    ] = None,
    until: Annotated[str | None, typer.Option(help=_("Up to this day."), metavar="DAY")] = None,
    csv: Annotated[bool, typer.Option("--csv", help=_("CSV instead of a table."))] = False,
    parquet: Annotated[
        Path | None, typer.Option(help=_("Write the lines to a Parquet file."), metavar="FILE")
    ] = None,
    html: Html = None,
) -> int:
    """Show the calls spent on each day, to the call."""
    from runner.cli.report_action import ReportRequest, show_report

    request = ReportRequest(batch, tuple(by or ()), since, until, parquet, html, csv=csv)
    return show_report(session_of(context), request)


@app.command(epilog=examples("midnight export 1 -o labelled.csv"))
def export(
    context: typer.Context,
    batch: BatchName,
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            help=OUTPUT_HELP,
            metavar="OUT",
        ),
    ],
    errors: Errors = None,
    details: Annotated[
        bool,
        typer.Option(
            "--details",
            help=_(
                "Add the account, the call in the ledger, whether that was another row's, and "
                "the reply."
            ),
        ),
    ] = False,
) -> int:
    """Write the results so far, in the order of the input."""
    from runner.cli.json import queue_json
    from runner.cli.output_target import OutputTarget

    session, target = session_of(context), OutputTarget(output, errors, details)
    exported, rows, answered = session.query(
        lambda midnight: _export(session, midnight, batch, target)
    )
    if session.json:
        print_json({"path": str(output), "rows": rows, "batch": queue_json.batch(exported)})
        return exit_codes.DONE
    from runner.cli.render import report_tables

    session.print(report_tables.written(output, rows, exported, answered))
    return exit_codes.DONE


async def _export(
    session: Session, midnight: Application, name: str, target: OutputTarget
) -> tuple[Batch, int, int]:
    from runner.app.batches.batch_source import paths_of
    from runner.app.results.targets import kind_of
    from runner.cli.render.consoles import bar

    batch = await midnight.batch(name)
    target.check(kind_of(batch), batch.rows, paths_of(batch))
    path = target.path or Path()
    with bar(session.err, _("writing {name}").format(name=path.name)) as tick:
        written = midnight.export(batch, path, tick, errors=target.errors, details=target.details)
        rows = await written
    return batch, rows, (await midnight.review_counts([batch]))[batch.id].answered


@app.command(epilog=examples("midnight failures 1 --limit 50"))
def failures(
    context: typer.Context,
    batch: BatchName,
    limit: Annotated[
        int, typer.Option(min=1, help=_("Rows shown at most; default: 20."), metavar="N")
    ] = 20,
) -> int:
    """Show why rows failed, each cause with an example and what to do; then the rows."""
    session = session_of(context)
    chosen, rows, causes = session.query(lambda midnight: _failures(midnight, batch, limit))
    if session.json:
        from runner.cli.json import queue_json

        print_json(queue_json.failures(rows))
        return exit_codes.DONE
    from runner.cli.render import failure_view

    edited = _edited(session, chosen)
    session.print(failure_view.failures(rows, causes, chosen, session.command(), edited))
    return exit_codes.DONE


def _edited(session: Session, batch: Batch) -> str | None:
    """Returns the command that retries a batch's failed rows with an edited job file."""
    from runner.app.batches.batch_source import argv_of
    from runner.path_text import to_path
    from runner.wording import fmt

    if not batch.job_path:
        return None
    words = (to_path(batch.job_path), *argv_of(batch), "--retry-failed")
    shown = (fmt.place(word) if isinstance(word, Path) else word for word in words)
    return session.command("run", *shown)


async def _failures(
    midnight: Application, name: str, limit: int
) -> tuple[Batch, list[Failure], list[FailureGroup]]:
    batch = await midnight.batch(name)
    return batch, await midnight.failures(batch, limit), await midnight.causes(batch)

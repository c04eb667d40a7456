"""Commands for set-up and maintenance: doctor, models, init, db."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runner.cli import exit_codes
from runner.cli.options import examples
from runner.cli.session import Session, print_json, run_async, session_of
from runner.errors import ConfigError
from runner.language import _

if TYPE_CHECKING:
    from runner.app.application import Application
    from runner.app.batches.pruning import Pruned

app = typer.Typer(rich_markup_mode=None)
db = typer.Typer(rich_markup_mode=None, no_args_is_help=False)


@app.command(epilog=examples("midnight doctor"))
def doctor(context: typer.Context) -> int:
    """Check whether everything is set up; it costs no call."""
    import os

    from runner.app.accounts.doctor import examine
    from runner.cli.json import account_json

    session = session_of(context)
    checks = run_async(lambda: examine(session.settings, os.environ))
    if session.json:
        print_json(account_json.checks(checks))
    else:
        from runner.cli.render import setup_views

        session.print(setup_views.checks(checks))
    return exit_codes.FAILED if any(check.ok is False for check in checks) else exit_codes.DONE


@app.command(epilog=examples("midnight models", "midnight models --json"))
def models(context: typer.Context) -> int:
    """List the models that each account can call; it costs no call."""
    import os

    from runner.app.accounts.models import list_models, nothing_listed
    from runner.cli.json import account_json

    session = session_of(context)
    listed = run_async(lambda: list_models(session.settings, os.environ))
    if (nothing := nothing_listed(listed)) is not None:
        raise nothing
    if session.json:
        print_json(account_json.models(listed))
        return exit_codes.DONE
    from runner.cli.render import setup_views

    session.print(setup_views.models(listed))
    return exit_codes.DONE


@app.command(
    epilog=examples(
        "midnight init",
        "midnight init extract_orders",
        "midnight init reviews.csv --task 'Label hotel reviews.' --labels 'good, bad'",
        "midnight init --list",
    )
)
def init(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(
            help=_(
                "A ready job file, or a dataset of your own; default, where nobody can be asked: "
                "label_reviews."
            ),
            metavar="NAME|FILE",
        ),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(help=_("What is to be done with each row of the dataset."), metavar="TEXT"),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(help=_("The labels, with commas; empty: a text of any kind."), metavar="A,B"),
    ] = None,
    show: Annotated[bool, typer.Option("--list", help=_("Only list the ready ones."))] = False,
) -> int:
    """Write a job file for your data, or copy a ready one; none is replaced."""
    from runner.app.setup import templates

    session = session_of(context)
    if show:
        session.answer(templates.listed, lambda: templates.shown(templates.listed()))
        return exit_codes.DONE
    if _is_for_own_data(name, session):
        made = _job_for_own_data(session, name, task, labels)
        if made is not None:
            return made
    copied = templates.copy(name or templates.DEFAULT, Path.cwd())
    if session.json:
        print_json({"copied": [path.as_posix() for path in copied]})
        return exit_codes.DONE
    session.print(_("copied {copied}").format(copied=", ".join(map(str, copied))))
    job = templates.arguments(copied)
    session.print(
        _("what would it cost:     {command}").format(command=session.command("plan", *job))
    )
    session.print(
        _("try it, spending none:  {command}").format(command=session.command("rehearse", *job))
    )
    return exit_codes.DONE


def _is_for_own_data(name: str | None, session: Session) -> bool:
    """Whether a dataset is given, or the user can be asked for one."""
    if name is not None:
        return "." in name and Path(name).is_file()
    import sys

    return sys.stdin.isatty() and sys.stdout.isatty() and not session.json


def _job_for_own_data(
    session: Session, name: str | None, task: str | None, labels: str | None
) -> int | None:
    """Asks for the answers, and writes the job file; None if the user wants the sample."""
    import sys

    from runner.cli import init_action

    if not sys.stdin.isatty() and task is not None:
        labels = labels or ""
    try:
        answers = init_action.ask(Path(name) if name else None, task, labels)
    except typer.Abort:
        if sys.stdin.isatty():
            raise
        what, remedy = _("nobody can be asked here"), _("say it with --task and --labels")
        raise ConfigError(what, where="init", remedy=remedy) from None
    if answers is None:
        return None
    target = init_action.write(answers)
    if session.json:
        print_json({"written": str(target)})
        return exit_codes.DONE
    job = (str(target), str(answers.data))
    session.print(_("written: {target}; read it, it is short").format(target=target))
    session.print(
        _("what would it cost:       {command}").format(command=session.command("plan", *job))
    )
    session.print(
        _("try it, spending none:    {command}").format(command=session.command("rehearse", *job))
    )
    session.print(
        _("ask three rows for real:  {command}").format(command=session.command("try", *job))
    )
    return exit_codes.DONE


@db.callback(invoke_without_command=True)
def database(context: typer.Context) -> None:
    """Maintain the database: its place, its health, a copy, what it could not store."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@db.command("path", epilog=examples('ls -l "$(midnight db path)"'))
def db_path(context: typer.Context) -> int:
    """Print where the database is."""
    session = session_of(context)
    path = session.settings.db
    if session.json:
        print_json({"path": str(path), "exists": path.exists()})
    else:
        typer.echo(str(path))
    return exit_codes.DONE


@db.command("check", epilog=examples("midnight db check"))
def db_check(context: typer.Context) -> int:
    """Read the whole database, and say what is wrong in it; exit code 1 if anything is."""
    session = session_of(context)
    wrong = session.query(lambda midnight: midnight.maintenance.check())
    if session.json:
        print_json({"path": str(session.settings.db), "ok": not wrong, "defects": wrong})
    elif wrong:
        session.print(*wrong, _("restore a copy, or report this: it should never happen"))
    else:
        session.print(_("no defects found in {db}").format(db=session.settings.db))
    return exit_codes.FAILED if wrong else exit_codes.DONE


@db.command(
    "set-aside", epilog=examples("midnight db set-aside", "midnight db set-aside -o FILE --forget")
)
def db_set_aside(
    context: typer.Context,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help=_("Write them to a new file, a JSON object a line, with the replies."),
            metavar="FILE",
        ),
    ] = None,
    forget: Annotated[
        bool, typer.Option("--forget", help=_("Delete them once they were shown or written."))
    ] = False,
) -> int:
    """Show the settlements of calls that could not be stored."""
    from runner.cli import set_aside_action

    return set_aside_action.show_set_aside(session_of(context), output, forget=forget)


@db.command("backup", epilog=examples("midnight db backup tonight.db"))
def db_backup(
    context: typer.Context,
    target: Annotated[
        Path, typer.Argument(help=_("The copy; it must not exist yet."), metavar="FILE")
    ],
) -> int:
    """Copy the database, even while a runner is at work on it."""
    session = session_of(context)

    async def backed_up(midnight: Application) -> None:
        await midnight.maintenance.backup(target)

    session.query(backed_up)
    if session.json:
        print_json({"path": str(target), "bytes": target.stat().st_size})
    else:
        session.print(_("copied to {target}").format(target=target))
    return exit_codes.DONE


@db.command(
    "prune",
    epilog=examples("midnight db prune --older-than 30d", "midnight db prune --older-than 0d"),
)
def db_prune(
    context: typer.Context,
    older_than: Annotated[
        str,
        typer.Option(
            help=_("Batches for which nothing was recorded for so long: 12h, 30d, 8w."),
            metavar="AGE",
        ),
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help=_("Name the batches, and delete nothing."))
    ] = False,
) -> int:
    """Delete batches that are done or cancelled, and give their space back.

    Their calls stay in reports; what they had answered would be paid for again.
    """
    from runner.cli.json import history_json
    from runner.cli.options import read_age
    from runner.cli.render import deletion_view

    session, age_ms = session_of(context), read_age(older_than)

    async def pruned(midnight: Application) -> Pruned:
        from runner.app.batches.pruning import Pruned

        old = await midnight.old_batches(age_ms)
        return Pruned(tuple(old), 0) if dry_run or not old else await midnight.delete(old)

    result = session.query(pruned)
    session.answer(
        lambda: history_json.deletion(result),
        lambda: deletion_view.deleted(result, dry_run=dry_run),
    )
    return exit_codes.DONE


app.add_typer(db, name="db")

"""The program's top: the global options, the commands in order, and what becomes of an error."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from runner import __version__
from runner.cli import (
    batch_commands,
    exit_codes,
    query_commands,
    run_commands,
    setup_commands,
    simulate_commands,
)
from runner.cli.globals import GlobalOptionsGroup, wants_json
from runner.cli.session import Session, emit
from runner.errors import RunnerError

PROGRAM = "midnight"
# Typer's own errors about arguments, wherever this Typer takes them from.
MISUSE: type[Exception] = typer.BadParameter.__mro__[2]

ORDER = (
    "init",
    "plan",
    "rehearse",
    "try",
    "run",
    "submit",
    "status",
    "quota",
    "report",
    "export",
    "failures",
    "retry",
    "pause",
    "resume",
    "cancel",
    "doctor",
    "models",
    "simulate",
    "db",
)


class Program(GlobalOptionsGroup):
    """The top group, with its commands in the order in which one needs them."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of the commands."""
        return sorted(super().list_commands(ctx), key=ORDER.index)


app = typer.Typer(
    cls=Program,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\nThe global options may stand before or after the command's name.\n"
    "Exit codes: 0 all done; 1 done, with failed rows; 2 usage or configuration;\n"
    "3 stopped with work left.\n\n\b\nExample:\n"
    "  midnight init && midnight rehearse label_reviews.toml label_reviews.csv",
)
for commands in (
    run_commands,
    query_commands,
    batch_commands,
    setup_commands,
    simulate_commands,
):
    app.add_typer(commands.app)


@app.callback(invoke_without_command=True)
def midnight(
    context: typer.Context,
    db: Annotated[
        Path | None,
        typer.Option(
            help="The database file; default: MIDNIGHT_DB, or one in your data folder.",
            metavar="FILE",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="The configuration; default: midnight.toml here or in your configuration folder.",
            metavar="FILE",
        ),
    ] = None,
    account: Annotated[
        str | None,
        typer.Option(
            help="The account to use, by its name in the configuration; default: the first.",
            metavar="NAME",
        ),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Say where each setting comes from.")
    ] = False,
    json: Annotated[
        bool,
        typer.Option("--json", help="JSON on stdout; everything for people goes to stderr."),
    ] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Run a dataset through an AI API that allows a small number of calls a day.

    Every row is queued, each day's allowance is spent without wasting a call, and there is one
    result for each row at the end.
    """
    if version:
        _say_version(json=json)
        raise typer.Exit
    context.obj = Session(db=db, config=config, account=account, verbose=verbose, json=json)
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _say_version(*, json: bool) -> None:
    if json:
        emit({"name": "midnight-runner", "version": __version__})
    else:
        typer.echo(f"midnight-runner {__version__}")


def perform(args: Sequence[str]) -> int:
    """Do what `args` ask; the exit code. What a user did wrong is told in a line or two."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a ✓ must not break an old terminal
            stream.reconfigure(errors="replace")
    try:
        code = _dispatch(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return exit_codes.INTERRUPTED
    except BaseExceptionGroup as several:  # interrupted while tasks were being ended
        if several.subgroup(KeyboardInterrupt) is None:
            raise
        return exit_codes.INTERRUPTED
    except BrokenPipeError:
        _mute_stdout()
        return exit_codes.PIPE_CLOSED
    return code


def _dispatch(args: Sequence[str]) -> int:
    try:
        found = app(list(args), prog_name=PROGRAM, standalone_mode=False)
    except RunnerError as error:
        return _refuse(error, args)
    except MISUSE as misuse:
        return _refuse(_as_ours(misuse), args)
    except (typer.Abort, EOFError):
        return exit_codes.INTERRUPTED
    return found if isinstance(found, int) else exit_codes.DONE


def _as_ours(misuse: Exception) -> RunnerError:
    """Typer's complaint, said the way all others are."""
    said = str(misuse.format_message() if hasattr(misuse, "format_message") else misuse)
    context = getattr(misuse, "ctx", None)
    path = context.command_path if context else PROGRAM
    what = said.rstrip(".").strip()
    return RunnerError(what[:1].lower() + what[1:], remedy=f"{path} --help")


def _refuse(error: RunnerError, args: Sequence[str]) -> int:
    """Tell the user what is wrong and what to try."""
    if wants_json(args):
        from runner.cli import as_json  # noqa: PLC0415 - seldom needed

        emit(as_json.error(error))
        sys.stdout.flush()
    coloured = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    name = "\033[1;31mmidnight:\033[0m" if coloured else "midnight:"
    with suppress(BrokenPipeError):
        sys.stderr.write(f"{name} {error}\n")
    return exit_codes.MISUSED


def _mute_stdout() -> None:
    """Keep the interpreter from complaining about a closed pipe when it flushes at the end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

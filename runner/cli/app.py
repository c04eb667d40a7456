"""The program: its global options, and its commands in order."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

import typer
from typer.main import get_command

from runner import __version__, invocation
from runner.cli import exit_codes, global_options
from runner.cli.error_report import report
from runner.cli.global_options import GlobalOptionsGroup, parted
from runner.cli.session import Session, print_json
from runner.errors import RunnerError
from runner.language import LANGUAGE, _, retold

PROGRAM = "midnight"
# The base class of Typer's usage errors; its module depends on the version of Typer.
USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[2]

# The module of each command; the commands are in the order in which a user needs them.
COMMANDS = {
    "init": "setup_commands",
    "plan": "plan_commands",
    "rehearse": "plan_commands",
    "try": "plan_commands",
    "run": "run_commands",
    "submit": "run_commands",
    "status": "query_commands",
    "watch": "query_commands",
    "quota": "query_commands",
    "report": "query_commands",
    "export": "query_commands",
    "show": "show_commands",
    "diff": "show_commands",
    "review": "review_commands",
    "failures": "query_commands",
    "retry": "batch_commands",
    "pause": "batch_commands",
    "resume": "batch_commands",
    "cancel": "batch_commands",
    "rename": "batch_commands",
    "delete": "batch_commands",
    "service": "service_commands",
    "notify": "notify_commands",
    "doctor": "setup_commands",
    "models": "setup_commands",
    "serve": "serve_commands",
    "setup": "serve_commands",
    "presets": "preset_commands",
    "simulate": "simulate_commands",
    "db": "setup_commands",
}


class Program(GlobalOptionsGroup):
    """The top-level group, which lists its commands in the order of `COMMANDS`."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Returns the names of the commands."""
        return sorted(super().list_commands(ctx), key=[*COMMANDS].index)


def program(args: Sequence[str]) -> typer.Typer:
    """Returns the program, with the commands of only the module that `args` refer to.

    Loading all commands would take a tenth of the time budget of `status`.
    """
    _front, rest = parted(args)
    named = COMMANDS.get(rest[0]) if rest else None
    modules = [named] if named else dict.fromkeys(COMMANDS.values())
    made = typer.Typer(
        cls=Program,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        epilog=_(
            "\b\nThe global options may stand before or after the command's name.\n"
            "Exit codes: 0 all done; 1 done, with failed rows; 2 usage or configuration;\n"
            "3 stopped with work left; 70 a defect of the program.\n\n\b\nExample:\n"
            "  midnight init && midnight rehearse label_reviews.toml label_reviews.csv"
        ),
    )
    for name in modules:
        made.add_typer(import_module(f"runner.cli.{name}").app)
    made.callback(invoke_without_command=True)(midnight)
    return made


def midnight(
    context: typer.Context,
    db: global_options.Db = None,
    config: global_options.Config = None,
    account: global_options.Account = None,
    verbose: global_options.Verbose = 0,
    log_file: global_options.LogFile = None,
    log_json: global_options.LogJson = False,
    log_content: global_options.LogContent = False,
    json: global_options.Json = False,
    version: global_options.Version = False,
) -> None:
    """Run a dataset through an AI API that allows a small number of calls a day.

    Every row is queued, each day's allowance is spent without wasting a call, and there is one
    result for each row at the end.
    """
    if version:
        _print_version(json=json)
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        return
    from runner import logs  # not for --help

    logs.configure(verbose, log_file, json=log_json, content=log_content)
    invocation.remember(("--db", db), ("--config", config), ("--account", account))
    context.obj = Session(db=db, config=config, account=account, verbosity=verbose, json=json)


def _print_version(*, json: bool) -> None:
    if json:
        print_json({"name": "midnight-runner", "version": __version__})
    else:
        typer.echo(f"midnight-runner {__version__}")


def main(args: Sequence[str]) -> int:
    """Runs the command given by `args`; returns the exit code.

    A user's mistake is reported in one or two lines. So is a defect of the program, whose traceback
    goes to the log file or to a crash file.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a ✓ must not raise on an old terminal
            stream.reconfigure(errors="replace")
    try:
        code = _dispatch(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return exit_codes.INTERRUPTED
    except BrokenPipeError:
        _mute_stdout()
        return exit_codes.PIPE_CLOSED
    except (BaseExceptionGroup, Exception) as error:  # noqa: BLE001 - reported without a traceback
        return report(error, args)
    finally:
        invocation.remember()  # what this process does next is not subject to these options
    return code


def _dispatch(args: Sequence[str]) -> int:
    try:
        command = get_command(program(args))
        if LANGUAGE is not None:
            from runner.cli.translated_help import translate  # not for English

            translate(command)
        found = command.main(list(args), prog_name=PROGRAM, standalone_mode=False)
    except USAGE_ERROR as error:
        raise _translated(error) from None
    except (typer.Abort, EOFError):
        return exit_codes.INTERRUPTED
    return found if isinstance(found, int) else exit_codes.DONE


def _translated(error: Exception) -> RunnerError:
    """Converts Typer's usage error to the form of all other errors."""
    said = str(error.format_message() if hasattr(error, "format_message") else error)
    context = getattr(error, "ctx", None)
    path = context.command_path if context else PROGRAM
    said = said.rstrip(".").strip()
    what = said[:1].lower() + said[1:]
    if LANGUAGE is not None:
        from runner.cli.translated_help import COMPLAINTS  # not for English

        what = retold(what, COMPLAINTS)
    return RunnerError(what, remedy=f"{path} --help")


def _mute_stdout() -> None:
    """Prevents the interpreter's error message about a closed pipe when it flushes at exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

"""The program: its global options, its commands in order, and its error handling."""

from __future__ import annotations

import os
import platform
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import typer
from typer.main import get_command

from runner import __version__, invocation
from runner.cli import exit_codes, global_options
from runner.cli.global_options import GlobalOptionsGroup, parted, wants_json, wants_traceback
from runner.cli.session import Session, print_json
from runner.errors import EngineError, RunnerError
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
        return _report_anyhow(error, args)
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


def _report_anyhow(error: BaseException, args: Sequence[str]) -> int:
    """Reports an error, also while the system lets no module be loaded; returns the exit code."""
    try:
        if isinstance(error, BaseExceptionGroup):  # several tasks failed
            return _report_group(error, args)
        return _report(error, args)
    except (OSError, ImportError) as failure:
        place = _("run it again with -vv for the traceback")
        return _report_error(_refusal(failure, place), args)


def _report(error: BaseException, args: Sequence[str]) -> int:
    """Reports an error; returns the exit code."""
    cause = error.__cause__ if isinstance(error, EngineError) else error
    if isinstance(cause, OSError):
        return _report_refusal(cause, args, logged=cause is not error)
    if _is_defect(error):
        return _report_defect(cause or error, args, logged=isinstance(error, EngineError))
    assert isinstance(error, RunnerError)  # noqa: S101 - all others are defects
    return _report_error(error, args)


def _is_defect(error: BaseException) -> bool:
    return not isinstance(error, RunnerError | OSError) or isinstance(error, EngineError)


def _report_group(group: BaseExceptionGroup[BaseException], args: Sequence[str]) -> int:
    """Reports the errors of several tasks, by the most severe of them."""
    errors = list(_leaves(group))
    if any(isinstance(error, KeyboardInterrupt) for error in errors):
        return exit_codes.INTERRUPTED
    if any(map(_is_defect, errors)):
        return _report_defect(group, args)
    return _report(min(errors, key=lambda one: isinstance(one, OSError)), args)


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def _report_error(error: RunnerError, args: Sequence[str], code: int = exit_codes.USAGE) -> int:
    """Prints the error and its remedy; returns `code`."""
    if wants_json(args):
        from runner.cli.json import queue_json  # seldom needed

        print_json(queue_json.error(error))
        sys.stdout.flush()
    coloured = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    name = "\033[1;31mmidnight:\033[0m" if coloured else "midnight:"
    with suppress(BrokenPipeError):
        sys.stderr.write(f"{name} {error}\n")
    return code


def _report_refusal(error: OSError, args: Sequence[str], *, logged: bool = False) -> int:
    """Reports an error of the operating system that was not handled closer to its source."""
    from runner import logs  # seldom needed

    names = [str(name) for name in (error.filename, error.filename2) if name is not None]
    told = _refusal(error, _traced(error, args, logged=logged), _(" and ").join(names) or None)
    told.what = logs.redacted(told.what)
    return _report_error(told, args)


def _refusal(error: OSError | ImportError, place: str, where: str | None = None) -> RunnerError:
    """Returns what to tell of an error of the system whose traceback is at `place`."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    what = _("the system refuses this ({reason})").format(reason=reason)
    remedy = _("check the disk and its permissions, and run it again; {place}").format(place=place)
    return RunnerError(what, where=where, remedy=remedy)


def _report_defect(error: BaseException, args: Sequence[str], *, logged: bool = False) -> int:
    """Reports a defect of the program, with the place of its traceback.

    `logged`: whether the engine has logged it already.
    """
    from runner import logs  # seldom needed

    what = logs.redacted(
        _("internal error: {name}: {error}")
        .format(name=type(error).__name__, error=error)
        .rstrip(": ")
    )
    place = _traced(error, args, logged=logged)
    remedy = _("run it again, it goes on where it stopped; and report it: {place}").format(
        place=place
    )
    return _report_error(EngineError(what, remedy=remedy), args, exit_codes.INTERNAL)


def _traced(error: BaseException, args: Sequence[str], *, logged: bool = False) -> str:
    """Writes the traceback to the log or to a crash file; returns its place as a clause."""
    from runner import logs  # seldom needed

    file = logs.file_in_use()
    if file is None:
        crash = _crash_file()
        file = crash if logs.write_crash(error, crash, _about()) else None
    elif not logged:
        logs.log.critical("internal error", exc_info=error)
    if wants_traceback(args):
        lines = "".join(traceback.format_exception(error))
        sys.stderr.write(logs.redacted(lines))
    return (
        _("the traceback is in {file}").format(file=file)
        if file
        else _("run it again with -vv for the traceback")
    )


def _crash_file() -> Path:
    from platformdirs import user_log_path  # seldom needed

    return user_log_path("midnight-runner", appauthor=False) / "crash.log"


def _about() -> str:
    return f"midnight-runner {__version__}, Python {platform.python_version()}, {sys.platform}"


def _mute_stdout() -> None:
    """Prevents the interpreter's error message about a closed pipe when it flushes at exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

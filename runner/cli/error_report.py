"""Reports of the errors that end a command: a user's mistakes, refusals of the system, defects."""

from __future__ import annotations

import os
import platform
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from runner import __version__
from runner.cli import exit_codes
from runner.cli.global_options import wants_json, wants_traceback
from runner.cli.session import print_json
from runner.errors import EngineError, RunnerError
from runner.language import _


def report(error: BaseException, args: Sequence[str]) -> int:
    """Reports an error, also while the system lets no module be loaded; returns the exit code."""
    try:
        if isinstance(error, BaseExceptionGroup):  # several tasks failed
            return _report_group(error, args)
        return _report_one(error, args)
    except (OSError, ImportError) as failure:
        place = _("run it again with -vv for the traceback")
        return _print_error(_refusal(failure, place), args)


def _report_one(error: BaseException, args: Sequence[str]) -> int:
    """Reports an error; returns the exit code."""
    cause = error.__cause__ if isinstance(error, EngineError) else error
    if isinstance(cause, OSError):
        return _report_refusal(cause, args, logged=cause is not error)
    if _is_defect(error):
        return _report_defect(cause or error, args, logged=isinstance(error, EngineError))
    assert isinstance(error, RunnerError)  # noqa: S101 - all others are defects
    return _print_error(error, args)


def _is_defect(error: BaseException) -> bool:
    return not isinstance(error, RunnerError | OSError) or isinstance(error, EngineError)


def _report_group(group: BaseExceptionGroup[BaseException], args: Sequence[str]) -> int:
    """Reports the errors of several tasks, by the most severe of them."""
    errors = list(_leaves(group))
    if any(isinstance(error, KeyboardInterrupt) for error in errors):
        return exit_codes.INTERRUPTED
    if any(map(_is_defect, errors)):
        return _report_defect(group, args)
    return _report_one(min(errors, key=lambda one: isinstance(one, OSError)), args)


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def _print_error(error: RunnerError, args: Sequence[str], code: int = exit_codes.USAGE) -> int:
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
    return _print_error(told, args)


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
    return _print_error(EngineError(what, remedy=remedy), args, exit_codes.INTERNAL)


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

"""The exit codes of the program."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runner.app.running.run_result import RunResult

DONE = 0
FAILED = 1  # all done, with failed rows; or `doctor` or `db check` found something wrong
USAGE = 2  # usage or configuration: every RunnerError, also of an output of a run
WORK_LEFT = 3  # stopped with work left
INTERNAL = 70  # a defect of the program (EX_SOFTWARE of sysexits.h)
INTERRUPTED = 130  # as the shell reports a SIGINT
PIPE_CLOSED = 141  # as the shell reports a SIGPIPE

MEANINGS = {
    DONE: "all done",
    FAILED: (
        "all done, with failed rows; or `doctor`, `db check` or `notify test` has found something "
        "wrong"
    ),
    USAGE: "usage, configuration, or an output that cannot be written; the message says more",
    WORK_LEFT: "stopped with work left: interrupted, or `--no-wait` and the allowance is spent",
    INTERNAL: "a defect of the program, whose traceback is in the file that the message names",
    INTERRUPTED: "interrupted before anything was queued, as the shell reports a SIGINT",
    PIPE_CLOSED: "the reader of the output has closed it, as the shell reports a SIGPIPE",
}


def code_of(ran: RunResult) -> int:
    """Returns the exit code of a run; an output that could not be written comes first."""
    if any(output.error is not None for output in ran.outputs):
        return USAGE
    if ran.left:
        return WORK_LEFT
    return FAILED if ran.failed else DONE

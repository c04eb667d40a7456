"""The exit codes, and what leads to each."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runner.app.responses import Ran

DONE = 0
FAILED = 1  # all done, with failed jobs; or something is wrong, for `doctor` and `db check`
MISUSED = 2  # usage or configuration: every RunnerError
LEFT = 3  # stopped with work left
INTERRUPTED = 130  # as the shell reports a SIGINT
PIPE_CLOSED = 141  # as the shell reports a SIGPIPE


def code_of(ran: Ran) -> int:
    """The exit code of a run."""
    if ran.left:
        return LEFT
    return FAILED if ran.failed else DONE

"""`midnight run`: queues, runs, and prints the summary."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runner import invocation
from runner.app.submitting.reuse_policy import DEFAULT_REUSE, ReusePolicy
from runner.cli.arguments import JobArguments
from runner.cli.exit_codes import code_of
from runner.cli.output_target import OutputTarget
from runner.cli.session import Session, print_json
from runner.cli.submit_action import check, submit
from runner.clock import SystemClock
from runner.core.pacing import Pace
from runner.core.stop_reason import WaitsFor
from runner.errors import ConfigError
from runner.language import _

if TYPE_CHECKING:
    from rich.console import Console

    from runner.app.application import Application
    from runner.app.reviews.review_rows import ReviewCounts
    from runner.app.running.run_result import RunResult
    from runner.app.submitting.submission import Submission
    from runner.core.window import Window
    from runner.engine.progress import Watcher


@dataclass(frozen=True, slots=True)
class RunRequest:
    """The options of `midnight run`; without a job, it runs everything that is queued.

    `reuse_policy` is not part of `to_argv`, because it takes effect when the batch is queued.
    """

    job: JobArguments | None
    target: OutputTarget
    pace: Pace | None
    no_wait: bool
    forever: bool = False
    reuse_policy: ReusePolicy = DEFAULT_REUSE

    @property
    def effective_pace(self) -> Pace | None:
        """The given pace; with --no-wait the default is `asap`."""
        return Pace.ASAP if self.no_wait and self.pace is None else self.pace

    def check(self, given: JobArguments) -> None:
        """Refuses options that contradict each other, or that need a job file.

        `given` has the options of a job, also without a job file.

        Raises:
            ConfigError: There are such options.
        """
        self.reuse_policy.check()
        if self.forever and (self.job or self.no_wait):
            submit = invocation.command("submit", "JOBFILE", "INPUT", "-o", "OUT")
            remedy = _("queue the dataset with: {command}").format(command=submit)
            raise ConfigError(
                _("--forever processes all that is queued"), where="run", remedy=remedy
            )
        if self.job:
            return
        words = [*given.options(), *self.target.to_argv()]
        both = _("name the job file and the dataset too")
        if self.target.path is not None:
            export = invocation.command("export", "BATCH", "-o", "OUT")
            remedy = _("{both}, or use: {command}").format(both=both, command=export)
            raise ConfigError(_("-o needs a batch to write"), where="run", remedy=remedy)
        if words:
            raise ConfigError(
                _("{option} needs a dataset").format(option=words[0]), where="run", remedy=both
            )
        if self.reuse_policy:
            what = _("--fresh and --retry-failed need a dataset")
            retry = invocation.command("retry", "BATCH")
            remedy = _("{both}, or use: {command}").format(both=both, command=retry)
            raise ConfigError(what, where="run", remedy=remedy)

    @property
    def waits_for(self) -> WaitsFor:
        """What the run waits for when no call can be made."""
        if self.forever:
            return WaitsFor.WORK
        return WaitsFor.CALLS if self.no_wait else WaitsFor.PEOPLE

    def to_argv(self) -> list[str | Path]:
        """Returns the arguments that repeat the same command."""
        job = self.job.to_argv() if self.job else []
        pace = ["--pace", self.pace.value] if self.pace else []
        no_wait = ["--no-wait"] if self.no_wait else []
        forever = ["--forever"] if self.forever else []
        return ["run", *job, *self.target.to_argv(), *pace, *no_wait, *forever]


@dataclass(frozen=True, slots=True)
class RunReport:
    """The result of a run, and today's windows of the models that it called."""

    ran: RunResult
    windows: tuple[Window, ...]
    reviews: Mapping[int, ReviewCounts]


def run_batches(session: Session, request: RunRequest) -> int:
    """Checks, queues, runs, and prints the result; returns the exit code."""
    submission = None
    if request.forever and hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a closed terminal must not end it
    if request.job:
        submission = check(session, request.job, request.target)

    async def main() -> RunReport:
        async with session.open() as midnight:
            return await _run(session, midnight, request, submission)

    report = session.run(main)
    _print(session, request, report)
    return code_of(report.ran)


async def _run(
    session: Session, midnight: Application, request: RunRequest, submission: Submission | None
) -> RunReport:
    only = None
    if submission:
        queued = await submit(session, midnight, submission, request.reuse_policy, request.target)
        only = queued.batch
    if await midnight.is_worked_on():
        told = _("another runner is at work on this database: both share the allowance")
        session.err.print(told, style="dim", highlight=False, soft_wrap=True)
    with watching(session.err, midnight) as watcher:
        ran = await midnight.run(
            only=only,
            waits_for=request.waits_for,
            pace=request.effective_pace,
            watcher=watcher,
            attended=True,
        )
    finished = [batch for batch in ran.batches if batch.done and batch.part_of is None]
    reviews = await midnight.review_counts(finished) if finished else {}
    return RunReport(ran, await _windows(midnight, ran), reviews)


async def _windows(midnight: Application, ran: RunResult) -> tuple[Window, ...]:
    served = [batch for batch in ran.batches if batch.id not in ran.unserved]
    models = sorted({model for batch in served for model in batch.models})
    return await midnight.windows(models) if models else ()


@contextmanager
def watching(console: Console, midnight: Application) -> Iterator[Watcher]:
    """Shows a live view with keys on a terminal, or timestamped lines elsewhere."""
    if not console.is_terminal or console.is_dumb_terminal:
        from runner.cli.render.run_log import RunLog  # one is needed

        yield RunLog(console)
        return
    from runner.cli.render import keys
    from runner.cli.render.live_screen import LiveScreen
    from runner.cli.render.run_view import STOP_HINT
    from runner.cli.run_keys import KEYS_HINT, RunKeys

    screen = LiveScreen(console, hint=KEYS_HINT if keys.can_read() else STOP_HINT)
    run_keys = RunKeys(midnight, screen)
    with screen, keys.reading(run_keys.handlers):
        yield run_keys


def _print(session: Session, request: RunRequest, report: RunReport) -> None:
    ran, target = report.ran, request.target
    resume = session.command(*request.to_argv())
    own = ran.outputs[0] if target.path and ran.outputs else None
    if session.json:
        from runner.cli.json import queue_json  # not for people

        value = queue_json.ran(ran, report.windows)
        value["output"] = target.as_json(own.rows if own else None)
        value["resume"] = resume if ran.left else None
        print_json(value)
    else:
        from runner.cli.render import summaries  # not for --json

        now = SystemClock().now()
        data = summaries.Summary(ran, report.windows, session.command(), now, report.reviews)
        session.print(summaries.summary(data))
        if summaries.unfinished(ran):
            session.print(_("go on with: {resume}").format(resume=resume))
    for error in filter(None, (output.error for output in ran.outputs)):
        session.err.print(f"midnight: {error}", highlight=False, markup=False, soft_wrap=True)

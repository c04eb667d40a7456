"""`midnight run`: from its arguments to its exit code; and what submit, plan and try share."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.cli import as_json
from runner.cli.arguments import DatasetFiles, JobArguments
from runner.cli.exit_codes import code_of
from runner.cli.options import refuse_overwriting
from runner.cli.render.consoles import bar
from runner.cli.session import Session, print_json
from runner.clock import SystemClock
from runner.core.pacing import Pace
from runner.errors import JobFileError, OutputError

if TYPE_CHECKING:
    from rich.console import Console

    from runner.app.application import Application
    from runner.app.responses import Ran, Submitted
    from runner.app.submission import Checked, Progress
    from runner.core.window import Window
    from runner.engine.progress import Watcher
    from runner.store.batches import Batch


@dataclass(frozen=True, slots=True)
class OutputTarget:
    """Where the results go, if anywhere.

    Attributes:
        path: The file of the results; None: they are not exported.
        errors: The file of the requests that failed, for results as the OpenAI Batch API has them.
        details: Whether to add the account, the call and the reply of each row.
    """

    path: Path | None = None
    errors: Path | None = None
    details: bool = False

    def to_argv(self) -> list[str | Path]:
        """The options that name the same target again."""
        named = (("-o", self.path), ("--errors", self.errors))
        return [word for name, path in named if path for word in (name, path)]

    def as_json(self, rows: int | None) -> dict[str, Any] | None:
        """The file and how many rows were written to it; None if nothing is exported."""
        return {"path": str(self.path), "rows": rows} if self.path else None

    def check(self, kind: str, rows: int, sources: Iterable[Path]) -> None:
        """Check that results of `kind` can be written, and replace none of `sources`.

        Raises:
            OutputError: They cannot be written, or not in this format.
        """
        from runner.app.targets import check_target  # noqa: PLC0415 - a plain run writes nothing

        if self.path is None:
            if self.errors:
                raise OutputError("--errors goes with -o", where=str(self.errors))
            return
        for file in check_target(self.path, kind, rows=rows, errors=self.errors):
            refuse_overwriting(file, sources)


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What `midnight run` was asked for; without a job, everything that is queued."""

    job: JobArguments | None
    target: OutputTarget
    pace: Pace | None
    no_wait: bool

    @property
    def effective_pace(self) -> Pace | None:
        """The pace; with --no-wait, as fast as today allows unless a pace was given."""
        return Pace.ASAP if self.no_wait and self.pace is None else self.pace

    def to_argv(self) -> list[str | Path]:
        """The arguments that ask for the same again."""
        job = self.job.to_argv() if self.job else []
        pace = ["--pace", self.pace.value] if self.pace else []
        no_wait = ["--no-wait"] if self.no_wait else []
        return ["run", *job, *self.target.to_argv(), *pace, *no_wait]


NOT_EXPORTED = OutputTarget()


@dataclass(frozen=True, slots=True)
class RunReport:
    """How a run ended, today's windows of the models it called, and how many rows it exported."""

    ran: Ran
    windows: tuple[Window, ...]
    rows_written: int | None = None


def run_batches(session: Session, request: RunRequest) -> int:
    """Check, queue, run, export, and print how it ended; the exit code."""
    checked = None
    if request.job:
        checked = check(session, request.job, request.target)

    async def main() -> RunReport:
        async with session.open() as midnight:
            return await _run(session, midnight, request, checked)

    report = session.run(main)
    _print(session, request, report)
    return code_of(report.ran)


def check(session: Session, job: JobArguments, target: OutputTarget = NOT_EXPORTED) -> Checked:
    """Read the job file and the dataset, and check that the results can be written to `target`.

    Raises:
        JobFileError: The job file is wrong.
        InputError: The dataset is wrong.
        OutputError: The results cannot be written there, or not in this format.
    """
    from runner.app.accounts import require_endpoint  # noqa: PLC0415 - as below
    from runner.app.data_use import data_uses  # noqa: PLC0415 - a plain run sends what was told of
    from runner.jobfile import load  # noqa: PLC0415 - a plain run reads no job file

    requests = job.find_requests()
    files = requests or job.find_dataset()
    first = files.paths[0]
    if first.suffix == ".toml" and job.first.suffix != ".toml":
        remedy = f"change places: {first} {job.first}"
        raise JobFileError("the job file comes first", where=str(job.first), remedy=remedy)
    kind = "request" if requests else load(job.first).job.kind
    target.check(kind, 0, files.paths)
    with bar(session.err, f"reading {files.name}") as tick:
        checked = _read(job, files, tick, requests=requests is not None)
    target.check(kind, checked.dataset.rows, files.paths)
    require_endpoint(session.settings, checked.url)
    uses = [found.told for found in data_uses(session.settings)]
    for remark in (*checked.remarks, *uses):
        session.err.print(f"note: {remark}", style="yellow", highlight=False, soft_wrap=True)
    return replace(checked, beside=target.path.parent if target.path else None)


def _read(job: JobArguments, files: DatasetFiles, tick: Progress, *, requests: bool) -> Checked:
    from runner.app.submission import check_batch_file, check_submission  # noqa: PLC0415

    if requests:
        return check_batch_file(
            files.paths, job.model, tick, selection=files.selection, dedupe=job.dedupe
        )
    return check_submission(
        job.first,
        files.paths,
        tick,
        options=files.options,
        selection=files.selection,
        constant_prompt=job.constant_prompt,
    )


async def submit(session: Session, midnight: Application, checked: Checked) -> Submitted:
    """Queue what was checked, with a progress bar."""
    with bar(session.err, "queueing") as tick:
        return await midnight.submit(checked, tick)


async def _run(
    session: Session, midnight: Application, request: RunRequest, checked: Checked | None
) -> RunReport:
    only = (await submit(session, midnight, checked)).batch if checked else None
    with watching(session.err) as watcher:
        ran = await midnight.run(
            only=only,
            wait=not request.no_wait,
            pace=request.effective_pace,
            watcher=watcher,
            signals=True,
        )
    rows = await export(session, midnight, ran.batches[0], request.target) if checked else None
    return RunReport(ran, await _windows(midnight, ran), rows)


async def export(
    session: Session, midnight: Application, batch: Batch, target: OutputTarget
) -> int | None:
    """Write the results if they are to be exported; how many rows there were."""
    if target.path is None:
        return None
    with bar(session.err, f"writing {target.path.name}") as tick:
        return await midnight.export(
            batch, target.path, tick, errors=target.errors, details=target.details
        )


async def _windows(midnight: Application, ran: Ran) -> tuple[Window, ...]:
    served = [batch for batch in ran.batches if batch.id not in ran.unserved]
    models = sorted({model for batch in served for model in batch.models})
    return await midnight.windows(models) if models else ()


def watching(console: Console) -> AbstractContextManager[Watcher]:
    """A live view on a terminal, timestamped lines anywhere else."""
    if console.is_terminal and not console.is_dumb_terminal:
        from runner.cli.render.live_screen import LiveScreen  # noqa: PLC0415 - one is needed

        return LiveScreen(console)
    from runner.cli.render.run_log import RunLog  # noqa: PLC0415

    return nullcontext(RunLog(console))


def _print(session: Session, request: RunRequest, report: RunReport) -> None:
    ran, target = report.ran, request.target
    resume = session.command(*request.to_argv())
    if session.json:
        value = as_json.ran(ran, report.windows)
        value["output"] = target.as_json(report.rows_written)
        value["resume"] = resume if ran.left else None
        print_json(value)
        return
    from runner.cli.render import report_tables, summaries  # noqa: PLC0415 - not for --json

    written = None
    if target.path and report.rows_written is not None:
        written = report_tables.written(target.path, report.rows_written, ran.batches[0])
    now = SystemClock().now()
    found = summaries.Summary(ran, report.windows, session.command(), written, now)
    session.print(summaries.summary(found))
    if summaries.unfinished(ran):
        session.print(f"go on with: {resume}")

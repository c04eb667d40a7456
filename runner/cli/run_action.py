"""A run from its arguments to its exit code."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.app.midnight import Midnight
from runner.app.responses import Ran, Submitted
from runner.app.submission import Checked, Progress, check_batch_file, check_submission
from runner.app.targets import check_target
from runner.cli import as_json
from runner.cli.arguments import Source, Task
from runner.cli.exit_codes import code_of
from runner.cli.options import refuse_overwriting
from runner.cli.render.bars import bar
from runner.cli.session import Session, complete, emit
from runner.clock import SystemClock
from runner.core.pacing import Pace
from runner.core.window import Window
from runner.engine.progress import Watcher
from runner.errors import JobFileError, OutputError
from runner.jobfile import load

if TYPE_CHECKING:
    from rich.console import Console

    from runner.store.batches import Batch


@dataclass(frozen=True, slots=True)
class Target:
    """Where the results go, if anywhere; those of requests that failed; and how much of them."""

    path: Path | None = None
    errors: Path | None = None
    details: bool = False

    def words(self) -> list[str | Path]:
        """The options that name the same again."""
        named = (("-o", self.path), ("--errors", self.errors))
        return [word for name, path in named if path for word in (name, path)]

    def told(self, rows: int | None) -> dict[str, Any] | None:
        """The file as JSON, and how many rows were written to it; None: there is none."""
        return {"path": str(self.path), "rows": rows} if self.path else None

    def check(self, kind: str, rows: int, sources: Iterable[Path]) -> None:
        """Find out whether the results can be written, of `kind` and from `sources`.

        Raises:
            OutputError: They cannot, or not as they are wanted.
        """
        if self.path is None:
            if self.errors:
                raise OutputError("--errors goes with -o", where=str(self.errors))
            return
        files = check_target(self.path, kind, rows=rows, errors=self.errors)
        for file in files:
            refuse_overwriting(file, sources)


@dataclass(frozen=True, slots=True)
class Request:
    """What `midnight run` was asked; without a task it means all that is queued."""

    task: Task | None
    target: Target
    pace: Pace | None
    no_wait: bool

    @property
    def effective_pace(self) -> Pace | None:
        """Not to wait means to do what today allows, unless a pace was asked for."""
        return Pace.ASAP if self.no_wait and self.pace is None else self.pace

    def words(self) -> list[str | Path]:
        """The arguments that ask the same again."""
        task = self.task.words() if self.task else []
        pace = ["--pace", self.pace.value] if self.pace else []
        no_wait = ["--no-wait"] if self.no_wait else []
        return ["run", *task, *self.target.words(), *pace, *no_wait]


NOWHERE = Target()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to."""

    ran: Ran
    windows: tuple[Window, ...]
    rows_written: int | None = None


def perform_run(session: Session, request: Request) -> int:
    """Check, queue, run, export, and say how it ended."""
    checked = None
    if request.task:
        checked = check(session, request.task, request.target)

    async def main() -> Outcome:
        async with session.open() as midnight:
            return await _run(session, midnight, request, checked)

    outcome = complete(main)
    _tell(session, request, outcome)
    return code_of(outcome.ran)


def check(session: Session, task: Task, target: Target = NOWHERE) -> Checked:
    """The job file and the dataset, read and found right; and whether `target` can be written.

    Raises:
        JobFileError: The job file is wrong.
        InputError: The dataset is.
        OutputError: The results cannot be written where, or as, they are wanted.
    """
    requests = task.requests()
    source = requests or task.dataset()
    first = source.paths[0]
    if first.suffix == ".toml" and task.first.suffix != ".toml":
        remedy = f"change places: {first} {task.first}"
        raise JobFileError("the job file comes first", where=str(task.first), remedy=remedy)
    kind = "request" if requests else load(task.first).job.kind
    target.check(kind, 0, source.paths)
    with bar(session.aside, f"reading {source.name}") as tick:
        checked = _read(task, source, tick, requests=requests is not None)
    target.check(kind, checked.dataset.rows, source.paths)
    return replace(checked, beside=target.path.parent if target.path else None)


def _read(task: Task, source: Source, tick: Progress, *, requests: bool) -> Checked:
    if requests:
        return check_batch_file(source.paths, task.model, tick, selection=source.selection)
    return check_submission(
        task.first, source.paths, tick, form=source.form, selection=source.selection
    )


async def queued(session: Session, midnight: Midnight, checked: Checked) -> Submitted:
    """The batch in the queue."""
    with bar(session.aside, "queueing") as tick:
        return await midnight.submit(checked, tick)


async def _run(
    session: Session, midnight: Midnight, request: Request, checked: Checked | None
) -> Outcome:
    only = (await queued(session, midnight, checked)).batch if checked else None
    with watching(session.aside) as watcher:
        ran = await midnight.run(
            only=only,
            wait=not request.no_wait,
            pace=request.effective_pace,
            watcher=watcher,
            signals=True,
        )
    rows = await write(session, midnight, ran.batches[0], request.target) if checked else None
    return Outcome(ran, await _windows(midnight, ran), rows)


async def write(session: Session, midnight: Midnight, batch: Batch, target: Target) -> int | None:
    """Write the results, if they are to go anywhere; how many rows there were."""
    if target.path is None:
        return None
    with bar(session.aside, f"writing {target.path.name}") as tick:
        return await midnight.export(
            batch, target.path, tick, errors=target.errors, details=target.details
        )


async def _windows(midnight: Midnight, ran: Ran) -> tuple[Window, ...]:
    models = sorted({model for batch in ran.batches for model in batch.models})
    return await midnight.windows(models) if models else ()


def watching(console: Console) -> AbstractContextManager[Watcher]:
    """A live view on a terminal, timestamped lines anywhere else."""
    if console.is_terminal and not console.is_dumb_terminal:
        from runner.cli.render.live_screen import LiveScreen  # noqa: PLC0415 - one of the two is needed

        return LiveScreen(console)
    from runner.cli.render.run_log import RunLog  # noqa: PLC0415

    return nullcontext(RunLog(console))


def _tell(session: Session, request: Request, outcome: Outcome) -> None:
    resume = session.command(*request.words())
    if session.json:
        value = as_json.ran(outcome.ran, outcome.windows)
        value["output"] = request.target.told(outcome.rows_written)
        value["resume"] = resume if outcome.ran.left else None
        emit(value)
        return
    from runner.cli.render import summaries, tables  # noqa: PLC0415 - not for --json

    written = None
    if request.target.path and outcome.rows_written is not None:
        written = tables.written(request.target.path, outcome.rows_written, outcome.ran.batches[0])
    found = summaries.Summary(
        outcome.ran, outcome.windows, session.command(), written, SystemClock().now()
    )
    session.say(summaries.summary(found))
    if summaries.unfinished(outcome.ran):
        session.say(f"go on with: {resume}")

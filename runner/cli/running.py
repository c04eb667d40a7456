"""A run from its arguments to its exit code."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runner import files
from runner.app.answers import Ran, Submitted
from runner.app.midnight import Midnight
from runner.app.submission import Checked, check_submission
from runner.cli import as_json
from runner.cli.exits import code_of
from runner.cli.options import refuse_overwriting
from runner.cli.render.bars import bar
from runner.cli.session import Session, complete, emit
from runner.cli.wanted import Source, Wanted
from runner.clock import SystemClock
from runner.core.pacing import Pace
from runner.core.window import Window
from runner.errors import JobFileError
from runner.runtime.progress import Watcher

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, slots=True)
class Request:
    """What `midnight run` was asked; without a job file it means all that is queued."""

    jobfile: Path | None
    wanted: Wanted
    output: Path | None
    pace: Pace | None
    no_wait: bool

    @property
    def effective_pace(self) -> Pace | None:
        """Not to wait means to do what today allows, unless a pace was asked for."""
        return Pace.ASAP if self.no_wait and self.pace is None else self.pace

    def words(self) -> list[str | Path]:
        """The arguments that ask the same again."""
        places = [self.jobfile, *self.wanted.words()] if self.jobfile else []
        out: list[str | Path] = ["-o", self.output] if self.output else []
        pace = ["--pace", self.pace.value] if self.pace else []
        return ["run", *places, *out, *pace, *(["--no-wait"] if self.no_wait else [])]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to."""

    ran: Ran
    windows: tuple[Window, ...]
    rows_written: int | None = None


def perform_run(session: Session, request: Request) -> int:
    """Check, queue, run, export, and say how it ended."""
    checked = None
    if request.jobfile:
        checked = check(session, request.jobfile, request.wanted.find(), request.output)

    async def main() -> Outcome:
        async with session.open() as midnight:
            return await _run(session, midnight, request, checked)

    outcome = complete(main)
    _tell(session, request, outcome)
    return code_of(outcome.ran)


def check(session: Session, jobfile: Path, source: Source, output: Path | None = None) -> Checked:
    """The job file and the dataset, read and found right; and whether `output` can be written.

    Raises:
        JobFileError: The job file is wrong.
        InputError: The dataset is.
        OutputError: The results cannot be written where, or as, they are wanted.
    """
    first = source.paths[0]
    if first.suffix == ".toml" and jobfile.suffix != ".toml":
        remedy = f"change places: {first} {jobfile}"
        raise JobFileError("the job file comes first", where=str(jobfile), remedy=remedy)
    if output:
        files.check_output(output)
        refuse_overwriting(output, source.paths)
    with bar(session.aside, f"reading {source.name}") as tick:
        checked = check_submission(
            jobfile, source.paths, tick, form=source.form, selection=source.selection
        )
    if output:
        files.check_output(output, rows=checked.dataset.rows, vectors=False)
    return checked


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
    written = await _export(session, midnight, ran, request.output) if request.output else None
    return Outcome(ran, await _windows(midnight, ran), written)


async def _export(session: Session, midnight: Midnight, ran: Ran, output: Path) -> int:
    with bar(session.aside, f"writing {output.name}") as tick:
        return await midnight.export(ran.batches[0], output, tick)


async def _windows(midnight: Midnight, ran: Ran) -> tuple[Window, ...]:
    models = sorted({model for batch in ran.batches for model in batch.models})
    return await midnight.windows(models) if models else ()


def watching(console: Console) -> AbstractContextManager[Watcher]:
    """A live view on a terminal, timestamped lines anywhere else."""
    if console.is_terminal and not console.is_dumb_terminal:
        from runner.cli.render.live import Screen  # noqa: PLC0415 - one of the two is needed

        return Screen(console)
    from runner.cli.render.log import Log  # noqa: PLC0415

    return nullcontext(Log(console))


def _tell(session: Session, request: Request, outcome: Outcome) -> None:
    resume = session.command(*request.words())
    if session.json:
        output = {"path": str(request.output), "rows": outcome.rows_written}
        value = as_json.ran(outcome.ran, outcome.windows)
        value["output"] = output if request.output else None
        value["resume"] = resume if outcome.ran.left else None
        emit(value)
        return
    from runner.cli.render import summaries, tables  # noqa: PLC0415 - not for --json

    written = None
    if request.output and outcome.rows_written is not None:
        written = tables.written(request.output, outcome.rows_written, outcome.ran.batches[0])
    found = summaries.Summary(
        outcome.ran, outcome.windows, session.command(), written, SystemClock().now()
    )
    session.say(summaries.summary(found))
    if summaries.unfinished(outcome.ran):
        session.say(f"go on with: {resume}")

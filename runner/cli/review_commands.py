"""The command to review rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from runner.cli.options import BatchName, SampleSize, Where, examples
from runner.cli.session import session_of
from runner.language import _

app = typer.Typer(rich_markup_mode=None)


@app.command(
    epilog=examples(
        "midnight review 1",
        "midnight review 1 --all --sample 100 --as ann",
        "midnight review 1 --export marked.csv && midnight review 1 --import marked.csv",
    )
)
def review(
    context: typer.Context,
    batch: BatchName,
    row: Annotated[
        int | None,
        typer.Argument(help=_("Only this row, counted from 1, also again."), metavar="ROW", min=1),
    ] = None,
    every: Annotated[
        bool,
        typer.Option("--all", help=_("Every row that has ended, not only those that are marked.")),
    ] = False,
    where: Where = None,
    sample: SampleSize = None,
    reviewer: Annotated[
        str | None,
        typer.Option(
            "--as", help=_("Who reviews; default: the user of the system."), metavar="NAME"
        ),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--import", help=_("Read answers from a file with row and answer."), metavar="FILE"
        ),
    ] = None,
    target: Annotated[
        Path | None,
        typer.Option(
            "--export",
            help=_("Write the rows to a file, to be answered elsewhere."),
            metavar="FILE",
        ),
    ] = None,
) -> int:
    """Go through rows whose answer is in doubt, a key an answer; it goes on where you stopped.

    Marked are rows whose votes disagree, that have no answer, that were answered otherwise when
    they were asked alone (check), or whose right answer (gold) is another one. What you answer is
    the answer from then on, in every output.
    """
    from runner.cli.review_action import ReviewRequest
    from runner.cli.review_action import review as review_rows

    request = ReviewRequest(batch, row, every, tuple(where or ()), sample, reviewer, source, target)
    return review_rows(session_of(context), request)

"""Commands that show a batch or a row in full, and that compare two batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from runner.cli import exit_codes
from runner.cli.options import BatchName, examples
from runner.cli.session import session_of
from runner.language import _

if TYPE_CHECKING:
    from runner.app.application import Application
    from runner.app.batches.difference import Difference
    from runner.app.batches.profile import Profile
    from runner.app.batches.story import RowStory

app = typer.Typer(rich_markup_mode=None)


@app.command(epilog=examples("midnight show 1", "midnight show 1 37"))
def show(
    context: typer.Context,
    batch: BatchName,
    row: Annotated[
        int | None,
        typer.Argument(help=_("A row, counted from 1: its whole story."), metavar="ROW"),
    ] = None,
) -> int:
    """Show a batch in full; or a row: its prompt, every call, every reply."""
    session = session_of(context)
    if row is not None:
        return _show_row(context, batch, row)

    async def profile(midnight: Application) -> Profile:
        return await midnight.profile(await midnight.batch(batch))

    details = session.query(profile)
    from runner.cli.json import history_json
    from runner.cli.render import batch_view
    from runner.clock import SystemClock

    session.answer(
        lambda: history_json.profile(details),
        lambda: batch_view.profile(details, session.command(), SystemClock().now()),
    )
    return exit_codes.DONE


def _show_row(context: typer.Context, batch: str, row: int) -> int:
    session = session_of(context)

    async def story(midnight: Application) -> RowStory:
        return await midnight.story(await midnight.batch(batch), row)

    history = session.query(story)
    from runner.cli.json import history_json
    from runner.cli.render import story_view
    from runner.clock import SystemClock

    session.answer(
        lambda: history_json.story(history),
        lambda: story_view.story(history, SystemClock().now()),
    )
    return exit_codes.DONE


@app.command(epilog=examples("midnight diff 1 2"))
def diff(
    context: typer.Context,
    first: Annotated[str, typer.Argument(help=_("The earlier batch."), metavar="BATCH")],
    second: Annotated[str, typer.Argument(help=_("The later one."), metavar="BATCH")],
) -> int:
    """Show how the answers of two batches to the same rows differ."""
    session = session_of(context)

    async def difference(midnight: Application) -> Difference:
        return await midnight.difference(await midnight.batch(first), await midnight.batch(second))

    result = session.query(difference)
    from runner.cli.json import history_json
    from runner.cli.render import difference_view

    session.answer(
        lambda: history_json.difference(result),
        lambda: difference_view.difference(result),
    )
    return exit_codes.DONE

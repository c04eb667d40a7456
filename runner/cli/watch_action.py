"""`midnight watch`: shows a run of another process as that process shows it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

import anyio

from runner.app.status.publishing import STALE_MS
from runner.cli import exit_codes
from runner.cli.json import queue_json
from runner.cli.session import Session
from runner.clock import SystemClock
from runner.engine.progress import Progress
from runner.language import _
from runner.wording import fmt

if TYPE_CHECKING:
    from rich.console import Console

    from runner.app.application import Application
    from runner.app.status.status import Status

EVERY_S = 1.0
HINT = _("q: watch no more; the run goes on")


def watch(session: Session) -> int:
    """Shows other processes' runs until they end or the user stops; returns the exit code."""
    from runner.cli.render import status_tables  # not for --help

    status = session.query(lambda midnight: _watch(session.err, midnight))
    session.answer(
        lambda: queue_json.status(status), lambda: status_tables.status(status, session.command())
    )
    return exit_codes.DONE


async def _watch(console: Console, midnight: Application) -> Status:
    """Shows the runs; returns the status when none is left, or the user stops."""
    from runner.cli.render import keys
    from runner.cli.render.live_screen import LiveScreen
    from runner.cli.render.run_log import RunLog

    over = False

    def leave() -> None:
        nonlocal over
        over = True

    live = console.is_terminal and not console.is_dumb_terminal
    hint = HINT if keys.can_read() else _("Ctrl-C: watch no more")
    screen = LiveScreen(console, hint=hint)
    with screen if live else nullcontext(), keys.reading({"q": leave}):
        watcher = screen if live else RunLog(console)
        while not over and (runs := await midnight.watched()):
            silence = SystemClock().now() - max(run.at for run in runs)
            screen.say(silent(silence, hint) if silence > STALE_MS else None)
            watcher(merged(runs))
            await anyio.sleep(EVERY_S)
    return await midnight.status()


def silent(silence: int, hint: str) -> str:
    """Returns the note that a runner is silent, so that the view is outdated."""
    note = _("the runner has said nothing for {duration}: this is how things stood then")
    return f"{note.format(duration=fmt.duration(silence))} · {hint}"


def merged(runs: Sequence[Progress]) -> Progress:
    """Returns the progress of several processes as one."""
    first, *others = runs
    if not others:
        return first
    batches = {batch.id: batch for run in runs for batch in run.batches}
    paused = {batch.id: batch for run in runs for batch in run.paused if batch.id not in batches}
    untils = [run.until for run in runs if run.until is not None]
    return Progress(
        at=max(run.at for run in runs),
        batches=tuple(batches.values()),
        waiting=tuple(reason for run in runs for reason in run.waiting),
        until=min(untils, default=None),
        windows=first.windows,
        in_flight=sum(run.in_flight for run in runs),
        forecast=None,
        trouble=next((run.trouble for run in runs if run.trouble), None),
        stopping=all(run.stopping for run in runs),
        paused=tuple(paused.values()),
    )

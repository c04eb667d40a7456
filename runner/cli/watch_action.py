"""`midnight watch`: a run of another process, shown as it is shown there."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

import anyio

from runner.app.publishing import STALE_MS
from runner.cli import as_json, exit_codes
from runner.cli.session import Session
from runner.clock import SystemClock
from runner.engine.progress import Progress
from runner.language import _
from runner.wording import fmt

if TYPE_CHECKING:
    from rich.console import Console

    from runner.app.application import Application
    from runner.app.responses import Status

EVERY_S = 1.0
HINT = _("q: watch no more; the run goes on")


def watch(session: Session) -> int:
    """Show what runs elsewhere until it ends, or somebody has seen enough; the exit code."""
    from runner.cli.render import status_tables  # noqa: PLC0415 - not for --help

    found = session.query(lambda midnight: _watch(session.err, midnight))
    session.answer(
        lambda: as_json.status(found), lambda: status_tables.status(found, session.command())
    )
    return exit_codes.DONE


async def _watch(console: Console, midnight: Application) -> Status:
    """Show the runs; how things stand when nobody is at work any more, or looks on."""
    from runner.cli.render import keys  # noqa: PLC0415
    from runner.cli.render.live_screen import LiveScreen  # noqa: PLC0415
    from runner.cli.render.run_log import RunLog  # noqa: PLC0415

    over = False

    def leave() -> None:
        nonlocal over
        over = True

    live = console.is_terminal and not console.is_dumb_terminal
    hint = HINT if keys.can_read() else _("Ctrl-C: watch no more")
    screen = LiveScreen(console, hint=hint)
    with screen if live else nullcontext(), keys.reading({"q": leave}):
        watcher = screen if live else RunLog(console)
        while not over and (found := await midnight.watched()):
            silence = SystemClock().now() - max(one.at for one in found)
            screen.say(silent(silence, hint) if silence > STALE_MS else None)
            watcher(merged(found))
            await anyio.sleep(EVERY_S)
    return await midnight.status()


def silent(silence: int, hint: str) -> str:
    """That what is shown is as old as the runner's silence."""
    told = _("the runner has said nothing for {duration}: this is how things stood then")
    return f"{told.format(duration=fmt.duration(silence))} · {hint}"


def merged(found: Sequence[Progress]) -> Progress:
    """The runs of several processes as one."""
    first, *others = found
    if not others:
        return first
    batches = {batch.id: batch for one in found for batch in one.batches}
    paused = {batch.id: batch for one in found for batch in one.paused if batch.id not in batches}
    untils = [one.until for one in found if one.until is not None]
    return Progress(
        at=max(one.at for one in found),
        batches=tuple(batches.values()),
        waiting=tuple(reason for one in found for reason in one.waiting),
        until=min(untils, default=None),
        windows=first.windows,
        in_flight=sum(one.in_flight for one in found),
        forecast=None,
        trouble=next((one.trouble for one in found if one.trouble), None),
        stopping=all(one.stopping for one in found),
        paused=tuple(paused.values()),
    )

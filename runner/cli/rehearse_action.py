"""A rehearsal from its arguments to its exit code."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from runner.app.rehearsal import Rehearsal, configured_simulator, rehearse
from runner.cli import report_json
from runner.cli.arguments import Task
from runner.cli.exit_codes import code_of
from runner.cli.render import fmt, rehearsal_view, tables
from runner.cli.run_action import Target, check
from runner.cli.session import Session, emit
from runner.clock import SystemClock
from runner.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Wishes:
    """What `midnight rehearse` was asked; a change that is None was not asked for."""

    task: Task
    target: Target
    start: str | None
    changes: Mapping[str, object]


def perform_rehearsal(session: Session, wishes: Wishes) -> int:
    """Check, rehearse, and give the account of it."""
    start = read_moment(wishes.start)
    asked = {name: value for name, value in wishes.changes.items() if value is not None}
    simulator = configured_simulator(session.settings, **asked)
    checked = check(session, wishes.task, wishes.target)
    job = checked.jobfile.job
    session.say(
        rehearsal_view.opening(job.name, fmt.either(job.choices), checked.dataset.rows, start)
    )
    watch, began = (
        rehearsal_view.RehearsalView(session.people, checked.dataset.rows),
        time.monotonic(),
    )
    with watch:
        watch.heading()
        found = rehearse(
            session.settings,
            checked,
            simulator,
            start,
            output=wishes.target.path,
            errors=wishes.target.errors,
            watcher=watch,
            on_provider=watch.provider,
        )
        watch.finish(found)
    _tell(session, wishes, found, time.monotonic() - began)
    return code_of(found.ran)


def read_moment(text: str | None) -> int:
    """An ISO 8601 moment as ms since the epoch; the present one without a text.

    Raises:
        ConfigError: It is no moment.
    """
    if text is None:
        return SystemClock().now()
    try:
        return round(datetime.fromisoformat(text).timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        remedy = "write it as 2026-11-24T08:00 or 2026-11-24T08:00+08:00"
        raise ConfigError(f"{text!r} is no moment", where="--start", remedy=remedy) from None


def _tell(session: Session, wishes: Wishes, found: Rehearsal, real_s: float) -> None:
    if session.json:
        value = report_json.rehearsal(found, real_s)
        value["output"] = wishes.target.told(found.rows_written)
        emit(value)
        return
    written = None
    if path := wishes.target.path:
        written = tables.written(path, found.rows_written, found.ran.batches[0])
    session.say(rehearsal_view.closing(found, real_s, written))
    again = session.command("run", *wishes.task.words(), "-o")
    session.say(f"for real: {again} OUT")

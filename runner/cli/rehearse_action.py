"""`midnight rehearse`: runs the rehearsal and prints its result."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from runner.app.previews.rehearsal import Rehearsal, configured_simulator, rehearse
from runner.cli.arguments import JobArguments
from runner.cli.exit_codes import code_of
from runner.cli.json import report_json
from runner.cli.output_target import OutputTarget, write_text
from runner.cli.render import rehearsal_view, report_tables
from runner.cli.session import Session, print_json
from runner.cli.submit_action import check
from runner.clock import SystemClock
from runner.drawing import report_page
from runner.errors import ConfigError
from runner.language import _
from runner.wording import fmt


@dataclass(frozen=True, slots=True)
class RehearsalRequest:
    """The options of `midnight rehearse`; `changes` has None for those not given."""

    job: JobArguments
    target: OutputTarget
    start: str | None
    changes: Mapping[str, object]
    html: Path | None = None


def rehearse_batch(session: Session, request: RehearsalRequest) -> int:
    """Checks, rehearses, and prints the result; returns the exit code."""
    start = read_moment(request.start)
    given = {name: value for name, value in request.changes.items() if value is not None}
    simulator = configured_simulator(session.settings, **given)
    submission = check(session, request.job, request.target)
    job, rows = submission.jobfile.job, submission.dataset.rows
    session.print(rehearsal_view.opening(job.name, fmt.model_names(job.choices), rows, start))
    view, began = rehearsal_view.RehearsalView(session.out, rows), time.monotonic()
    with view:
        view.heading()
        rehearsal = rehearse(
            session.settings,
            submission,
            simulator,
            start,
            output=request.target.path,
            errors=request.target.errors,
            watcher=view,
            on_provider=view.provider,
        )
        view.finish(rehearsal)
    if request.html:
        write_text(request.html, report_page.page(rehearsal.report))
    _print(session, request, rehearsal, time.monotonic() - began)
    return code_of(rehearsal.ran)


def read_moment(text: str | None) -> int:
    """Parses an ISO 8601 time into ms since the epoch; without a text, returns the current time.

    Raises:
        ConfigError: It is not a valid time.
    """
    if text is None:
        return SystemClock().now()
    try:
        return round(datetime.fromisoformat(text).timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        remedy = _("write it as 2026-11-24T08:00 or 2026-11-24T08:00+08:00")
        raise ConfigError(
            _("{text!r} is not a moment").format(text=text), where="--start", remedy=remedy
        ) from None


def _print(
    session: Session, request: RehearsalRequest, rehearsal: Rehearsal, real_s: float
) -> None:
    if session.json:
        value = report_json.rehearsal(rehearsal, real_s)
        value["output"] = request.target.as_json(rehearsal.rows_written)
        print_json(value)
        return
    written = None
    if path := request.target.path:
        written = report_tables.written(path, rehearsal.rows_written, rehearsal.ran.batches[0])
    session.print(rehearsal_view.closing(rehearsal, real_s, written))
    again = session.command("run", *request.job.to_argv(), "-o")
    session.print(_("for real: {again} OUT").format(again=again))

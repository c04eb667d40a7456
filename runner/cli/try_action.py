"""`midnight try`: runs the trial, and prints each call."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from runner import exact_json
from runner.app.previews.trial import Trial, run_trial
from runner.cli.arguments import JobArguments
from runner.cli.exit_codes import code_of
from runner.cli.json import queue_json
from runner.cli.session import Session, print_json
from runner.cli.submit_action import check
from runner.clock import SystemClock
from runner.core.retry import Succeed
from runner.engine.call import CallTrace
from runner.language import _


def try_rows(session: Session, task: JobArguments) -> int:
    """Checks, asks, and prints the calls; returns the exit code."""
    submission = check(session, task)
    trial = session.query(lambda midnight: run_trial(midnight, submission), must_exist=False)
    if session.json:
        print_json(as_object(trial))
        return code_of(trial.ran)
    from runner.cli.render import trial_view  # not for --json

    session.print(trial_view.shown(trial, session.out.width, SystemClock().now()))
    if not trial.ran.left:
        whole = replace(task, dataset=replace(task.dataset, limit=None))
        every = session.command("run", *whole.to_argv(), "-o")
        session.print(_("all rows: {every} OUT").format(every=every))
    return code_of(trial.ran)


def as_object(trial: Trial) -> dict[str, Any]:
    """Returns a trial as a JSON object: its calls, then its rows."""
    return queue_json.ran(trial.ran, ()) | {
        "waits_for": [queue_json.waiting(item) for item in trial.ran.waiting],
        "calls": [_call(trial, item) for item in trial.calls],
        "results": [
            {
                "row": trial.number(row.job_id),
                "input": exact_json.loads(row.payload),
                "state": row.state,
                "answer": row.answer,
                "error": row.error,
                "model": row.model,
                "reused": row.reused,
            }
            for row in trial.rows
        ],
    }


def _call(trial: Trial, trace: CallTrace) -> dict[str, Any]:
    verdict, reply = trace.result.verdict, trace.result.reply
    return {
        "account": trace.call.permit.route[0],
        "model": trace.call.permit.route[1],
        "prompt": trace.sent,
        "reply": said(trace),
        "verdict": verdict.kind.value,
        "why": verdict.why or None,
        "status": reply.status if reply else None,
        "rows": [
            {
                "row": trial.number(end.job.job_id),
                "answer": end.action.answer if isinstance(end.action, Succeed) else None,
                "why_not": getattr(end.action, "why", None) or None,
            }
            for end in trace.jobs
        ],
    }


def said(trace: CallTrace) -> str | None:
    """Returns the text of the model's reply; None if there is none."""
    reply = trace.result.reply
    return trace.result.body or (reply.content if reply else None)

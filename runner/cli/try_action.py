"""`midnight try`: from its arguments to what was said in each call."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from runner import exact_json
from runner.app.trial import Trial, run_trial
from runner.cli import as_json
from runner.cli.arguments import JobArguments
from runner.cli.exit_codes import code_of
from runner.cli.session import Session, print_json
from runner.cli.submit_action import check
from runner.clock import SystemClock
from runner.core.retry import Succeed
from runner.engine.call import CallTrace
from runner.language import _


def try_rows(session: Session, task: JobArguments) -> int:
    """Check, ask, and print what was said; the exit code."""
    checked = check(session, task)
    found = session.query(lambda midnight: run_trial(midnight, checked), must_exist=False)
    if session.json:
        print_json(as_object(found))
        return code_of(found.ran)
    from runner.cli.render import trial_view  # noqa: PLC0415 - not for --json

    session.print(trial_view.shown(found, session.out.width, SystemClock().now()))
    if not found.ran.left:
        whole = replace(task, dataset=replace(task.dataset, limit=None))
        every = session.command("run", *whole.to_argv(), "-o")
        session.print(_("all rows: {every} OUT").format(every=every))
    return code_of(found.ran)


def as_object(found: Trial) -> dict[str, Any]:
    """A trial as JSON: its calls, then its rows."""
    return as_json.ran(found.ran, ()) | {
        "waits_for": [as_json.waiting(each) for each in found.ran.waiting],
        "calls": [_call(found, each) for each in found.calls],
        "results": [
            {
                "row": found.number(row.job_id),
                "input": exact_json.loads(row.payload),
                "state": row.state,
                "answer": row.answer,
                "error": row.error,
                "model": row.model,
                "reused": row.reused,
            }
            for row in found.rows
        ],
    }


def _call(found: Trial, each: CallTrace) -> dict[str, Any]:
    verdict, reply = each.result.verdict, each.result.reply
    return {
        "account": each.call.permit.route[0],
        "model": each.call.permit.route[1],
        "prompt": each.sent,
        "reply": said(each),
        "verdict": verdict.kind.value,
        "why": verdict.why or None,
        "status": reply.status if reply else None,
        "rows": [
            {
                "row": found.number(end.job.job_id),
                "answer": end.action.answer if isinstance(end.action, Succeed) else None,
                "why_not": getattr(end.action, "why", None) or None,
            }
            for end in each.jobs
        ],
    }


def said(each: CallTrace) -> str | None:
    """The text that the model replied with, if it did."""
    reply = each.result.reply
    return each.result.body or (reply.content if reply else None)

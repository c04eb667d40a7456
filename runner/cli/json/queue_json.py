"""Results of commands as JSON objects: times in ISO 8601 with an offset, names as in the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner import exact_json
from runner.cli.json import account_json
from runner.wording.fmt import iso

if TYPE_CHECKING:
    from runner.app.previews.planning import Plan
    from runner.app.results.output_keeper import WrittenOutput
    from runner.app.running.run_result import RunResult
    from runner.app.status.publishing import Published
    from runner.app.status.status import BatchStatus, Status
    from runner.app.submitting.submitted import Submitted
    from runner.core.demand import WaitReason
    from runner.core.forecast import Forecast
    from runner.core.window import Window
    from runner.errors import RunnerError
    from runner.store.batches import Batch
    from runner.store.failures import Failure

JSON = dict[str, Any]


def error(error: RunnerError) -> JSON:
    """Returns an error with its remedy."""
    return {
        "error": {
            "kind": type(error).__name__,
            "what": error.what,
            "where": error.where,
            "remedy": error.remedy,
        }
    }


def batch(batch: Batch) -> JSON:
    """Returns a batch and its counters; `left` is the number of rows that still need a call."""
    counts = batch.counts
    return {
        "id": batch.id,
        "name": batch.name,
        "state": batch.state.value,
        "pause_reason": batch.pause_reason or None,
        "models": list(batch.models),
        "input": batch.input,
        "selection": batch.selection or None,
        "output": batch.output,
        "trial": batch.is_trial,
        "replaced_by": batch.replaced_by,
        "rows": batch.rows,
        "succeeded": counts.succeeded,
        "failed": counts.failed,
        "left": batch.left,
        "ready": counts.ready,
        "waiting": counts.waiting,
        "running": counts.running,
        "done": batch.done,
        "created_at": iso(batch.created_at),
    }


def forecast(forecast: Forecast | None) -> JSON | None:
    """Returns a forecast; `finish_at` is null if it never finishes."""
    if forecast is None:
        return None
    return {
        "calls": forecast.calls,
        "days": forecast.days,
        "calls_a_day": forecast.per_day,
        "calls_left_today": forecast.today,
        "calls_beyond": forecast.beyond,
        "finish_at": None if forecast.finishes_at is None else iso(forecast.finishes_at),
        "calls_paid": forecast.paid,
        "login_by": None if forecast.paid_until is None else iso(forecast.paid_until),
    }


def waiting(waiting: WaitReason | None) -> JSON | None:
    """Returns a wait reason, with the time of its end."""
    if waiting is None:
        return None
    window = waiting.window
    return {
        "cause": waiting.cause or "reset",
        "why": waiting.why,
        "until": None if waiting.until is None else iso(waiting.until),
        "account": window.account if window else None,
        "model": window.model or None if window else None,
        "quota": window.quota if window else None,
    }


def submitted(submitted: Submitted) -> JSON:
    """Returns a queued batch and its forecast."""
    replaced = submitted.replaces
    return {
        "batch": batch(submitted.batch),
        "created": submitted.created,
        "resembles": None
        if replaced is None
        else {
            "batch": replaced.batch.id,
            "rows_more": replaced.rows_more,
            "changed": list(replaced.changes),
            "answers_kept": replaced.kept,
        },
        "retried": submitted.retried,
        "forecast": forecast(submitted.forecast),
    }


def plan(plan: Plan) -> JSON:
    """Returns a plan."""
    return {
        "name": plan.name,
        "models": list(plan.models),
        "rows": plan.rows,
        "distinct_requests": plan.distinct,
        "answered_before": plan.reused,
        "calls": plan.calls,
        "calls_if_alone": plan.single_calls,
        "rows_in_a_call": plan.pack,
        "packed": plan.packed
        and {
            "rows_in_a_call": plan.packed.rows,
            "calls": plan.packed.forecast.calls,
            "days": plan.packed.forecast.days,
        },
        "prompt_tokens": plan.prompt_tokens,
        "calls_a_day": plan.forecast.per_day,
        "days": plan.forecast.days,
        "finish_at": (forecast(plan.forecast) or {})["finish_at"],
        "forecast": forecast(plan.forecast),
        "credits": [account_json.purchase(item) for item in plan.purchases],
        "other_models": [
            {
                "account": item.account,
                "model": item.model,
                "calls_left": item.calls_left,
                "credits_a_call": account_json.in_credits(item.price),
            }
            for item in plan.suggestions
        ],
    }


def ran(ran: RunResult, windows: tuple[Window, ...]) -> JSON:
    """Returns the result of a run."""
    return {
        "ending": ran.stop_reason.value,
        "rows": sum(each.rows for each in ran.batches),
        "succeeded": sum(each.counts.succeeded for each in ran.batches),
        "failed": ran.failed,
        "left": ran.left,
        "unserved": sorted(ran.unserved),
        "batches": [batch(each) for each in ran.batches],
        "outputs": [output(each) for each in ran.outputs],
        "windows": [account_json.window(each) for each in windows],
    }


def output(output: WrittenOutput) -> JSON:
    """Returns an output file; `error` is the reason if it could not be written."""
    return {
        "batch": output.batch_id,
        "path": str(output.path),
        "rows": output.rows,
        "error": output.error and output.error.what,
    }


def status(status: Status) -> JSON:
    """Returns the status of the queue."""
    return {
        "at": iso(status.at),
        "runners": status.runners,
        "runs": [run(published) for published in status.published],
        "set_aside": status.set_aside,
        "batches": [batch_status(line) for line in status.batches],
        "windows": [account_json.window(each) for each in status.windows],
        "credits": [account_json.purchase(each) for each in status.purchases],
    }


def run(runner: Published) -> JSON:
    """Returns the published progress of a runner."""
    return {
        "pid": runner.pid,
        "since": iso(runner.since),
        "at": iso(runner.at),
        "batches": list(runner.batches),
        "paused": list(runner.paused),
        "calls_in_flight": runner.in_flight,
        "stopping": runner.stopping,
        "trouble": runner.trouble,
        "rows_a_minute": runner.rows_a_minute,
        "rows_a_call": runner.rows_a_call,
        "until": None if runner.until is None else iso(runner.until),
    }


def batch_status(status: BatchStatus) -> JSON:
    """Returns a batch with its wait reasons and its forecast."""
    return batch(status.batch) | {
        "served": not status.unserved,
        "waits_for": waiting(status.waiting),
        "routes": [
            {"account": account, "model": model, "waits_for": waiting(waits_for)}
            for (account, model), waits_for in status.routes.items()
        ],
        "forecast": forecast(status.forecast),
    }


def failures(rows: list[Failure]) -> list[JSON]:
    """Returns failed rows; `input` is the row."""
    return [
        {
            "row": row.row,
            "error": row.error,
            "replies": row.replies,
            "input": exact_json.loads(row.payload),
        }
        for row in rows
    ]

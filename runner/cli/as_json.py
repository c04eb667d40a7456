"""Answers as JSON objects: every moment ISO 8601 with an offset, every name as in the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner import exact_json
from runner.cli import account_json
from runner.wording.fmt import iso

if TYPE_CHECKING:
    from runner.app.outputs import Written
    from runner.app.planning import Plan
    from runner.app.publishing import Published
    from runner.app.responses import BatchStatus, Ran, Status, Submitted
    from runner.core.demand import Waiting
    from runner.core.forecast import Forecast
    from runner.core.window import Window
    from runner.errors import RunnerError
    from runner.store.batch_rows import Failure
    from runner.store.batches import Batch

JSON = dict[str, Any]


def error(found: RunnerError) -> JSON:
    """What went wrong, and what to try."""
    return {
        "error": {
            "kind": type(found).__name__,
            "what": found.what,
            "where": found.where,
            "remedy": found.remedy,
        }
    }


def batch(found: Batch) -> JSON:
    """A batch and its counters; `left` is the number of rows that still need a call."""
    counts = found.counts
    return {
        "id": found.id,
        "name": found.name,
        "state": found.state.value,
        "pause_reason": found.pause_reason or None,
        "models": list(found.models),
        "input": found.input,
        "selection": found.selection or None,
        "output": found.output,
        "trial": found.is_trial,
        "replaced_by": found.replaced_by,
        "rows": found.rows,
        "succeeded": counts.succeeded,
        "failed": counts.failed,
        "left": found.left,
        "ready": counts.ready,
        "waiting": counts.waiting,
        "running": counts.running,
        "done": found.done,
        "created_at": iso(found.created_at),
    }


def forecast(found: Forecast | None) -> JSON | None:
    """When it will be finished; `finish_at` is null if never."""
    if found is None:
        return None
    never = found.beyond > 0 or (found.calls > 0 and found.days == 0)
    return {
        "calls": found.calls,
        "days": found.days,
        "calls_a_day": found.per_day,
        "calls_left_today": found.today,
        "calls_beyond": found.beyond,
        "finish_at": None if never else iso(found.finish_at),
        "calls_paid": found.paid,
        "login_by": None if found.paid_until is None else iso(found.paid_until),
    }


def waiting(found: Waiting | None) -> JSON | None:
    """What is waited for, and until when."""
    if found is None:
        return None
    window = found.window
    return {
        "cause": found.cause or "reset",
        "why": found.why,
        "until": None if found.until is None else iso(found.until),
        "account": window.account if window else None,
        "model": window.model or None if window else None,
        "quota": window.quota if window else None,
    }


def submitted(found: Submitted) -> JSON:
    """A queued batch and its forecast."""
    old = found.replaces
    return {
        "batch": batch(found.batch),
        "created": found.created,
        "resembles": None
        if old is None
        else {
            "batch": old.batch.id,
            "rows_more": old.rows_more,
            "changed": list(old.changes),
            "answers_kept": old.kept,
        },
        "retried": found.retried,
        "forecast": forecast(found.forecast),
    }


def plan(found: Plan) -> JSON:
    """What a batch would cost."""
    return {
        "name": found.name,
        "models": list(found.models),
        "rows": found.rows,
        "distinct_requests": found.distinct,
        "answered_before": found.reused,
        "calls": found.calls,
        "calls_if_alone": found.single_calls,
        "rows_in_a_call": found.pack,
        "packed": found.packed
        and {
            "rows_in_a_call": found.packed.rows,
            "calls": found.packed.forecast.calls,
            "days": found.packed.forecast.days,
        },
        "prompt_tokens": found.prompt_tokens,
        "calls_a_day": found.forecast.per_day,
        "days": found.forecast.days,
        "finish_at": (forecast(found.forecast) or {})["finish_at"],
        "forecast": forecast(found.forecast),
        "credits": [account_json.purchase(each) for each in found.purchases],
        "other_models": [
            {
                "account": each.account,
                "model": each.model,
                "calls_left": each.calls_left,
                "credits_a_call": account_json.in_credits(each.price),
            }
            for each in found.suggestions
        ],
    }


def ran(found: Ran, windows: tuple[Window, ...]) -> JSON:
    """How a run ended."""
    return {
        "ending": found.ending.value,
        "rows": sum(each.rows for each in found.batches),
        "succeeded": sum(each.counts.succeeded for each in found.batches),
        "failed": found.failed,
        "left": found.left,
        "unserved": sorted(found.unserved),
        "batches": [batch(each) for each in found.batches],
        "outputs": [output(each) for each in found.outputs],
        "windows": [account_json.window(each) for each in windows],
    }


def output(found: Written) -> JSON:
    """A file that results were written to; `error` says why it could not be written."""
    return {
        "batch": found.batch_id,
        "path": str(found.path),
        "rows": found.rows,
        "error": found.error and found.error.what,
    }


def status(found: Status) -> JSON:
    """The queue at one moment."""
    return {
        "at": iso(found.at),
        "runners": found.runners,
        "runs": [run(one) for one in found.published],
        "set_aside": found.set_aside,
        "batches": [batch_status(line) for line in found.batches],
        "windows": [account_json.window(each) for each in found.windows],
        "credits": [account_json.purchase(each) for each in found.purchases],
    }


def run(found: Published) -> JSON:
    """What a runner at work says of itself."""
    return {
        "pid": found.pid,
        "since": iso(found.since),
        "at": iso(found.at),
        "batches": list(found.batches),
        "paused": list(found.paused),
        "calls_in_flight": found.in_flight,
        "stopping": found.stopping,
        "trouble": found.trouble,
        "rows_a_minute": found.rows_a_minute,
        "rows_a_call": found.rows_a_call,
        "until": None if found.until is None else iso(found.until),
    }


def batch_status(found: BatchStatus) -> JSON:
    """A batch, what it waits for, and when it will be finished."""
    return batch(found.batch) | {
        "served": not found.unserved,
        "waits_for": waiting(found.waiting),
        "routes": [
            {"account": account, "model": model, "waits_for": waiting(held)}
            for (account, model), held in found.routes.items()
        ],
        "forecast": forecast(found.forecast),
    }


def failures(found: list[Failure]) -> list[JSON]:
    """Failed rows; `input` is the row."""
    return [
        {
            "row": each.row,
            "error": each.error,
            "replies": each.replies,
            "input": exact_json.loads(each.payload),
        }
        for each in found
    ]

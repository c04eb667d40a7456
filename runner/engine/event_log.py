"""The engine's log: its turns and calls at debug level, and changes for the user at info level.

Records have structured fields (see runner/logs.py). Prompts and replies are not among them unless
the user asks for them; nor are error messages of rejected requests, which may quote the request.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from runner.clock import moment
from runner.core.calendar import NEVER
from runner.core.demand import WaitReason
from runner.core.gate import Gate, ParkReason
from runner.core.settlement import Call, Settlement
from runner.core.stop_reason import StopReason
from runner.core.verdict import Kind
from runner.core.window import Source, Window
from runner.engine.call import EndedCall, PreparedCall
from runner.engine.memory import Memory, Turn
from runner.engine.run import Run
from runner.logs import CONTENT
from runner.store.batches import Batch

log = logging.getLogger(__name__)

LONGEST_WHY = 200
_REFUSALS = frozenset({Kind.THROTTLED, Kind.SPENT, Kind.GONE, Kind.UNAUTHORISED, Kind.LOCAL})
_GIVEN = frozenset({Source.PRESET, Source.CONFIGURED})
_NOT_PARKED = frozenset({ParkReason.NONE, ParkReason.RESET})

Fields = dict[str, Any]


def wants_content() -> bool:
    """Whether prompts and replies are logged."""
    return CONTENT.isEnabledFor(logging.DEBUG)


class EventLog:
    """Logs the events of one engine, and each trouble once."""

    def __init__(self) -> None:
        self._trouble: str | None = None

    def adopted(self, before: Memory, turn: Turn, ended: Sequence[EndedCall]) -> None:
        """Logs a committed turn."""
        if not log.isEnabledFor(logging.INFO):
            return
        for ended_call, settlement in zip(ended, turn.settlements, strict=True):
            _log_ended(ended_call, settlement)
        _log_windows(before, turn.memory)
        for prepared in turn.calls:
            _log_started(prepared)
        if ended or turn.calls:
            in_flight = turn.memory.in_flight
            log.debug("turn", extra=_turn_fields(len(ended), len(turn.calls), in_flight))

    def trouble(self, what: str | None) -> None:
        """Logs a change of why results cannot be written; None if they can."""
        if what == self._trouble:
            return
        self._trouble = what
        if what is None:
            log.info("results are written again")
        else:
            log.warning("results cannot be written: %s", what)


def run_started(run: Run) -> None:
    """Logs the start of a run."""
    only = None if run.options.only is None else sorted(run.options.only)
    log.info("run started", extra={"batches": only, "pace": run.options.rules.pace.value})


def run_stopping(run: Run) -> None:
    """Logs a request to stop a run."""
    only = None if run.options.only is None else sorted(run.options.only)
    log.info("run is stopping: the calls in flight finish", extra={"batches": only})


def run_ended(run: Run, stop_reason: StopReason) -> None:
    """Logs the end of a run, and what it did not wait for."""
    log.info("run ended", extra={"ending": stop_reason.value})
    for reason in run.waiting if stop_reason is StopReason.SPENT else ():
        log.info("run did not wait", extra=_waiting_fields(reason))


def batch_paused(batch: Batch) -> None:
    """Logs a pause of a batch of a run."""
    log.info("batch paused", extra={"batch": batch.id, "why": batch.pause_reason or None})


def jobs_rescued(number: int) -> None:
    """Logs the number of jobs rescued from dead runners, if there are any."""
    if number:
        log.info("jobs of runners that have died are ready again", extra={"jobs": number})


def clock_skewed(skew_ms: int) -> None:
    """Logs a new difference between the provider's clock and this machine's."""
    log.info("the provider's clock differs from this machine's", extra={"ms": skew_ms})


def _log_started(prepared: PreparedCall) -> None:
    call = prepared.call
    extra = _call_fields(call) | {"probe": call.permit.probe or None}
    log.debug("call started", extra=extra)


def _log_ended(ended: EndedCall, settlement: Settlement) -> None:
    call, verdict = ended.prepared.call, ended.result.verdict
    counted = (settlement.prompt_tokens, settlement.completion_tokens)
    extra = _call_fields(call) | {
        "verdict": verdict.kind.value,
        "status": settlement.status,
        "ms": ended.ended_at - ended.sent_at,
        "tokens": sum(number or 0 for number in counted) if any(counted) else None,
        "why": None if verdict.kind is Kind.REJECTED else _short(verdict.why),
    }
    if verdict.kind in _REFUSALS:
        log.info("call refused", extra=extra)
    else:
        log.debug("call ended", extra=extra)
    if wants_content():
        reply = ended.result.reply
        content = ended.result.body or (reply.content if reply else None)
        CONTENT.debug("said", extra={"call": call.id, "prompt": ended.sent, "reply": content})


def _log_windows(before: Memory, after: Memory) -> None:
    old = before.snapshot.latest
    for key, window in after.snapshot.latest.items():
        if (previous := old.get(key)) is not window:
            _log_window(previous, window)


def _log_window(old: Window | None, new: Window) -> None:
    fields = {"account": new.account, "model": new.model or None, "quota": new.quota}
    if old is not None and old.period_key != new.period_key:
        log.info("window reset", extra=fields | {"period": new.period_key, "spent": old.spent})
        return
    source = new.limit_source
    if source not in _GIVEN and (old is None or new.limit != old.limit):
        log.info("limit learned", extra=fields | {"limit": new.limit, "source": source.value})
    if _is_spent(new) and not (old is not None and _is_spent(old)):
        log.info("spent", extra=fields | {"spent": new.spent, "limit": new.limit})
    was, gate = (old.gate if old else Gate()), new.gate
    if gate.reason not in _NOT_PARKED and _shut_again(was, gate):
        extra = fields | {
            "reason": gate.reason.value,
            "until": _at(gate.parked_until),
            "refusals": gate.refusals,
            "why": _short(gate.why),
        }
        log.info("parked", extra=extra)
    elif was.reason not in _NOT_PARKED and gate.reason is ParkReason.NONE and not gate.needs_probe:
        log.info("open again", extra=fields)


def _is_spent(window: Window) -> bool:
    """Whether a day, a month or a grant is spent; full rolling windows are not logged."""
    if window.limit is None or window.period.renewal_ms is not None:
        return False
    return window.limit - window.reserve_left <= window.spent


def _shut_again(was: Gate, gate: Gate) -> bool:
    return (was.reason, was.refusals, was.parked_until) != (
        gate.reason,
        gate.refusals,
        gate.parked_until,
    )


def _call_fields(call: Call) -> Fields:
    account, model = call.permit.route
    return {
        "call": call.id,
        "batch": call.batch_id,
        "client": call.client,
        "account": account,
        "model": model,
        "rows": len(call.jobs),
    }


def _turn_fields(settled: int, started: int, in_flight: int) -> Fields:
    return {"settled": settled, "started": started, "in_flight": in_flight}


def _waiting_fields(reason: WaitReason) -> Fields:
    window = reason.window
    return {
        "batch": reason.key,
        "reason": str(reason.cause) or "reset",
        "until": None if reason.until is None else _at(reason.until),
        "account": window.account if window else None,
        "model": (window.model or None) if window else None,
        "quota": window.quota if window else None,
    }


def _at(ms: int) -> str | None:
    return moment(ms).isoformat(timespec="seconds") if ms < NEVER else None


def _short(text: str) -> str | None:
    line = " ".join(text.split())
    return (line if len(line) <= LONGEST_WHY else line[: LONGEST_WHY - 1] + "…") or None

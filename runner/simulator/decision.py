"""Decides the reply to a well-formed call: a pure function of the call and its account's state."""

from __future__ import annotations

from runner.simulator import errors
from runner.simulator.accounting import SimulatedAccount
from runner.simulator.call import SimulatedCall
from runner.simulator.errors import ErrorReply
from runner.simulator.faults import faulty_reply, refuse
from runner.simulator.reply_plan import ReplyPlan


def decide(call: SimulatedCall, state: SimulatedAccount, occupied: int) -> ReplyPlan:
    """Returns the reply to `call` while the models work on `occupied` other calls.

    The checks have the provider's order: exhausted quotas first, then throttles, then faults. So a
    throttle that clears in seconds never hides a refusal that lasts until tomorrow.
    """
    error = _exhausted(call, state) or _throttled(call, state, occupied)
    if error is not None:
        return refuse(error, call.draws, call.request_id, call.config.latency_ms[0])
    if call.draws.fault is not None:
        return faulty_reply(call.draws.fault, call)
    return ReplyPlan(
        kind="answer",
        status=200,
        body=call.body(),
        delay_ms=call.latency_ms,
        spends=True,
        content_type=call.content_type,
        tokens=call.tokens(),
    )


def _exhausted(call: SimulatedCall, state: SimulatedAccount) -> ErrorReply | None:
    """Returns the refusal of an account whose allowance is exhausted for a long time, or None."""
    model, quota, bucket = call.request.model, state.quota, state.bucket
    tokens_left = quota.month_tokens_remaining
    too_many_tokens = tokens_left is not None and tokens_left < call.tokens()
    if quota.month_calls_remaining == 0 or too_many_tokens:
        return errors.month_exhausted(model, call.config.account_refusal)
    if quota.account_remaining == 0:
        return errors.account_exhausted(model, call.config.account_refusal)
    if quota.model_remaining == 0:
        return errors.model_exhausted(model)
    if not state.can_pay:
        return errors.credits_exhausted(model)
    if bucket and bucket.wait_ms:
        return errors.bucket_empty(model, bucket)
    return None


def _throttled(call: SimulatedCall, state: SimulatedAccount, occupied: int) -> ErrorReply | None:
    """Returns the refusal of a call that exceeds a rate or concurrency limit, or None."""
    limit, model = call.config.max_concurrency, call.request.model
    if state.calls and state.calls.wait_ms:
        return errors.too_many_calls(model, state.calls.wait_ms)
    if state.tokens and state.tokens.wait_ms:
        return errors.too_many_tokens(model, state.tokens.wait_ms)
    if limit is not None and occupied >= limit:
        return errors.overloaded(model)
    return None

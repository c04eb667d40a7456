"""What happens to one call: a pure function of the call, its luck and what is left.

It knows the order in which the provider asks its questions; it counts nothing and keeps nothing.
"""

from __future__ import annotations

from runner.providers.simulator import problems
from runner.providers.simulator.books import Position
from runner.providers.simulator.faults import Incident, refuse, strike
from runner.providers.simulator.outcome import Outcome
from runner.providers.simulator.problems import Problem


def decide(incident: Incident, position: Position, busy: int) -> Outcome:
    """Return the fate of a well-formed call; `busy` calls are being answered already.

    A spent day comes before crowding and crowding before faults: what will not clear until
    tomorrow is never hidden behind what clears in seconds.
    """
    problem = _exhaustion(incident, position) or _throttle(incident, position, busy)
    if problem is not None:
        delay_ms = incident.config.latency_ms[0]
        return refuse(problem, incident.luck, incident.request_id, delay_ms)
    if incident.luck.fault is not None:
        return strike(incident.luck.fault, incident)
    return Outcome(
        kind="answer",
        status=200,
        body=incident.completion(),
        delay_ms=incident.luck.latency_ms,
        spends=True,
        tokens=incident.tokens(),
    )


def _exhaustion(incident: Incident, position: Position) -> Problem | None:
    """Return the refusal of an account that has used up what comes back in hours, if it has."""
    config, model, standing = incident.config, incident.request.model, position.standing
    tokens_left = standing.month_tokens_left
    too_wordy = tokens_left is not None and tokens_left < incident.tokens()
    if standing.month_calls_left == 0 or too_wordy:
        return problems.month_spent(model, config.account_refusal)
    if standing.account_left == 0:
        return problems.account_spent(model, config.account_refusal)
    if standing.model_left == 0:
        return problems.model_spent(model)
    if not position.solvent:
        return problems.insolvent(model)
    if position.refill and position.refill.wait_ms:
        return problems.drained(model, position.refill)
    return None


def _throttle(incident: Incident, position: Position, busy: int) -> Problem | None:
    """Return the refusal of a call that comes too soon, if it does."""
    config, model = incident.config, incident.request.model
    if position.calls and position.calls.wait_ms:
        return problems.burst(model, position.calls.wait_ms)
    if position.tokens and position.tokens.wait_ms:
        return problems.wordy(model, position.tokens.wait_ms)
    if config.max_concurrency is not None and busy >= config.max_concurrency:
        return problems.overloaded(model)
    return None

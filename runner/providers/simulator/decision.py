"""What happens to one chat call: a pure function of the call, its luck and what is left.

It knows the order in which the provider asks its questions; it counts nothing and keeps nothing.
"""

from __future__ import annotations

from runner.providers.simulator import problems
from runner.providers.simulator.allowance import Standing
from runner.providers.simulator.config import SimulatorConfig
from runner.providers.simulator.faults import Incident, refuse, strike
from runner.providers.simulator.outcome import Headers, Outcome
from runner.providers.simulator.problems import Problem

_WITH_HEADERS = frozenset({200, 400, 429})


def decide(incident: Incident, standing: Standing, busy: int) -> Outcome:
    """Return the fate of a well-formed call; `busy` calls are being answered already.

    A spent day comes before crowding and crowding before faults: what will not clear until
    tomorrow is never hidden behind what clears in seconds.
    """
    problem = _refusal(incident, standing, busy)
    if problem is not None:
        delay_ms = incident.config.latency_ms[0]
        return refuse(problem, incident.luck, incident.request_id, delay_ms)
    if incident.luck.fault is not None:
        return strike(incident.luck.fault, incident)
    body = incident.completion()
    return Outcome("answer", 200, body, incident.luck.latency_ms, spends=True)


def quota_headers(config: SimulatorConfig, standing: Standing, status: int) -> Headers:
    """Return the headers of a reply with `status`; a quota without a limit has none.

    Seen on a 200, a 400 and a 429; absent on a 401 and on the server's own failures.
    """
    if not config.headers or status not in _WITH_HEADERS:
        return ()
    values = (
        ("modelscope-ratelimit-requests-limit", standing.account_limit),
        ("modelscope-ratelimit-requests-remaining", standing.account_left),
        ("modelscope-ratelimit-model-requests-limit", standing.model_limit),
        ("modelscope-ratelimit-model-requests-remaining", standing.model_left),
    )
    return tuple((name, str(value)) for name, value in values if value is not None)


def _refusal(incident: Incident, standing: Standing, busy: int) -> Problem | None:
    config, model = incident.config, incident.request.model
    if standing.account_left == 0:
        return problems.account_spent(model, config.account_refusal)
    if standing.model_left == 0:
        return problems.model_spent(model)
    if config.max_concurrency is not None and busy >= config.max_concurrency:
        return problems.overloaded(model)
    return None

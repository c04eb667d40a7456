"""Models that are not served: which batches to pause, and whether the account is the cause.

Some providers list their models to an account that may call none of them, and answer each call as
if the model did not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from runner.core.gate import ParkReason
from runner.core.route import Route
from runner.core.settlement import Settlement
from runner.core.verdict import Kind, Verdict
from runner.core.window import Window

# A single model that is not served is more likely mistyped or retired.
MODELS_TO_BLAME = 2


def unserved_reasons(
    settlements: Iterable[Settlement],
    routes_of: Callable[[int], Sequence[Route]],
    windows: Collection[Window],
) -> dict[int, str]:
    """Returns, by batch, why it should be paused: none of the models it may call is served.

    Args:
        settlements: The settlements of this turn.
        routes_of: Returns the routes that the calls of a batch may take.
        windows: The latest windows, as they are after `settlements`.
    """
    refused = [each for each in settlements if each.outcome.verdict.kind is Kind.GONE]
    unserved = {settlement.call.permit.route for settlement in refused} | _unserved(windows)
    reasons: dict[int, str] = {}
    for settlement in refused:
        batch_id = settlement.call.batch_id
        if batch_id is not None and unserved.issuperset(routes_of(batch_id)):
            account = settlement.call.permit.route[0]
            reasons[batch_id] = _reason(settlement.outcome.verdict, account, windows)
    return reasons


def _unserved(windows: Iterable[Window]) -> set[Route]:
    return {(window.account, window.model) for window in windows if _is_unserved(window)}


def _is_unserved(window: Window) -> bool:
    return bool(window.model) and window.gate.reason is ParkReason.GONE


def _reason(verdict: Verdict, account: str, windows: Iterable[Window]) -> str:
    own = [w for w in windows if w.account == account and w.model and w.primary]
    advice = f"; {verdict.remedy}" if verdict.remedy else ""
    if len(own) < MODELS_TO_BLAME or not all(map(_is_unserved, own)):
        return f"the provider does not serve this model: {verdict.why}{advice}"
    models = ", ".join(sorted(window.model for window in own))
    return (
        f"the provider serves none of the models that the account {account} has asked ({models}): "
        f"{verdict.why}; the account may be to blame: see whether it is verified{advice}"
    )

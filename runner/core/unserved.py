"""Models that are not served: which batches stop asking, and whether the account is to blame.

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

# A single model that is not served is more likely to be mistyped or retired.
MODELS_TO_BLAME = 2


def unserved_reasons(
    settlements: Iterable[Settlement],
    routes_of: Callable[[int], Sequence[Route]],
    windows: Collection[Window],
) -> dict[int, str]:
    """By batch: why it should stop asking, since no model that it may ask is served.

    Args:
        settlements: Of the calls that have ended.
        routes_of: The routes that the calls of a batch may take.
        windows: The latest ones, as they are after `settlements`.
    """
    ended = [one for one in settlements if one.outcome.verdict.kind is Kind.GONE]
    unserved = {one.call.permit.route for one in ended} | _unserved(windows)
    reasons: dict[int, str] = {}
    for one in ended:
        batch_id = one.call.batch_id
        if batch_id is not None and unserved.issuperset(routes_of(batch_id)):
            account = one.call.permit.route[0]
            reasons[batch_id] = _reason(one.outcome.verdict, account, windows)
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

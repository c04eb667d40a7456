"""A plan as pairs of a name and a fact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from runner.app.accounts.credits import Purchase
from runner.core.forecast import Forecast
from runner.language import _
from runner.wording import credit_messages, fmt, messages

if TYPE_CHECKING:
    from runner.app.accounts.suggestions import Suggestion
    from runner.app.previews.planning import Plan


def plan(plan: Plan, now: int) -> list[tuple[str, str]]:
    """Returns the facts of a plan."""
    costs = cost(
        plan.rows,
        plan.forecast,
        now,
        distinct=plan.distinct,
        reused=plan.reused,
        alone=plan.single_calls,
        tokens=plan.prompt_tokens,
    )
    return [*costs, *_ways_to_pay(plan.purchases, plan.suggestions)]


def packing_advice(plan: Plan) -> str | None:
    """Returns ``pack = 20: 1,500 calls, 1 day instead of 15``; None if packing changes little."""
    if plan.packed is None:
        return None
    packed, alone = plan.packed.forecast, plan.forecast
    days = ""
    if 0 < packed.days < alone.days:
        days = _(", {days} of allowance instead of {alone_days}").format(
            days=fmt.count(packed.days, "day"), alone_days=fmt.number(alone.days)
        )
    return _(
        "pack = {rows} in [job]: {calls}{days}; check = 0.02 measures what it costs in quality"
    ).format(rows=plan.packed.rows, calls=fmt.count(packed.calls, "call"), days=days)


def cost(
    rows: int,
    forecast: Forecast,
    now: int,
    *,
    distinct: int | None = None,
    reused: int = 0,
    alone: int = 0,
    tokens: int = 0,
) -> list[tuple[str, str]]:
    """Returns the cost of a batch in calls, tokens and days.

    Args:
        rows: The number of rows.
        forecast: The forecast of its calls.
        now: The current time (ms since the epoch).
        distinct: The number of distinct requests; None if not known yet.
        reused: The number of requests that another batch has answered.
        alone: The number of calls without packing.
        tokens: The tokens of all prompts.
    """
    pairs = [(_("rows"), fmt.number(rows))]
    if distinct is not None:
        pairs.append((_("distinct requests"), fmt.number(distinct)))
    if reused:
        pairs.append(
            (
                _("answered before"),
                _("{reused}: they cost nothing").format(reused=fmt.number(reused)),
            )
        )
    saved = _(" ({alone} if each row were asked alone)").format(alone=fmt.number(alone)) * (
        alone > forecast.calls
    )
    pairs.append((_("calls to make"), f"{fmt.number(forecast.calls)}{saved}"))
    if tokens:
        pairs.append((_("tokens to send"), _("about {tokens}").format(tokens=fmt.number(tokens))))
    pairs += [
        (_("calls a day"), messages.calls_a_day(forecast)),
        (_("days of allowance"), fmt.number(forecast.days)),
        (_("finish"), messages.finish(forecast, now)),
    ]
    if due := credit_messages.login_due(forecast, now):
        pairs.append((_("next login"), due))
    return pairs


def _ways_to_pay(
    purchases: Sequence[Purchase], suggestions: Sequence[Suggestion]
) -> list[tuple[str, str]]:
    """Returns what the credits pay for, and other models."""
    bought = [(_("credits"), credit_messages.purchase(each)) for each in purchases]
    return bought + [(_("other model"), credit_messages.suggestion(each)) for each in suggestions]

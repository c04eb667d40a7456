"""What a batch takes before it runs: each fact with its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from runner.app.credits import Purchase
from runner.core.forecast import Forecast
from runner.language import _
from runner.wording import credit_messages, fmt, messages

if TYPE_CHECKING:
    from runner.app.planning import Plan
    from runner.app.suggestions import Suggestion


def plan(found: Plan, now: int) -> list[tuple[str, str]]:
    """What a plan has found."""
    costs = cost(
        found.rows,
        found.forecast,
        now,
        distinct=found.distinct,
        reused=found.reused,
        alone=found.single_calls,
        tokens=found.prompt_tokens,
    )
    return [*costs, *_ways_to_pay(found.purchases, found.suggestions)]


def packing_advice(found: Plan) -> str | None:
    """``pack = 20: 1,500 calls, 1 day instead of 15``; None where it would change little."""
    if found.packed is None:
        return None
    packed, alone = found.packed.forecast, found.forecast
    days = ""
    if 0 < packed.days < alone.days:
        days = _(", {days} of allowance instead of {alone_days}").format(
            days=fmt.count(packed.days, "day"), alone_days=fmt.number(alone.days)
        )
    return _(
        "pack = {rows} in [job]: {calls}{days}; check = 0.02 measures what it costs in quality"
    ).format(rows=found.packed.rows, calls=fmt.count(packed.calls, "call"), days=days)


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
    """What a batch takes: calls, tokens, days.

    Args:
        rows: Its rows.
        forecast: When its calls would be done.
        now: The present moment (ms since the epoch).
        distinct: Requests that differ from one another; None: not known yet.
        reused: Rows whose answer another batch has.
        alone: Calls if each row had one of its own.
        tokens: Tokens of all prompts.
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
    """What credits pay for, and other models that might do it sooner."""
    told = [(_("credits"), credit_messages.purchase(each)) for each in purchases]
    return told + [(_("other model"), credit_messages.suggestion(each)) for each in suggestions]

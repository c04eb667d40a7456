"""What credits pay for, until when they last, and which other models there are: a sentence each."""

from __future__ import annotations

from datetime import tzinfo
from typing import TYPE_CHECKING

from runner.core.window import Unit
from runner.wording import fmt

if TYPE_CHECKING:
    from runner.app.credits import Purchase
    from runner.app.suggestions import Suggestion
    from runner.core.forecast import Forecast


def login_due(found: Forecast | None, now: int, zone: tzinfo | None = None) -> str:
    """Until when the credits at hand last, and what to do then; empty if they last to the end."""
    if found is None or found.paid_until is None or found.paid is None:
        return ""
    if found.paid == 0:
        return "no credits are left: log in on the provider's site to be granted more"
    calls = fmt.count(found.paid, "call")
    until = fmt.when(found.paid_until, now, zone)
    return (
        f"the credits at hand pay for {calls}, until about {until}: "
        "log in on the provider's site again by then"
    )


def purchase(found: Purchase) -> str:
    """``180 credits pay for 360 calls, 7,200 rows at 20 a call (0.5 a call)``, and on what."""
    price = fmt.amount(found.price, Unit.CREDITS)
    what = fmt.count(found.calls, "call")
    if found.rows_a_call > 1:
        what += f", {fmt.count(found.rows, 'row')} at {found.rows_a_call} a call"
    if found.amount is None:
        whose = f"if they are counted, the {fmt.amount(found.daily, Unit.CREDITS)} of a day"
    else:
        whose = f"{fmt.amount(found.amount, Unit.CREDITS)} credits"
    return f"{whose} pay for {what} of {found.model} ({price} a call)"


def suggestion(found: Suggestion) -> str:
    """``Qwen/Qwen3-32B on mine: 180 calls left, 0.5 credits a call``."""
    left = "no limit is known"
    if found.calls_left is not None:
        left = f"{fmt.count(found.calls_left, 'call')} left"
    price = ""
    if found.price is not None:
        price = f", {fmt.amount(found.price, Unit.CREDITS)} credits a call"
    return f"{found.model} on {found.account}: {left}{price}"

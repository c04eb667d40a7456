"""What credits pay for, until when they last, and which other models there are: a sentence each."""

from __future__ import annotations

from datetime import tzinfo
from typing import TYPE_CHECKING

from runner.core.window import Unit
from runner.language import _
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
        return _("no credits are left: log in on the provider's site to be granted more")
    calls = fmt.count(found.paid, "call")
    until = fmt.when(found.paid_until, now, zone)
    return _(
        "the credits at hand pay for {calls}, until about {until}: log in on the "
        "provider's site again by then"
    ).format(calls=calls, until=until)


def purchase(found: Purchase) -> str:
    """``180 credits pay for 360 calls, 7,200 rows at 20 a call (0.5 a call)``, and on what."""
    price = fmt.amount(found.price, Unit.CREDITS)
    what = fmt.count(found.calls, "call")
    if found.rows_a_call > 1:
        what += _(", {rows} at {rows_a_call} a call").format(
            rows=fmt.count(found.rows, "row"), rows_a_call=found.rows_a_call
        )
    if found.amount is None:
        whose = _("if they are counted, the {daily} of a day").format(
            daily=fmt.amount(found.daily, Unit.CREDITS)
        )
    else:
        whose = _("{amount} credits").format(amount=fmt.amount(found.amount, Unit.CREDITS))
    return _("{whose} pay for {what} of {model} ({price} a call)").format(
        whose=whose, what=what, model=found.model, price=price
    )


def suggestion(found: Suggestion) -> str:
    """``Qwen/Qwen3-32B on mine: 180 calls left, 0.5 credits a call``."""
    left = _("no limit is known")
    if found.calls_left is not None:
        left = _("{calls} left").format(calls=fmt.count(found.calls_left, "call"))
    price = ""
    if found.price is not None:
        price = _(", {price} credits a call").format(price=fmt.amount(found.price, Unit.CREDITS))
    return _("{model} on {account}: {left}{price}").format(
        model=found.model, account=found.account, left=left, price=price
    )

"""Sentences on credits: what they pay for, how long they last, and which other models there are."""

from __future__ import annotations

from datetime import tzinfo
from typing import TYPE_CHECKING

from runner.core.window import Unit
from runner.language import _
from runner.wording import fmt

if TYPE_CHECKING:
    from runner.app.accounts.credits import Purchase
    from runner.app.accounts.suggestions import Suggestion
    from runner.core.forecast import Forecast


def login_due(forecast: Forecast | None, now: int, zone: tzinfo | None = None) -> str:
    """Returns how long the credits last and when to log in; empty if they suffice."""
    if forecast is None or forecast.paid_until is None or forecast.paid is None:
        return ""
    if forecast.paid == 0:
        return _("no credits are left: log in on the provider's site to be granted more")
    calls = fmt.count(forecast.paid, "call")
    until = fmt.when(forecast.paid_until, now, zone)
    return _(
        "the credits at hand pay for {calls}, until about {until}: log in on the "
        "provider's site again by then"
    ).format(calls=calls, until=until)


def purchase(bought: Purchase) -> str:
    """Returns ``180 credits pay for 360 calls, 7,200 rows at 20 a call of MODEL (0.5 a call)``."""
    what = fmt.count(bought.calls, "call")
    if bought.rows_a_call > 1:
        what += _(", {rows} at {rows_a_call} a call").format(
            rows=fmt.count(bought.rows, "row"), rows_a_call=bought.rows_a_call
        )
    if bought.amount is None:
        whose = _("if they are counted, the {daily} of a day").format(
            daily=fmt.amount(bought.daily, Unit.CREDITS)
        )
    else:
        whose = _("{amount} credits").format(amount=fmt.amount(bought.amount, Unit.CREDITS))
    return _("{whose} pay for {what} of {model} ({price})").format(
        whose=whose, what=what, model=bought.model, price=_price(bought)
    )


def _price(bought: Purchase) -> str:
    """Returns the price of a call; one that is assumed is said to be unknown."""
    price = fmt.amount(bought.price, Unit.CREDITS)
    if bought.price_known:
        return _("{price} a call").format(price=price)
    return _("at {price} credit a call, as long as its price is not known").format(price=price)


def suggestion(model: Suggestion) -> str:
    """Returns ``Qwen/Qwen3-32B on mine: 180 calls left, 0.5 credits a call``."""
    left = _("no limit is known")
    if model.calls_left is not None:
        left = _("{calls} left").format(calls=fmt.count(model.calls_left, "call"))
    price = ""
    if model.price is not None:
        price = _(", {price} credits a call").format(price=fmt.amount(model.price, Unit.CREDITS))
    return _("{model} on {account}: {left}{price}").format(
        model=model.model, account=model.account, left=left, price=price
    )

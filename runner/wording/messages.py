"""Sentences on windows, refused accounts, paused batches and forecasts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

from runner import invocation
from runner.app.accounts.credits import Credits
from runner.app.running import reasons
from runner.core.forecast import Forecast
from runner.core.grants import Expiry
from runner.core.period import Calendar, Grant, Period, Refill, Rolling
from runner.core.verdict import is_of_calls
from runner.core.window import CREDIT, Source, Unit, Window
from runner.language import _
from runner.store.batches import Batch
from runner.wording import fmt, words

SOURCES = {
    Source.PRESET: _("limit as published"),
    Source.CONFIGURED: _("limit as configured"),
    Source.REFUSAL: _("limit learned from a refusal"),
    Source.HEADER: _("from a reply header"),
    Source.BALANCE: _("from the balance endpoint"),
}
LEARNED = {
    Source.PRESET: _("as published"),
    Source.CONFIGURED: _("as configured"),
    Source.REFUSAL: _("learned from a refusal"),
    Source.HEADER: _("learned from the reply header"),
    Source.BALANCE: _("learned from the balance endpoint"),
}
LONGEST_QUOTE = 110
VERIFY = _("verify the account's e-mail and bind what the provider asks for")


def usage(window: Window, *, when: bool = True) -> str:
    """Returns ``2,000 of 2,000 calls spent today``, with calls in flight and the reserve."""
    unit = window.unit
    counted = fmt.amount(window.spent, unit)
    if window.limit is not None:
        limit = fmt.amount(window.limit, unit)
        counted = _("{spent} of {limit}").format(spent=counted, limit=limit)
    is_singular = window.limit is None and window.spent == fmt.one_of(unit)
    noun = words.ONE[unit] if is_singular else words.UNITS[unit]
    text = _("{counted} {unit} spent").format(counted=counted, unit=noun)
    if (when or not window.period.is_daily) and window.limit_source is not Source.BALANCE:
        text = _("{said} {period}").format(said=text, period=period_name(window.period))
    if window.reserved:
        text += _(", {reserved} in flight").format(reserved=fmt.amount(window.reserved, unit))
    if window.reserve_left:
        text += _(", {kept} kept for you").format(kept=fmt.amount(window.reserve_left, unit))
    return text


def counted(unit: Unit, period: Period) -> str:
    """Returns the unit and period of a quota: ``calls today``."""
    return _("{unit} {period}").format(unit=words.UNITS[unit], period=period_name(period))


def period_name(period: Period) -> str:
    """Returns ``today``, ``this month``, ``in any 1 min`` or ``in all``."""
    match period:
        case Calendar("month", _):
            return _("this month")
        case Calendar():
            return _("today")
        case Rolling(ms) | Refill(ms):
            return _("in any {duration}").format(duration=fmt.round_duration(ms))
        case Grant():
            return _("in all")


def window_lines(windows: Sequence[Window]) -> list[str]:
    """Returns a line for each window, without duplicates; see `shown_windows` for the choice."""
    several = len({window.account for window in windows}) > 1
    return list(dict.fromkeys(window_line(window, several=several) for window in windows))


def window_line(window: Window, *, several: bool = False) -> str:
    """Returns a window in full: its owner, its usage, and the source of its limit.

    `several`: whether windows of several accounts are shown, so that each line names its account.
    """
    known = SOURCES[window.limit_source] if window.limit is not None else _("limit not known yet")
    label = owner(window) if several else window.model or window.account
    template = _("{label}: {usage} ({known})")
    return template.format(label=label, usage=usage(window, when=False), known=known)


def owner(window: Window) -> str:
    """Returns ``Qwen/Qwen3-8B on modelscope``, or the account alone."""
    return (
        _("{model} on {account}").format(model=window.model, account=window.account)
        if window.model
        else window.account
    )


def balance(state: Credits, now: int, zone: tzinfo | None = None) -> str:
    """Returns ``180.5 credits, 20 frozen (as of 09:20); about 130 of them expire by 09:12``."""
    frozen = (
        _(", {frozen} frozen").format(frozen=fmt.amount(state.frozen, Unit.CREDITS))
        if state.frozen
        else ""
    )
    less = _(", less our calls since") if state.since else ""
    at = _("as of {when}{less}").format(when=fmt.when(state.at, now, zone), less=less)
    text = _("{available} credits{frozen} ({at})").format(
        available=fmt.amount(state.available, Unit.CREDITS), frozen=frozen, at=at
    )
    left = state.available or state.frozen
    return f"{text}{fmt.SEMICOLON}{_expiry(state.expiring, now, zone)}" if left else text


def _expiry(expiry: Expiry | None, now: int, zone: tzinfo | None) -> str:
    if expiry is None:
        return _("none of them is known to expire")
    amount = (
        fmt.number(round(expiry.amount / CREDIT)) if expiry.amount >= CREDIT else _("fewer than 1")
    )
    sentence = _("about {amount} of them expire by {when}").format(
        amount=amount, when=fmt.when(expiry.by, now, zone)
    )
    if expiry.seen is None:
        return _("{told} (estimate: they were granted before anybody looked)").format(told=sentence)
    first, last = (fmt.when(at, now, zone) for at in expiry.seen)
    return _("{told} (estimate: a grant was seen between {first} and {last})").format(
        told=sentence, first=first, last=last
    )


def unserved(models: Sequence[str]) -> str:
    """Returns the sentence that no account in use serves any of `models`, with the remedy."""
    names = _(" or ").join(models)
    return _(
        "no account serves {names}; add it to the models of an account, use another "
        "account, or name another model in the job file"
    ).format(names=names)


def paused(batch: Batch) -> str:
    """Returns the sentence that a batch is paused, with the reason and how to resume it."""
    return f"{titled(batch)} {is_paused(batch)}"


def titled(batch: Batch) -> str:
    """Returns ``label reviews (batch 1)``."""
    return titled_as(batch.name, batch.id)


def titled_as(name: str | None, number: int) -> str:
    """Returns the same from a name and a number; a batch without a name was deleted."""
    if name is None:
        return _("batch {id}, which was deleted").format(id=number)
    return _("{name} (batch {id})").format(name=name, id=number)


def is_paused(batch: Batch) -> str:
    """Returns ``is paused: too many rows fail``, with how to see the failures and resume it."""
    number = batch.part_of or batch.id
    resume = invocation.command("resume", number)
    if not batch.pause_reason:
        return _("is paused; it goes on with: {command}").format(command=resume)
    sentence = _("is paused: {reason}").format(reason=reasons.translated(batch.pause_reason))
    if batch.counts.failed:
        failures = invocation.command("failures", number)
        sentence += _("; see why with: {command}").format(command=failures)
    return sentence + _("; it goes on with: {command}").format(command=resume)


def quote(reply: str) -> str:
    """Returns `` ("a provider's message")``; empty if there is none."""
    return f' ("{fmt.shortened(reply, LONGEST_QUOTE)}")' if reply else ""


def refused(window: Window) -> str:
    """Returns the sentence that the provider refuses an account, with the remedy."""
    if is_of_calls(window.gate.why):
        template = _(
            "{account}: the provider refuses the calls of this account{reply}; the token may be "
            "good: {verify}, then run again"
        )
    else:
        template = _(
            "{account}: the provider refuses this account{reply}; "
            "fix the account or its token, then run again"
        )
    reply = quote(window.gate.why)
    return template.format(account=window.account, reply=reply, verify=VERIFY)


def limit_source(window: Window, now: int, zone: tzinfo | None = None) -> str:
    """Returns the source of the limit, and when it was learned."""
    if window.limit is None:
        return _("the limit is not known yet")
    if window.limit_learned_at is None:
        return SOURCES[window.limit_source]
    return _("{learned} at {when}").format(
        learned=LEARNED[window.limit_source], when=fmt.when(window.limit_learned_at, now, zone)
    )


def finish(forecast: Forecast, now: int, zone: tzinfo | None = None, *, brief: bool = False) -> str:
    """Returns ``about Thu 27 Nov 09:40``, to the minute because it is an estimate.

    `brief`: for a table, without ``about`` and without assumptions.
    """
    if forecast.calls == 0:
        return _("done")
    if forecast.beyond:
        return _("not known: {calls} beyond what is allowed or paid for").format(
            calls=fmt.count(forecast.beyond, "call")
        )
    if forecast.finishes_at is None:
        return _("never: no call a day is allowed")
    at = fmt.minute(forecast.finishes_at, now, zone)
    if brief:
        return at
    template = _("about {when}")
    if forecast.paid_until is not None:
        template = _("about {when}, with a login each day")
    return template.format(when=at)


def calls_a_day(forecast: Forecast) -> str:
    """Returns the daily allowance in calls, and what is left of it today."""
    if forecast.per_day is None:
        return _("no limit is known")
    if forecast.today is None or forecast.today == forecast.per_day:
        return fmt.number(forecast.per_day)
    return _("{per_day}, {today} of them left today").format(
        per_day=fmt.number(forecast.per_day), today=fmt.number(forecast.today)
    )

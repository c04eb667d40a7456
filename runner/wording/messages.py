"""What a window holds, who is refused or paused, and when it will be finished: a sentence each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

from runner import invocation
from runner.app import reasons
from runner.app.credits import Credits
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
    Source.HEADER: _("told by the provider"),
    Source.BALANCE: _("told by the balance"),
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
    """``2,000 of 2,000 calls spent today``, and what else holds calls back."""
    unit = window.unit
    counted = fmt.amount(window.spent, unit)
    if window.limit is not None:
        limit = fmt.amount(window.limit, unit)
        counted = _("{spent} of {limit}").format(spent=counted, limit=limit)
    one = window.limit is None and window.spent == fmt.one_of(unit)
    noun = words.ONE[unit] if one else words.UNITS[unit]
    said = _("{counted} {unit} spent").format(counted=counted, unit=noun)
    if (when or not _daily(window)) and window.limit_source is not Source.BALANCE:
        said = _("{said} {period}").format(said=said, period=period_name(window.period))
    if window.reserved:
        said += _(", {reserved} in flight").format(reserved=fmt.amount(window.reserved, unit))
    if window.kept:
        said += _(", {kept} kept for you").format(kept=fmt.amount(window.kept, unit))
    return said


def counted(unit: Unit, period: Period) -> str:
    """``calls today``: what a quota counts, and in which time."""
    return _("{unit} {period}").format(unit=words.UNITS[unit], period=period_name(period))


def period_name(found: Period) -> str:
    """``today``, ``this month``, ``in any 1 min``, ``in all``."""
    match found:
        case Calendar("month", _):
            return _("this month")
        case Calendar():
            return _("today")
        case Rolling(ms) | Refill(ms):
            return _("in any {duration}").format(duration=fmt.round_duration(ms))
        case Grant():
            return _("in all")


def _daily(window: Window) -> bool:
    return isinstance(window.period, Calendar) and window.period.unit == "day"


def window_lines(windows: Sequence[Window]) -> list[str]:
    """A line for each window, each said once; shown_windows.py chooses the windows."""
    several = len({window.account for window in windows}) > 1
    return list(dict.fromkeys(window_line(window, several=several) for window in windows))


def window_line(window: Window, *, several: bool = False) -> str:
    """A window in full: whose it is, what was spent, and how the limit is known.

    `several`: whether windows of several accounts are shown, so that each names its account.
    """
    known = SOURCES[window.limit_source] if window.limit is not None else _("limit not known yet")
    label = owner(window) if several else window.model or window.account
    told = _("{label}: {usage} ({known})")
    return told.format(label=label, usage=usage(window, when=False), known=known)


def owner(window: Window) -> str:
    """``Qwen/Qwen3-8B on modelscope``, or the account alone."""
    return (
        _("{model} on {account}").format(model=window.model, account=window.account)
        if window.model
        else window.account
    )


def balance(found: Credits, now: int, zone: tzinfo | None = None) -> str:
    """``180.5 credits, 20 frozen (told at 09:20); about 130 of them expire by 09:12 (…)``."""
    frozen = (
        _(", {frozen} frozen").format(frozen=fmt.amount(found.frozen, Unit.CREDITS))
        if found.frozen
        else ""
    )
    less = _(", less our calls since") if found.since else ""
    at = _("told at {when}{less}").format(when=fmt.when(found.at, now, zone), less=less)
    told = _("{available} credits{frozen} ({at})").format(
        available=fmt.amount(found.available, Unit.CREDITS), frozen=frozen, at=at
    )
    left = found.available or found.frozen
    return f"{told}{fmt.SEMICOLON}{_expiry(found.expiring, now, zone)}" if left else told


def _expiry(found: Expiry | None, now: int, zone: tzinfo | None) -> str:
    if found is None:
        return _("none of them is known to expire")
    amount = (
        fmt.number(round(found.amount / CREDIT)) if found.amount >= CREDIT else _("fewer than 1")
    )
    told = _("about {amount} of them expire by {when}").format(
        amount=amount, when=fmt.when(found.by, now, zone)
    )
    if found.seen is None:
        return _("{told} (estimate: they were granted before anybody looked)").format(told=told)
    first, last = (fmt.when(at, now, zone) for at in found.seen)
    return _("{told} (estimate: a grant was seen between {first} and {last})").format(
        told=told, first=first, last=last
    )


def unserved(models: Sequence[str]) -> str:
    """That none of the accounts that are used serves any of `models`, and what to do."""
    names = _(" or ").join(models)
    return _(
        "no account serves {names}; add it to the models of an account, use another "
        "account, or name another model in the job file"
    ).format(names=names)


def paused(batch: Batch) -> str:
    """That a batch was paused, why if a reason was given, and how it goes on."""
    return f"{titled(batch)} {is_paused(batch)}"


def titled(batch: Batch) -> str:
    """``label reviews (batch 1)``."""
    return titled_as(batch.name, batch.id)


def titled_as(name: str | None, number: int) -> str:
    """The same of a batch of which only this is known; it was deleted if it has no name."""
    if name is None:
        return _("batch {id}, which was deleted").format(id=number)
    return _("{name} (batch {id})").format(name=name, id=number)


def is_paused(batch: Batch) -> str:
    """``is paused: too many rows fail``, where to see why, and how it goes on."""
    number = batch.part_of or batch.id
    resume = invocation.command("resume", number)
    if not batch.pause_reason:
        return _("is paused; it goes on with: {command}").format(command=resume)
    told = _("is paused: {reason}").format(reason=reasons.told(batch.pause_reason))
    if batch.counts.failed:
        failures = invocation.command("failures", number)
        told += _("; see why with: {command}").format(command=failures)
    return told + _("; it goes on with: {command}").format(command=resume)


def quote(reply: str) -> str:
    """`` ("what the provider said")``; nothing where it said nothing."""
    return f' ("{fmt.shortened(reply, LONGEST_QUOTE)}")' if reply else ""


def refused(window: Window) -> str:
    """That the provider refuses an account, and what to do."""
    if is_of_calls(window.gate.why):
        told = _(
            "{account}: the provider refuses the calls of this account{reply}; the token may be "
            "good: {verify}, then run again"
        )
    else:
        told = _(
            "{account}: the provider refuses this account{reply}; "
            "mend it or its token, then run again"
        )
    reply = quote(window.gate.why)
    return told.format(account=window.account, reply=reply, verify=VERIFY)


def limit_source(window: Window, now: int, zone: tzinfo | None = None) -> str:
    """How the limit is known, and since when."""
    if window.limit is None:
        return _("the limit is not known yet")
    if window.limit_learned_at is None:
        return SOURCES[window.limit_source]
    return _("{learned} at {when}").format(
        learned=LEARNED[window.limit_source], when=fmt.when(window.limit_learned_at, now, zone)
    )


def finish(found: Forecast, now: int, zone: tzinfo | None = None, *, brief: bool = False) -> str:
    """``about Thu 27 Nov 09:40``; never to the second, since nobody knows that.

    `brief`: as a table has it, without ``about`` and without what it assumes.
    """
    if found.calls == 0:
        return _("done")
    if found.beyond:
        return _("not known: {calls} beyond what is allowed or paid for").format(
            calls=fmt.count(found.beyond, "call")
        )
    if found.days == 0:
        return _("never: no call a day is allowed")
    at = fmt.minute(found.finish_at, now, zone)
    if brief:
        return at
    told = _("about {when}")
    if found.paid_until is not None:
        told = _("about {when}, with a login each day")
    return told.format(when=at)


def calls_a_day(found: Forecast) -> str:
    """What an untouched day allows, and what is left of this one."""
    if found.per_day is None:
        return _("no limit is known")
    if found.today is None or found.today == found.per_day:
        return fmt.number(found.per_day)
    return _("{per_day}, {today} of them left today").format(
        per_day=fmt.number(found.per_day), today=fmt.number(found.today)
    )

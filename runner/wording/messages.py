"""What a window holds, who is refused or paused, and when it will be finished: a sentence each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

from runner.app.credits import Credits
from runner.core.forecast import Forecast
from runner.core.grants import Expiry
from runner.core.period import Calendar, Grant, Period, Refill, Rolling
from runner.core.verdict import is_of_calls
from runner.core.window import CREDIT, Source, Unit, Window
from runner.store.batches import Batch
from runner.wording import fmt

SOURCES = {
    Source.PRESET: "limit as published",
    Source.CONFIGURED: "limit as configured",
    Source.REFUSAL: "limit learned from a refusal",
    Source.HEADER: "told by the provider",
    Source.BALANCE: "told by the balance",
}
LEARNED = {
    Source.PRESET: "as published",
    Source.CONFIGURED: "as configured",
    Source.REFUSAL: "learned from a refusal",
    Source.HEADER: "learned from the reply header",
    Source.BALANCE: "learned from the balance endpoint",
}
LONGEST_QUOTE = 110
VERIFY = "verify the account's e-mail and bind what the provider asks for"


def usage(window: Window, *, when: bool = True) -> str:
    """``2,000 of 2,000 calls spent today``, and what else holds calls back."""
    unit = window.unit
    counted = fmt.amount(window.spent, unit)
    if window.limit is not None:
        counted += f" of {fmt.amount(window.limit, unit)}"
    one = window.limit is None and window.spent == fmt.one_of(unit)
    said = f"{counted} {unit.removesuffix('s') if one else unit} spent"
    if (when or not _daily(window)) and window.limit_source is not Source.BALANCE:
        said += f" {period_name(window.period)}"
    if window.reserved:
        said += f", {fmt.amount(window.reserved, unit)} in flight"
    if window.kept:
        said += f", {fmt.amount(window.kept, unit)} kept for you"
    return said


def period_name(found: Period) -> str:
    """``today``, ``this month``, ``in any 1 min``, ``in all``."""
    match found:
        case Calendar("month", _):
            return "this month"
        case Calendar():
            return "today"
        case Rolling(ms) | Refill(ms):
            return f"in any {fmt.round_duration(ms)}"
        case Grant():
            return "in all"


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
    known = SOURCES[window.limit_source] if window.limit is not None else "limit not known yet"
    label = owner(window) if several else window.model or window.account
    return f"{label}: {usage(window, when=False)} ({known})"


def owner(window: Window) -> str:
    """``Qwen/Qwen3-8B on modelscope``, or the account alone."""
    return f"{window.model} on {window.account}" if window.model else window.account


def balance(found: Credits, now: int, zone: tzinfo | None = None) -> str:
    """``180.5 credits, 20 frozen (told at 09:20); about 130 of them expire by 09:12 (…)``."""
    frozen = f", {fmt.amount(found.frozen, Unit.CREDITS)} frozen" if found.frozen else ""
    less = ", less our calls since" if found.since else ""
    at = f"told at {fmt.when(found.at, now, zone)}{less}"
    told = f"{fmt.amount(found.available, Unit.CREDITS)} credits{frozen} ({at})"
    left = found.available or found.frozen
    return f"{told}; {_expiry(found.expiring, now, zone)}" if left else told


def _expiry(found: Expiry | None, now: int, zone: tzinfo | None) -> str:
    if found is None:
        return "none of them is known to expire"
    amount = fmt.number(round(found.amount / CREDIT)) if found.amount >= CREDIT else "fewer than 1"
    told = f"about {amount} of them expire by {fmt.when(found.by, now, zone)}"
    if found.seen is None:
        return f"{told} (estimate: they were granted before anybody looked)"
    first, last = (fmt.when(at, now, zone) for at in found.seen)
    return f"{told} (estimate: a grant was seen between {first} and {last})"


def unserved(models: Sequence[str]) -> str:
    """That none of the accounts that are used serves any of `models`, and what to do."""
    names = " or ".join(models)
    return (
        f"no account serves {names}; add it to the models of an account, use another account, "
        "or name another model in the job file"
    )


def paused(batch: Batch) -> str:
    """That a batch was paused, and why if a reason was given; by a person, how it goes on."""
    go_on = f"; it goes on with: midnight resume {batch.part_of or batch.id}"
    why = f": {batch.pause_reason}" if batch.pause_reason else go_on
    return f"{batch.name} (batch {batch.id}) is paused{why}"


def quote(reply: str) -> str:
    """`` ("what the provider said")``; nothing where it said nothing."""
    return f' ("{fmt.shortened(reply, LONGEST_QUOTE)}")' if reply else ""


def refused(window: Window) -> str:
    """That the provider refuses an account, and what to do."""
    if is_of_calls(window.gate.why):
        told = f"{window.account}: the provider refuses the calls of this account"
        told += quote(window.gate.why)
        return f"{told}; the token may be good: {VERIFY}, then run again"
    return (
        f"{window.account}: the provider refuses this account{quote(window.gate.why)}; "
        "mend it or its token, then run again"
    )


def limit_source(window: Window, now: int, zone: tzinfo | None = None) -> str:
    """How the limit is known, and since when."""
    if window.limit is None:
        return "the limit is not known yet"
    if window.limit_learned_at is None:
        return SOURCES[window.limit_source]
    return f"{LEARNED[window.limit_source]} at {fmt.when(window.limit_learned_at, now, zone)}"


def finish(found: Forecast, now: int, zone: tzinfo | None = None) -> str:
    """``about Thu 27 Nov 09:40``; never to the second, since nobody knows that."""
    if found.calls == 0:
        return "done"
    if found.beyond:
        return f"not known: {fmt.count(found.beyond, 'call')} beyond what is allowed or paid for"
    if found.days == 0:
        return "never: no call a day is allowed"
    assumed = ", with a login each day" if found.paid_until is not None else ""
    return f"about {fmt.minute(found.finish_at, now, zone)}{assumed}"


def calls_a_day(found: Forecast) -> str:
    """What an untouched day allows, and what is left of this one."""
    if found.per_day is None:
        return "no limit is known"
    if found.today is None or found.today == found.per_day:
        return fmt.number(found.per_day)
    return f"{fmt.number(found.per_day)}, {fmt.number(found.today)} of them left today"

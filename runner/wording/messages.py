"""What a run waits for, what a window holds, and when it will be finished: a sentence each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import tzinfo

from runner.app.credits import Credits
from runner.core.demand import Waiting
from runner.core.forecast import Forecast
from runner.core.gate import ParkReason
from runner.core.grants import Expiry
from runner.core.period import Calendar, Grant, Period, Refill, Rolling
from runner.core.verdict import is_of_calls
from runner.core.window import CREDIT, NEVER, Source, Unit, Window
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
_VERIFY = "verify the account's e-mail and bind what the provider asks for"


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


def refused(window: Window) -> str:
    """That the provider refuses an account, and what to do."""
    quote = f' ("{fmt.shortened(window.gate.why, LONGEST_QUOTE)}")' if window.gate.why else ""
    if is_of_calls(window.gate.why):
        told = f"{window.account}: the provider refuses the calls of this account{quote}"
        return f"{told}; the token may be good: {_VERIFY}, then run again"
    return (
        f"{window.account}: the provider refuses this account{quote}; "
        "mend it or its token, then run again"
    )


def _refused(reason: Waiting, _moment: str) -> str:
    told = f"the provider refuses this account{_quote(reason)}"
    if is_of_calls(reason.why):
        return f"{told}; the token may be good: {_VERIFY}, then one probe goes first"
    return f"{told}; mend it or its token, then one probe goes first"


def limit_source(window: Window, now: int, zone: tzinfo | None = None) -> str:
    """How the limit is known, and since when."""
    if window.limit is None:
        return "the limit is not known yet"
    if window.limit_learned_at is None:
        return SOURCES[window.limit_source]
    return f"{LEARNED[window.limit_source]} at {fmt.when(window.limit_learned_at, now, zone)}"


def explain_wait(reason: Waiting, now: int, zone: tzinfo | None = None) -> str:
    """Why a batch waits: the window that binds it, how its limit is known, and what comes next."""
    window = reason.window
    if window is None:
        return wait(reason, now, zone)
    told = f"{usage(window)} of {owner(window)} ({limit_source(window, now, zone)})"
    if window.resets_at < NEVER:
        told += f"; resets {fmt.time_left(window.resets_at - now)}"
    return f"{told}; {wait(reason, now, zone)}"


def waits(reasons: Iterable[Waiting], now: int, zone: tzinfo | None = None) -> list[str]:
    """What is waited for, each thing said once."""
    return list(dict.fromkeys(wait(reason, now, zone) for reason in reasons))


def end_reasons(reasons: Iterable[Waiting], now: int, zone: tzinfo | None = None) -> list[str]:
    """Why a run that was asked not to wait has ended, each thing said once."""
    return list(dict.fromkeys(_end(reason, now, zone) for reason in reasons))


def _end(reason: Waiting, now: int, zone: tzinfo | None) -> str:
    window = reason.window
    if reason.cause == ParkReason.SPENT and window is not None and reason.until is not None:
        whose = f" of {window.model}" if window.model else ""
        if isinstance(window.period, Grant):
            site = "a grant needs a login on the provider's site"
            return f"the {window.unit}{whose} are spent: {site}"
        until = fmt.until(reason.until, now, zone)
        return f"{_allowance(window)}{whose} is spent until {until}"
    return wait(reason, now, zone)


def wait(reason: Waiting, now: int, zone: tzinfo | None = None) -> str:
    """Why a batch does not go on, and until when."""
    window = reason.window
    if window is not None and window.gate.probe_in_flight:
        return "one probe call is under way; the others follow when it is answered"
    if window is not None and reason.until is None:
        return "the calls in flight finish, then one probe call goes first"
    moment = "any moment"
    if reason.until is not None:
        period = window.period if window is not None else None
        theirs = period.zone if isinstance(period, Calendar) and _is_far(reason, now) else None
        moment = fmt.until(reason.until, now, zone, theirs)
    return _SENTENCES[reason.cause](reason, moment)


def _is_far(reason: Waiting, now: int) -> bool:
    """Whether somebody will want to know what time it is where the provider is."""
    return reason.until is not None and reason.until - now > fmt.HOUR_MS


def _reset(_reason: Waiting, moment: str) -> str:
    return f"a new day's allowance opens at {moment}, with one probe"


def _spent(reason: Waiting, moment: str) -> str:
    window = reason.window
    if window is None:
        return f"waiting for the reset: sleeping until {moment}, then one probe"
    whose = f" of {window.model}" if window.model else ""
    if isinstance(window.period, Grant):
        quote = _quote(reason) if window.gate.why else ""
        return (
            f"the {window.unit}{whose} on {window.account} are spent{quote}: a grant needs a login "
            "on the provider's web site; watching the balance, which costs nothing"
        )
    if window.remaining == 0:
        told = f"waiting for the reset{whose}: {usage(window)}"
        return f"{told}; sleeping until {moment}, then one probe"
    told = f"the provider says that {_allowance(window)}{whose} is spent{_quote(reason)}"
    return f"{told}; sleeping until {moment}, then one probe"


def _allowance(window: Window) -> str:
    match window.period:
        case Calendar(unit=unit):
            return "today's allowance" if unit == "day" else "this month's allowance"
        case Rolling() | Refill() | Grant():
            return "the allowance"


def _throttled(reason: Waiting, moment: str) -> str:
    return f"the provider asks for a slower pace{_quote(reason)}; going on at {moment}"


def _ambiguous(reason: Waiting, moment: str) -> str:
    told = f"refused for pace or for allowance, the provider does not say which{_quote(reason)}"
    return f"{told}; one probe at {moment} tells"


def _offline(reason: Waiting, moment: str) -> str:
    return f"the provider cannot be reached{_quote(reason)}; trying again at {moment}"


def _gone(reason: Waiting, moment: str) -> str:
    model = reason.window.model if reason.window and reason.window.model else "this model"
    told = f"the provider does not serve {model} any more{_quote(reason)}"
    return f"{told}; name another in the job file, or it is tried again at {moment}"


def _faulty(reason: Waiting, moment: str) -> str:
    told = f"call after call fails by a fault of the provider's{_quote(reason)}"
    return f"{told}; one probe at {moment}"


def _hours(_reason: Waiting, moment: str) -> str:
    return f"outside the hours that you configured; going on at {moment}"


def _capped(reason: Waiting, _moment: str) -> str:
    window = reason.window
    if window is None:
        return "the batch has had as many calls as [limits] max_calls of its job file allows"
    allowed = fmt.count(window.limit or 0, "call")
    return f"the account {window.account} has made the {allowed} that its {window.quota} allows"


def _rate(_reason: Waiting, moment: str) -> str:
    return f"calls start no faster than the account's rate allows; the next one at {moment}"


def _flow(reason: Waiting, moment: str) -> str:
    window = reason.window
    held = f": {usage(window)}" if window else ""
    return f"as fast as the provider allows{held}; the next call at {moment}"


def _due(reason: Waiting, moment: str) -> str:
    del reason
    return f"rows are asked again after a fault, the first at {moment}"


def _in_flight(_reason: Waiting, _moment: str) -> str:
    return "the last calls are in flight"


def _concurrency(_reason: Waiting, _moment: str) -> str:
    return "that is as many at once as the provider bears"


def _pace(reason: Waiting, moment: str) -> str:
    window = reason.window
    if window is not None and window.unit is Unit.CREDITS:
        left = fmt.amount(window.remaining or 0, Unit.CREDITS)
        return f"spreading {left} credits until they expire; the next call at {moment}"
    room = window.remaining if window else None
    left = "today's budget" if room is None else f"today's {fmt.count(room, 'call')} left"
    return f"spreading {left} over the day (--pace asap does not); the next call at {moment}"


def _quote(reason: Waiting) -> str:
    return f' ("{fmt.shortened(reason.why, LONGEST_QUOTE)}")' if reason.why else ""


_SENTENCES = {
    ParkReason.NONE.value: _reset,
    ParkReason.RESET.value: _reset,
    ParkReason.SPENT.value: _spent,
    ParkReason.THROTTLED.value: _throttled,
    ParkReason.AMBIGUOUS.value: _ambiguous,
    ParkReason.OFFLINE.value: _offline,
    ParkReason.GONE.value: _gone,
    ParkReason.CIRCUIT_OPEN.value: _faulty,
    ParkReason.REFUSED.value: _refused,
    "hours": _hours,
    "capped": _capped,
    "flow": _flow,
    "rate": _rate,
    "due": _due,
    "in flight": _in_flight,
    "concurrency": _concurrency,
    "pace": _pace,
}


_HINDRANCES = {
    ParkReason.THROTTLED.value: "the provider asks for a slower pace",
    ParkReason.AMBIGUOUS.value: "the provider refuses calls",
    ParkReason.OFFLINE.value: "the provider cannot be reached",
    ParkReason.GONE.value: "the provider does not serve the model",
    ParkReason.CIRCUIT_OPEN.value: "call after call fails",
    ParkReason.REFUSED.value: "the provider refuses the account",
}


def hindrance(reasons: Iterable[Waiting]) -> str | None:
    """What keeps a forecast from meaning anything, if anything does."""
    return next((_HINDRANCES[r.cause] for r in reasons if r.cause in _HINDRANCES), None)


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

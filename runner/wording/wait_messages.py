"""Sentences on wait reasons: what is waited for, until when, and what happens then."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import tzinfo

from runner.core.calendar import NEVER
from runner.core.demand import WaitReason
from runner.core.gate import ParkReason
from runner.core.others import usually_taken
from runner.core.time_units import HOUR_MS
from runner.core.verdict import is_of_calls
from runner.core.window import Unit, Window
from runner.language import _
from runner.wording import fmt, words
from runner.wording.messages import VERIFY, limit_source, owner, quote, usage


def _refused(reason: WaitReason, _moment: str) -> str:
    sentence = _("the provider refuses this account{reply}").format(reply=quote(reason.why))
    if is_of_calls(reason.why):
        return _("{told}; the token may be good: {verify}, then one probe goes first").format(
            told=sentence, verify=VERIFY
        )
    return _("{told}; fix the account or its token, then one probe goes first").format(
        told=sentence
    )


def explain_wait(reason: WaitReason, now: int, zone: tzinfo | None = None) -> str:
    """Explains a wait: the binding window, the source of its limit, and what happens next."""
    window = reason.window
    if window is None:
        return wait(reason, now, zone)
    sentence = _("{usage} of {owner} ({limit_source})").format(
        usage=usage(window), owner=owner(window), limit_source=limit_source(window, now, zone)
    )
    if window.resets_at < NEVER:
        sentence += _("; resets {time_left}").format(
            time_left=fmt.time_left(window.resets_at - now)
        )
    return f"{sentence}{fmt.SEMICOLON}{wait(reason, now, zone)}"


def waits(reasons: Iterable[WaitReason], now: int, zone: tzinfo | None = None) -> list[str]:
    """Returns a sentence for each wait reason, without duplicates."""
    return list(dict.fromkeys(wait(reason, now, zone) for reason in reasons))


def end_reasons(reasons: Iterable[WaitReason], now: int, zone: tzinfo | None = None) -> list[str]:
    """Returns why a run without waiting has ended, without duplicates."""
    return list(dict.fromkeys(_end(reason, now, zone) for reason in reasons))


def _end(reason: WaitReason, now: int, zone: tzinfo | None) -> str:
    window = reason.window
    if reason.cause == ParkReason.SPENT and window is not None and reason.until is not None:
        whose = _(" of {model}").format(model=window.model) if window.model else ""
        if window.period.granted:
            site = _("a grant needs a login on the provider's site")
            return _("the {unit}{whose} are spent: {site}").format(
                unit=words.UNITS[window.unit], whose=whose, site=site
            )
        until = fmt.until(reason.until, now, zone)
        return _("{allowance}{whose} is spent until {until}").format(
            allowance=_allowance(window), whose=whose, until=until
        )
    return wait(reason, now, zone)


def wait(reason: WaitReason, now: int, zone: tzinfo | None = None) -> str:
    """Returns why a batch waits, and until when."""
    window = reason.window
    if window is not None and window.gate.probe_in_flight:
        return _("one probe call is under way; the others follow when it is answered")
    if window is not None and reason.until is None:
        return _("the calls in flight finish, then one probe call goes first")
    moment = _("any moment")
    if reason.until is not None:
        theirs = window.period.zone if window is not None and _is_far(reason, now) else None
        moment = fmt.until(reason.until, now, zone, theirs)
    return _SENTENCES[reason.cause](reason, moment)


def _is_far(reason: WaitReason, now: int) -> bool:
    """Whether the wait is so long that the provider's local time is of interest."""
    return reason.until is not None and reason.until - now > HOUR_MS


def _reset(_reason: WaitReason, moment: str) -> str:
    return _("a new day's allowance opens at {moment}, with one probe").format(moment=moment)


def _spent(reason: WaitReason, moment: str) -> str:
    window = reason.window
    if window is None:
        return _("waiting for the reset: sleeping until {moment}, then one probe").format(
            moment=moment
        )
    whose = _(" of {model}").format(model=window.model) if window.model else ""
    if window.period.granted:
        reply = quote(reason.why) if window.gate.why else ""
        return _(
            "the {unit}{whose} on {account} are spent{reply}: a grant needs a login on "
            "the provider's web site; watching the balance, which costs nothing"
        ).format(unit=words.UNITS[window.unit], whose=whose, account=window.account, reply=reply)
    if window.remaining == 0:
        sentence = _("waiting for the reset{whose}: {usage}").format(
            whose=whose, usage=usage(window)
        )
        return _("{told}; sleeping until {moment}, then one probe").format(
            told=sentence, moment=moment
        )
    sentence = _("the provider says that {allowance}{whose} is spent{reply}").format(
        allowance=_allowance(window), whose=whose, reply=quote(reason.why)
    )
    return _("{told}; sleeping until {moment}, then one probe").format(told=sentence, moment=moment)


def _allowance(window: Window) -> str:
    if window.period.is_daily:
        return _("today's allowance")
    return _("this month's allowance") if window.period.resets else _("the allowance")


def _throttled(reason: WaitReason, moment: str) -> str:
    return _("the provider asks for a slower pace{reply}; going on at {moment}").format(
        reply=quote(reason.why), moment=moment
    )


def _ambiguous(reason: WaitReason, moment: str) -> str:
    sentence = _(
        "refused for pace or for allowance, the provider does not say which{reply}"
    ).format(reply=quote(reason.why))
    return _("{told}; one probe at {moment} decides").format(told=sentence, moment=moment)


def _offline(reason: WaitReason, moment: str) -> str:
    return _("the provider cannot be reached{reply}; trying again at {moment}").format(
        reply=quote(reason.why), moment=moment
    )


def _gone(reason: WaitReason, moment: str) -> str:
    model = reason.window.model if reason.window and reason.window.model else _("this model")
    sentence = _("the provider does not serve {model} any more{reply}").format(
        model=model, reply=quote(reason.why)
    )
    return _("{told}; name another in the job file, or it is tried again at {moment}").format(
        told=sentence, moment=moment
    )


def _faulty(reason: WaitReason, moment: str) -> str:
    sentence = _("call after call fails by a fault of the provider's{reply}").format(
        reply=quote(reason.why)
    )
    return _("{told}; one probe at {moment}").format(told=sentence, moment=moment)


def _hours(_reason: WaitReason, moment: str) -> str:
    return _("outside the hours that you configured; going on at {moment}").format(moment=moment)


def _capped(reason: WaitReason, _moment: str) -> str:
    window = reason.window
    if window is None:
        return _("the batch has had as many calls as [limits] max_calls of its job file allows")
    allowed = fmt.count(window.limit or 0, "call")
    return _("the account {account} has made the {allowed} that its {quota} allows").format(
        account=window.account, allowed=allowed, quota=window.quota
    )


def _daily(reason: WaitReason, moment: str) -> str:
    return _("{why}; going on at {moment}").format(why=reason.why, moment=moment)


def _rate(_reason: WaitReason, moment: str) -> str:
    return _(
        "calls start no faster than the account's rate allows; the next one at {moment}"
    ).format(moment=moment)


def _window_full(reason: WaitReason, moment: str) -> str:
    window = reason.window
    counted = f": {usage(window)}" if window else ""
    return _("as fast as the provider allows{held}; the next call at {moment}").format(
        held=counted, moment=moment
    )


def _due(_reason: WaitReason, moment: str) -> str:
    return _("rows are asked again after a fault, the first at {moment}").format(moment=moment)


def _in_flight(_reason: WaitReason, _moment: str) -> str:
    return _("the last calls are in flight")


def _concurrency(_reason: WaitReason, _moment: str) -> str:
    return _("the provider accepts no more calls at once")


def _pace(reason: WaitReason, moment: str) -> str:
    window = reason.window
    if window is not None and window.unit is Unit.CREDITS:
        left = fmt.amount(window.remaining or 0, Unit.CREDITS)
        return _("spreading {left} credits until they expire; the next call at {moment}").format(
            left=left, moment=moment
        )
    room = window.remaining if window else None
    left = (
        _("today's budget")
        if room is None
        else _("today's {calls} left").format(calls=fmt.count(room, "call"))
    )
    told = _(
        "spreading {left} over the day (--pace asap does not); the next call at {moment}"
    ).format(left=left, moment=moment)
    return told + fmt.SEMICOLON + _others(window) if window and window.others else told


def _others(window: Window) -> str:
    since = window.last_start_at or window.starts_at
    number = usually_taken(window.others, since, window.resets_at)
    return _("others usually take about {calls} more today").format(calls=fmt.count(number, "call"))


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
    "daily": _daily,
    "flow": _window_full,
    "rate": _rate,
    "due": _due,
    "in flight": _in_flight,
    "concurrency": _concurrency,
    "pace": _pace,
}


_HINDRANCES = {
    ParkReason.THROTTLED.value: _("the provider asks for a slower pace"),
    ParkReason.AMBIGUOUS.value: _("the provider refuses calls"),
    ParkReason.OFFLINE.value: _("the provider cannot be reached"),
    ParkReason.GONE.value: _("the provider does not serve the model"),
    ParkReason.CIRCUIT_OPEN.value: _("call after call fails"),
    ParkReason.REFUSED.value: _("the provider refuses the account"),
}


def hindrance(reasons: Iterable[WaitReason]) -> str | None:
    """Returns the condition that makes a forecast unreliable; None if there is none."""
    return next((_HINDRANCES[r.cause] for r in reasons if r.cause in _HINDRANCES), None)

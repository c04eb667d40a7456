"""Gates: how long a window is parked after a refusal, and when it is probed again.

A gate is open, parked until a moment, or waiting for its probe: the single call whose success opens
it. Every calendar window starts with a probe, so that a late reset costs one refusal only.
Amounts and counts are in window.py. Moments are ms since the epoch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from runner.core.time_units import DAY_MS, HOUR_MS, MINUTE_MS

LONGEST_DAY_MS = DAY_MS + HOUR_MS  # the day on which summer time ends

# The waits after the 1st, 2nd, ... refused probe of what has no reset of its own.
PROBE_WAITS_MS = tuple(n * MINUTE_MS for n in (1, 2, 5, 10, 20, 30, 60, 120, 240))
# The waits after the 1st and 2nd refusal of a fresh window, whose reset may be late by ten minutes
# or by an hour and a half. Waiting costs nothing, since calls are spread over the rest of the day.
LATE_WAITS_MS = tuple(n * MINUTE_MS for n in (10, 81))
# A refusal later than this after the reset has another cause: somebody else spent the allowance.
LATE_RESET_MS = 2 * HOUR_MS
# The number of probes of a fresh window that somebody else seems to have spent.
MOST_TRIES = 3
# A day that was refused so often gets no further probe that is likely to be refused, whatever it is
# for: a late reset, an allowance that somebody else may have spent, a limit that may be raised.
MOST_REFUSALS = 4

# ModelScope's "We have to rate limit you" clears in seconds to 15 minutes, by reports in public
# issues as of 2026-11.
THROTTLE_WAITS_MS = (5_000, 40_000, 120_000, 300_000, 900_000)
AMBIGUOUS_WAIT_MS = 60_000
# A model that is gone may be served again one day; each probe costs a call.
GONE_WAITS_MS = (10 * MINUTE_MS, HOUR_MS, 6 * HOUR_MS, 24 * HOUR_MS)
# A gateway may refuse a good token once or twice. After that only the user can mend it.
REFUSED_WAITS_MS = (5_000, 40_000)
OFFLINE_WAITS_MS = (2_000, 5_000, 10_000, 20_000, 30_000)

# This many faults in a row, without an answer between them, open the circuit breaker.
FAULTS_TO_BREAK = 8
CIRCUIT_WAITS_MS = tuple(n * MINUTE_MS for n in (1, 2, 5, 10, 20, 30, 60))


class ParkReason(StrEnum):
    """Why a gate is parked."""

    NONE = ""
    RESET = "reset"  # a fresh window, not yet probed
    SPENT = "spent"
    THROTTLED = "throttled"
    AMBIGUOUS = "ambiguous"  # throttled or spent: the next probe decides
    OFFLINE = "offline"
    GONE = "gone"
    CIRCUIT_OPEN = "circuit_open"  # too many faults in a row
    REFUSED = "refused"  # the token or the account, until a call is answered


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether and when calls may use a window.

    Attributes:
        parked_until: No call starts before this moment (ms since the epoch).
        needs_probe: Whether the next call goes alone, and only its success opens the gate.
        probe_in_flight: Whether that call is in flight.
        reason: Why the gate was parked last.
        refusals: How often in a row it was parked for that reason; it determines the next wait.
        faults: The number of consecutive calls that failed by a fault of the provider.
        answered: Whether any call was answered since the window opened.
        why: The provider's reason, in words.
    """

    parked_until: int = 0
    needs_probe: bool = True
    probe_in_flight: bool = False
    reason: ParkReason = ParkReason.NONE
    refusals: int = 0
    faults: int = 0
    answered: bool = False
    why: str = ""


OPEN = Gate(needs_probe=False, answered=True)
"""The gate of a window whose calls are answered."""


def entered(gate: Gate) -> Gate:
    """Returns the gate after a call was admitted."""
    return replace(gate, probe_in_flight=True) if gate.needs_probe else gate


def opened(gate: Gate, *, probe: bool) -> Gate:
    """Returns the gate after a call was answered.

    A call that was in flight before the gate was parked proves nothing: only the probe opens it.
    """
    if gate.needs_probe and not probe:
        return gate
    return OPEN


def probe_lost(gate: Gate, *, probe: bool) -> Gate:
    """Returns the gate after a call whose end says nothing about the allowance."""
    return replace(gate, probe_in_flight=False) if probe else gate


def faulted(gate: Gate, why: str, now: int, *, probe: bool) -> Gate:
    """Returns the gate after a transient fault; many in a row open the circuit breaker."""
    if gate.needs_probe and not probe:
        return gate
    counted = replace(gate, probe_in_flight=False, faults=gate.faults + 1)
    if counted.faults < FAULTS_TO_BREAK:
        return counted
    until = now + _wait(gate, ParkReason.CIRCUIT_OPEN, CIRCUIT_WAITS_MS)
    return park(counted, until, ParkReason.CIRCUIT_OPEN, why, probe=probe)


def park(gate: Gate, until: int, reason: ParkReason, why: str, *, probe: bool) -> Gate:
    """Returns the gate after a refusal: no call before `until`, then one probe.

    Of calls that were in flight together only the first refusal counts. The others find the gate
    parked, and can only postpone its opening.
    """
    if gate.needs_probe and not probe:
        return replace(gate, parked_until=max(gate.parked_until, until))
    again = gate.refusals + 1 if reason is gate.reason else 1
    return replace(
        gate,
        parked_until=until,
        needs_probe=True,
        probe_in_flight=False,
        reason=reason,
        refusals=again,
        why=why,
    )


def after_reset(parked_until: int, old: Gate, now: int) -> Gate:
    """Returns the gate of a fresh window.

    A wait that does not depend on the day (throttling, no network) outlasts the reset, and so does
    a refusal of the account.
    """
    if old.reason is ParkReason.REFUSED:
        return replace(
            old, parked_until=parked_until, needs_probe=True, probe_in_flight=False, answered=False
        )
    if old.parked_until > now:
        until = max(parked_until, old.parked_until)
        return replace(
            old, parked_until=until, needs_probe=True, probe_in_flight=False, answered=False
        )
    return Gate(parked_until, reason=ParkReason.RESET)


def shift(gate: Gate, by: int) -> Gate:
    """Returns the gate after the clock was set back `by` ms."""
    return replace(gate, parked_until=max(0, gate.parked_until - by))


def before_burst(gate: Gate, *, probe: bool) -> Gate:
    """Returns the gate as the first of several refusals in flight found it.

    The others find the gate parked. Their waits are as long as the first one's, since they do not
    show that waiting did not help.
    """
    late = gate.needs_probe and not probe
    return replace(gate, refusals=max(0, gate.refusals - 1)) if late else gate


def reprobe_at(gate: Gate, window_started_at: int, resets_at: int, now: int) -> int:
    """Returns when to probe again after the provider refused an untouched window as spent.

    A late reset of a day costs four refusals at most, however late it is: after the third, the wait
    is half of the rest of the day. A month is then probed once a day.
    """
    tried = gate.refusals if gate.reason is ParkReason.SPENT else 0
    late = now - window_started_at <= LATE_RESET_MS
    if late and tried < len(LATE_WAITS_MS):
        return min(resets_at, now + LATE_WAITS_MS[tried])
    if resets_at - window_started_at > LONGEST_DAY_MS:
        return min(resets_at, now + DAY_MS)
    left = resets_at - now
    return now + left // 2 if tried < MOST_TRIES and left > HOUR_MS else resets_at


def retry_at(resets_at: int, now: int) -> int:
    """Returns when to retry a day that was refused without a count, as its limit may be raised.

    After three quarters of the rest of it: late enough to notice most raises, and early enough to
    spend what they bring.
    """
    left = resets_at - now
    return now + left * 3 // 4 if left > HOUR_MS else resets_at


def probe_wait(gate: Gate) -> int:
    """Returns the wait before the next probe of a spent window, in ms."""
    return _wait(gate, ParkReason.SPENT, PROBE_WAITS_MS)


def throttled_until(gate: Gate, asked_ms: int | None, now: int) -> int:
    """Returns when to call again after throttling: the longer of the asked and our growing wait."""
    return now + max(asked_ms or 0, _wait(gate, ParkReason.THROTTLED, THROTTLE_WAITS_MS))


def gone_until(gate: Gate, now: int) -> int:
    """Returns when to probe again whether a model is served."""
    return now + _wait(gate, ParkReason.GONE, GONE_WAITS_MS)


def refused_until(gate: Gate, asked_ms: int | None, now: int) -> int:
    """Returns when to call again after a refusal of the account, whose calls were answered."""
    tried = gate.refusals if gate.reason is ParkReason.REFUSED else 0
    return now + max(asked_ms or 0, *REFUSED_WAITS_MS[tried : tried + 1], 0)


def offline_until(gate: Gate, now: int) -> int:
    """Returns when to call again after a call could not leave this machine."""
    return now + _wait(gate, ParkReason.OFFLINE, OFFLINE_WAITS_MS)


def _wait(gate: Gate, reason: ParkReason, waits_ms: tuple[int, ...]) -> int:
    tried = gate.refusals if gate.reason is reason else 0
    return waits_ms[min(tried, len(waits_ms) - 1)]

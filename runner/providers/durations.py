"""Parses numbers, durations and times in reply headers, and waits and times in messages.

Nothing here raises: a malformed or implausible value is None.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from fractions import Fraction
from functools import lru_cache
from zoneinfo import ZoneInfo

from runner.core.time_units import DAY_MS

LONGEST_MS = 400 * DAY_MS  # later resets are implausible, because the longest period is a year
STALEST_MS = DAY_MS  # a reset further in the past cannot be explained by clock errors

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_BLANKS = " \t"  # the white space that HTTP allows around a value; str.strip() removes more
_EPOCH_MS_ABOVE = 10**12  # a bare number above this is ms since the epoch ...
_EPOCH_S_ABOVE = 10**9  # ... and above this, s since the epoch; otherwise seconds from now

# No sign, no exponent, and a plausible number of ASCII digits.
_MOST_DIGITS = 15
_NUMBER = rf"[0-9]{{1,{_MOST_DIGITS}}}(?:\.[0-9]{{1,20}})?"
_A_NUMBER = re.compile(_NUMBER)
_UNITS_MS: dict[str, int | Fraction] = {
    "d": DAY_MS,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1000,
    "ms": 1,
    "us": Fraction(1, 1000),
    "\u00b5s": Fraction(1, 1000),  # Go's spelling: the micro sign
    "ns": Fraction(1, 1_000_000),
}
# Each unit occurs at most once, the greatest first; the look-ahead excludes an empty text.
_DURATION = re.compile("(?=.)" + "".join(f"(?:({_NUMBER}){unit})?" for unit in _UNITS_MS))
# ISO 8601, without years and months: "PT1M30S"; and hours, minutes and seconds: "0:01:30".
_ISO_8601 = re.compile(
    rf"P(?=[0-9T])(?:({_NUMBER})D)?(?:T(?=[0-9])(?:({_NUMBER})H)?(?:({_NUMBER})M)?(?:({_NUMBER})S)?)?"
)
_CLOCK = re.compile(r"([0-9]{1,3}):([0-5][0-9]):([0-5][0-9](?:\.[0-9]{1,20})?)")
_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,20})?"
    r"(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})"
)
# RFC 9110, 5.6.7: the preferred form, RFC 850's and asctime's; numeric zones occur.
_HTTP_DATE = re.compile(
    r"(?:[A-Za-z]{3,9}, )?[0-9]{1,2}[ -][A-Za-z]{3}[ -](?:[0-9]{2}|[0-9]{4}) "
    r"[0-9]{2}:[0-9]{2}:[0-9]{2} (?:GMT|UTC|[+-][0-9]{4})"
    r"|[A-Za-z]{3} [A-Za-z]{3} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2} [0-9]{4}"
)

# Waits in a sentence. A number without a unit is not one, because it may count anything.
_WORD_MS = {
    name: _UNITS_MS[unit]
    for unit, names in {
        "d": ("days", "day", "d", "天"),
        "h": ("hours", "hour", "hrs", "hr", "h", "个小时", "小时"),
        "m": ("minutes", "minute", "mins", "min", "m", "分钟", "分"),
        "s": ("seconds", "second", "secs", "sec", "s", "秒钟", "秒"),
        "ms": ("milliseconds", "millisecond", "ms", "毫秒"),
    }.items()
    for name in names
}
_UNIT = f"(?:{'|'.join(_WORD_MS)})"
_AMOUNT = re.compile(rf"({_NUMBER}) ?({_UNIT})(?![a-z])", re.IGNORECASE)
_ONE = rf"{_NUMBER} ?{_UNIT}(?![a-z])"
_AMOUNTS = rf"({_ONE}(?:,? ?(?:and )?{_ONE}){{0,4}})"
_ABOUT = r"(?:about |approximately |around |~ ?)?"
_WAIT = re.compile(
    rf"(?:try(?:ing)?|retry)(?: your request)?(?: again)?[ -](?:in|after):? {_ABOUT}{_AMOUNTS}"
    r"|(?:wait|resets?|available|allowed|cool-?down|back off)(?: again)?"
    rf"(?: for| in| after| at least| another|:)? {_ABOUT}{_AMOUNTS}"
    rf"|retry {_AMOUNTS} later"
    rf"|{_AMOUNTS} ?(?:之|以)?后(?:再|重|请)?(?:新|次)?(?:重?试|尝试|请求|调用)"
    rf"|{_AMOUNTS} ?後に(?:再|もう)"
    rf"|(?:等待|再过) ?{_AMOUNTS}",
    re.IGNORECASE,
)
# A field of an error that is quoted in its message; its unit is the second where it names none.
_FIELD = re.compile(
    rf"retry_?-?after(_?ms)?[\"']?\s?[:=]\s?[\"']?({_NUMBER})(?![0-9.:-]|\s?{_UNIT})", re.IGNORECASE
)
_LONGEST_TEXT = 4_000

# Times in a sentence, next to words about a reset or a retry.
_AT = (
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?"
    r"(?: ?(?:Z|UTC|[+-][0-9]{2}:?[0-9]{2}))?"
    r"|(?:[A-Z][a-z]{2}, )?[0-9]{1,2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} (?:GMT|UTC)"
    r"|1[0-9]{9}(?:[0-9]{3})?(?![0-9]))"  # since the epoch
)
_MOMENT = re.compile(
    rf"(?:resets?|renew(?:s|ed)?|available|retry|try again|refreshe?s?|until|after|wait)"
    rf"[^0-9\n]{{0,24}}{_AT}"
    rf"|{_AT}[^0-9\n]{{0,8}}(?:重置|恢复|重试|刷新|解除)"
    rf"|(?:重置|恢复|重试|刷新)[^0-9\n]{{0,12}}{_AT}",
    re.IGNORECASE,
)


def read_whole(text: str) -> int | None:
    """Parses a whole amount: "12" or "12.0", but not "12.5"."""
    number = _number(text)
    if number is None or isinstance(number, int):
        return number
    return int(number) if number.denominator == 1 else None


def read_floor(text: str) -> int | None:
    """Parses an amount and rounds it down, as for remaining units: "12.5" is 12."""
    number = _number(text)
    return None if number is None else math.floor(number)


def read_span(text: str, unit_ms: int) -> int | None:
    """Parses a number in units of `unit_ms`; returns ms, up to `LONGEST_MS`."""
    number = _number(text)
    return None if number is None else _sane(number * unit_ms)


def read_duration(text: str) -> int | None:
    """Parses a duration with its units, such as "1s", "6m0s", "20ms", "2m59.56s" or "1d".

    ISO 8601's "PT1M30S" and "0:01:30" are durations as well.

    Returns:
        The duration in ms, rounded up, so that such a wait is long enough.
    """
    text = text.strip(_BLANKS)
    forms = (_DURATION, _ISO_8601, _CLOCK)
    match = next((found for form in forms if (found := form.fullmatch(text))), None)
    if match is None:
        return None
    units = list(_UNITS_MS.values())[1 if match.re is _CLOCK else 0 :]
    spans = zip(match.groups(), units, strict=False)
    return _sane(sum((_amount(count) * unit for count, unit in spans if count), 0))


def read_wait(text: str) -> int | None:
    """Finds the wait in a sentence, in ms: "Please try again in 9m38s", "请在60秒后重试".

    Of several waits, the first is returned. Units may be written out, and one wait may have several
    units.
    """
    match = _WAIT.search(text[:_LONGEST_TEXT]) if text else None
    if match is None:
        return _waiting_field(text[:_LONGEST_TEXT])
    amounts = _AMOUNT.findall(next(filter(None, match.groups())))
    spans = (_amount(count) * _WORD_MS[unit.lower()] for count, unit in amounts)
    return _sane(sum(spans, 0))


def _waiting_field(text: str) -> int | None:
    match = _FIELD.search(text)
    return match and read_span(match[2], 1 if match[1] else 1000)


def read_moment(text: str, zone: str) -> int | None:
    """Finds the time of a reset in a sentence, in ms since the epoch.

    Examples are "will reset at 2026-09-09 03:30:06" and "将在 2026-09-09 03:30:06 重置". A time
    without an offset is in the provider's `zone`.
    """
    match = _MOMENT.search(text[:_LONGEST_TEXT]) if text else None
    if match is None:
        return None
    time_text = next(filter(None, match.groups()))
    if time_text.isdecimal():
        return _of_bare(int(time_text), 0)
    if (date := read_http_date(time_text)) is not None:
        return date
    try:
        moment = datetime.fromisoformat(time_text.upper().replace("UTC", "Z").replace(" Z", "Z"))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=ZoneInfo(zone))
        return _since_epoch(moment)
    except (ValueError, OverflowError):
        return None


def read_reset(text: str, now: int) -> int | None:
    """Parses the time of a reset; returns ms since the epoch.

    It is an RFC 3339 time, a duration from `now`, or a bare number: ms since the epoch above 1e12,
    seconds since the epoch above 1e9, else seconds from now. A time more than `STALEST_MS` before
    `now`, or more than `LONGEST_MS` after it, is ignored.
    """
    moment = _moment(text.strip(_BLANKS), now)
    near = moment is not None and now - STALEST_MS <= moment <= now + LONGEST_MS
    return moment if near else None


@lru_cache(maxsize=16)  # all replies within a second have the same Date
def read_http_date(text: str) -> int | None:
    """Parses an HTTP date, which is UTC if it has no zone; returns ms since the epoch."""
    text = text.strip(_BLANKS)
    if not _HTTP_DATE.fullmatch(text):
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # an impossible date, such as 31 February
        return None
    return _since_epoch(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _moment(text: str, now: int) -> int | None:
    if (number := _number(text)) is not None:
        return _of_bare(number, now)
    if (wait := read_duration(text)) is not None:
        return now + wait
    return _of_rfc_3339(text)


def _of_bare(number: int | Fraction, now: int) -> int:
    if number > _EPOCH_MS_ABOVE:
        return math.ceil(number)
    return math.ceil(number * 1000) + (0 if number > _EPOCH_S_ABOVE else now)


def _of_rfc_3339(text: str) -> int | None:
    if not _RFC_3339.fullmatch(text):
        return None
    try:
        return _since_epoch(datetime.fromisoformat(text.upper()))
    except ValueError:  # an impossible date
        return None


def _since_epoch(moment: datetime) -> int:
    return -((_EPOCH - moment) // _MS)  # rounded up, as durations are


def _number(text: str) -> int | Fraction | None:
    """Parses a number exactly; an int, which most are, takes a twentieth of a Fraction's time."""
    text = text.strip(_BLANKS)
    if text.isdecimal() and text.isascii():
        return int(text) if len(text) <= _MOST_DIGITS else None
    return Fraction(text) if _A_NUMBER.fullmatch(text) else None


def _amount(count: str) -> int | Fraction:
    return Fraction(count) if "." in count else int(count)


def _sane(span_ms: int | Fraction) -> int | None:
    return math.ceil(span_ms) if span_ms <= LONGEST_MS else None

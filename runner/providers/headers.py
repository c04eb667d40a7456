"""Rate-limit headers of replies: the limit, what remains, the reset, the wait.

The names of the headers come from a preset; this module has the grammar of their values. Nothing
here raises: a malformed value is None, as if the header were missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from runner.providers.durations import (
    DAY_MS,
    read_floor,
    read_http_date,
    read_reset,
    read_span,
    read_wait,
    read_whole,
)
from runner.providers.header_names import STANDARD_FIELDS, HeaderNames

OLDER = ""  # stands for the policy in the older forms, which name none
LONGEST_WAIT_MS = 31 * DAY_MS  # a longer Retry-After is a mistake or a ban

# The headers that name a wait, the most precise first, with their units.
_WAITS = {
    "retry-after-ms": 1,
    "retry-after": 1000,
    "llm_provider-retry-after-ms": 1,
    "llm_provider-retry-after": 1000,
}
_MOMENTS_ABOVE = 10**12  # so many ms and more are no wait, but a moment

# Structured fields (RFC 9651), with blanks and unquoted names tolerated. No header, however
# hostile, takes more than linear time. Only single characters have possessive quantifiers: on
# groups they match wrongly before Python 3.11.5 (cpython#106052).
_STRING = r'"[ !#-\[\]-~]*+(?:\\["\\][ !#-\[\]-~]*+)*"'
_TOKEN = r"[A-Za-z*][-!#$%&'*+.^_`|~:/0-9A-Za-z]*+"  # noqa: S105 - the grammar's word
_KEY = r"[a-z*][-a-z0-9_.*]*+"
_PARAMETER = rf'[ \t]*+;[ \t]*+({_KEY})(?:=(%?{_STRING}|[^\s";,]++))?'
_MEMBER = re.compile(rf"({_STRING}|{_TOKEN})((?:{_PARAMETER})*)")
_ENTRY = re.compile(rf"({_KEY})=([^;]*+)(?:{_PARAMETER})*")
# Between commas that no string holds; a string that is never closed takes the rest with it.
_BETWEEN_COMMAS = re.compile(r'(?:"[^"\\]*+(?:\\.?[^"\\]*+)*(?:"|\Z)|[^",]++)+', re.DOTALL)


@dataclass(frozen=True, slots=True)
class RateLimitInfo:
    """What the headers of one reply say of one quota; a field is None if they do not say it.

    Attributes:
        limit: Whole units per window; 0 means that no call is ever allowed.
        remaining: Whole units left; never more than the limit where both are told.
        resets_at: In ms since the epoch, UTC; up to a day in the past where clocks differ.
    """

    limit: int | None = None
    remaining: int | None = None
    resets_at: int | None = None


def read_quota(headers: Mapping[str, str], names: HeaderNames, now: int) -> RateLimitInfo | None:
    """What the headers called `names` say; None if nothing usable."""
    if names.policy:
        return read_standard(headers, now).get(names.policy)
    if not (names.limit in headers or names.remaining in headers or names.reset in headers):
        return None
    resets_at = read_reset(_value(headers, names.reset), now)
    return _told(_value(headers, names.limit), _value(headers, names.remaining), resets_at)


def read_standard(headers: Mapping[str, str], now: int) -> Mapping[str, RateLimitInfo]:
    """What the IETF fields say, by policy (draft-ietf-httpapi-ratelimit-headers).

    The earlier forms of the draft name no policy and are under `OLDER`: one dictionary in
    RateLimit, or else RateLimit-Limit, -Remaining and -Reset. A malformed member is skipped.
    """
    if STANDARD_FIELDS.isdisjoint(headers):
        return {}
    found = {OLDER: _older(headers, now)}
    policies = _policies(_value(headers, "ratelimit-policy"))
    states = _policies(_value(headers, "ratelimit"))
    for name in [*policies, *states]:
        told = policies.get(name, {}) | states.get(name, {})
        wait = read_span(told.get("t", ""), 1000)
        resets_at = None if wait is None else now + wait
        found[name] = _told(told.get("q", ""), told.get("r", ""), resets_at)
    return {name: told for name, told in found.items() if told}


def read_retry_after(headers: Mapping[str, str], now: int) -> int | None:
    """How long the reply asks to wait, in ms; 0 if the moment that it names has passed.

    ``Retry-After`` is a number of seconds, a duration with its units, or a moment: an HTTP date,
    RFC 3339, or seconds or ms since the epoch. LiteLLM passes the provider's own on under another
    name. A wait beyond `LONGEST_WAIT_MS` is ignored.
    """
    if _WAITS.keys().isdisjoint(headers):
        return None
    found = (
        _wait(headers[name].strip(), unit_ms, now)
        for name, unit_ms in _WAITS.items()
        if name in headers
    )
    return next((wait for wait in found if wait is not None and wait <= LONGEST_WAIT_MS), None)


def _wait(text: str, unit_ms: int, now: int) -> int | None:
    if (until := read_http_date(text)) is not None:
        return max(0, until - now)
    values = {part.strip() for part in text.split(",")}  # of several headers that were joined
    if len(values) > 1:
        return None
    text = values.pop()
    number = read_floor(text)
    if number is not None and number * unit_ms < _MOMENTS_ABOVE:
        return read_span(text, unit_ms)
    until = read_reset(text, now)
    return read_wait(f"retry after {text}") if until is None else max(0, until - now)


def read_date(headers: Mapping[str, str]) -> int | None:
    """The reply's Date in ms since the epoch, if it is one."""
    return read_http_date(_value(headers, "date"))


def _value(headers: Mapping[str, str], name: str) -> str:
    return headers.get(name, "") if name else ""


def _told(limit_text: str, remaining_text: str, resets_at: int | None) -> RateLimitInfo | None:
    """The three figures; limit and remainder are both ignored if the remainder is greater."""
    limit, remaining = _limit(limit_text), read_floor(remaining_text)
    if limit is not None and remaining is not None and remaining > limit:
        limit = remaining = None
    if limit is None and remaining is None and resets_at is None:
        return None
    return RateLimitInfo(limit, remaining, resets_at)


def _limit(text: str) -> int | None:
    """A limit, alone or followed by its policies as in the early drafts: "10, 10;w=1, 50;w=60".

    Two bare numbers come from two headers that disagree, and are ignored. So is a fraction: 0.5
    rounded down would mean that no call is ever allowed.
    """
    first = text.partition(",")[0].partition(";")[0]
    return read_whole(first if ";" in text else text)


def _older(headers: Mapping[str, str], now: int) -> RateLimitInfo | None:
    found = (_ENTRY.fullmatch(member) for member in _members(_value(headers, "ratelimit")))
    entries = {entry[1]: entry[2] for entry in found if entry}
    names = ("limit", "remaining", "reset")
    in_one = {name: entries.get(name, "") for name in names}
    apart = {name: _value(headers, f"ratelimit-{name}") for name in names}
    tellings = (
        _told(form["limit"], form["remaining"], read_reset(form["reset"], now))
        for form in (in_one, apart)
    )
    return next((told for told in tellings if told), None)


def _policies(text: str) -> dict[str, dict[str, str]]:
    """The parameters of a field's well-formed members, unparsed, by the name of the policy."""
    found = {}
    for member in _members(text):
        if (parts := _MEMBER.fullmatch(member)) and (name := _unquoted(parts[1])):
            found[name] = {key: value or "" for key, value in re.findall(_PARAMETER, parts[2])}
    return found


def _members(text: str) -> Iterator[str]:
    return (found[0].strip(" \t") for found in _BETWEEN_COMMAS.finditer(text))


def _unquoted(name: str) -> str:
    return re.sub(r'\\(["\\])', r"\1", name[1:-1]) if name.startswith('"') else name

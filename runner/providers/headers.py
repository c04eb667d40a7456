"""Parses the rate-limit headers of replies: limit, remaining units, reset and ``Retry-After``.

A preset has the names of the headers; this module has the grammar of their values. Nothing here
raises: a malformed value is None, as if the header were missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from runner.core.time_units import DAY_MS
from runner.providers.durations import (
    read_floor,
    read_http_date,
    read_reset,
    read_span,
    read_wait,
    read_whole,
)
from runner.providers.header_names import STANDARD_FIELDS, HeaderNames

OLDER = ""  # the policy name of the older forms, which have none
LONGEST_WAIT_MS = 31 * DAY_MS  # a longer Retry-After is a mistake or a ban

# The headers with a wait, the most precise first, and the ms in their unit.
_WAITS = {
    "retry-after-ms": 1,
    "retry-after": 1000,
    "llm_provider-retry-after-ms": 1,
    "llm_provider-retry-after": 1000,
}
_EPOCH_MS_FROM = 10**12  # a number of ms from here on is a time since the epoch, not a wait

# Structured fields (RFC 9651); blanks and unquoted names are tolerated. Matching takes linear time
# even for hostile headers. Only single characters have possessive quantifiers, because those of
# groups match wrongly before Python 3.11.5 (cpython#106052).
_STRING = r'"[ !#-\[\]-~]*+(?:\\["\\][ !#-\[\]-~]*+)*"'
_TOKEN = r"[A-Za-z*][-!#$%&'*+.^_`|~:/0-9A-Za-z]*+"  # noqa: S105 - the grammar's word
_KEY = r"[a-z*][-a-z0-9_.*]*+"
_PARAMETER = rf'[ \t]*+;[ \t]*+({_KEY})(?:=(%?{_STRING}|[^\s";,]++))?'
_MEMBER = re.compile(rf"({_STRING}|{_TOKEN})((?:{_PARAMETER})*)")
_ENTRY = re.compile(rf"({_KEY})=([^;]*+)(?:{_PARAMETER})*")
# The members between commas outside of strings; an unclosed string extends to the end.
_BETWEEN_COMMAS = re.compile(r'(?:"[^"\\]*+(?:\\.?[^"\\]*+)*(?:"|\Z)|[^",]++)+', re.DOTALL)


@dataclass(frozen=True, slots=True)
class RateLimitInfo:
    """The state of a quota according to the headers of a reply; a field is None if unknown.

    Attributes:
        limit: The units per window; 0 means that no call is ever allowed.
        remaining: The units that remain, never more than the limit.
        resets_at: The time of the reset, in ms since the epoch, UTC; it may be up to a day in the
            past, because clocks differ.
    """

    limit: int | None = None
    remaining: int | None = None
    resets_at: int | None = None


def read_quota(headers: Mapping[str, str], names: HeaderNames, now: int) -> RateLimitInfo | None:
    """Parses the headers with the given `names`; None if they contain nothing usable."""
    if names.policy:
        return read_standard(headers, now).get(names.policy)
    if not (names.limit in headers or names.remaining in headers or names.reset in headers):
        return None
    reset = _value(headers, names.reset)
    resets_at = read_reset(reset, now) if reset else None
    return _info(_value(headers, names.limit), _value(headers, names.remaining), resets_at)


def read_standard(headers: Mapping[str, str], now: int) -> Mapping[str, RateLimitInfo]:
    """Parses the IETF fields (draft-ietf-httpapi-ratelimit-headers); the result is by policy.

    The earlier forms of the draft have no policy and are under `OLDER`: one dictionary in
    RateLimit, or else RateLimit-Limit, -Remaining and -Reset. A malformed member is skipped.
    """
    if STANDARD_FIELDS.isdisjoint(headers):
        return {}
    by_policy = {OLDER: _older_forms(headers, now)}
    policies = _policies(_value(headers, "ratelimit-policy"))
    states = _policies(_value(headers, "ratelimit"))
    for name in [*policies, *states]:
        parameters = policies.get(name, {}) | states.get(name, {})
        wait = read_span(parameters.get("t", ""), 1000)
        resets_at = None if wait is None else now + wait
        by_policy[name] = _info(parameters.get("q", ""), parameters.get("r", ""), resets_at)
    return {name: info for name, info in by_policy.items() if info}


def read_retry_after(headers: Mapping[str, str], now: int) -> int | None:
    """Returns the wait that the reply asks for, in ms; 0 if the given time has passed.

    ``Retry-After`` is a number of seconds, a duration with its units, or a time: an HTTP date,
    RFC 3339, or seconds or ms since the epoch. LiteLLM forwards the provider's own header under
    another name. A wait beyond `LONGEST_WAIT_MS` is ignored.
    """
    if _WAITS.keys().isdisjoint(headers):
        return None
    waits = (
        _wait(headers[name].strip(), unit_ms, now)
        for name, unit_ms in _WAITS.items()
        if name in headers
    )
    return next((wait for wait in waits if wait is not None and wait <= LONGEST_WAIT_MS), None)


def _wait(text: str, unit_ms: int, now: int) -> int | None:
    if (until := read_http_date(text)) is not None:
        return max(0, until - now)
    values = {part.strip() for part in text.split(",")}  # repeated headers are joined by commas
    if len(values) > 1:
        return None
    text = values.pop().strip('"')
    number = read_floor(text)
    if number is not None and number * unit_ms < _EPOCH_MS_FROM:
        return read_span(text, unit_ms)
    until = read_reset(text, now)
    return read_wait(f"retry after {text}") if until is None else max(0, until - now)


def read_date(headers: Mapping[str, str]) -> int | None:
    """Returns the reply's ``Date`` in ms since the epoch; None if it is missing or malformed."""
    return read_http_date(_value(headers, "date"))


def _value(headers: Mapping[str, str], name: str) -> str:
    return headers.get(name, "") if name else ""


def _info(limit_text: str, remaining_text: str, resets_at: int | None) -> RateLimitInfo | None:
    """Builds the info, or None; ignores limit and remaining units if the latter are more."""
    limit, remaining = _limit(limit_text), read_floor(remaining_text)
    if limit is not None and remaining is not None and remaining > limit:
        limit = remaining = None
    if limit is None and remaining is None and resets_at is None:
        return None
    return RateLimitInfo(limit, remaining, resets_at)


def _limit(text: str) -> int | None:
    """Parses a limit, which the early drafts follow by its policies: "10, 10;w=1, 50;w=60".

    Two bare numbers come from two contradictory headers and are ignored. A fraction is ignored as
    well, because 0.5 rounded down would mean that no call is ever allowed.
    """
    if ";" in text:
        text = text.partition(",")[0].partition(";")[0]
    return read_whole(text)


def _older_forms(headers: Mapping[str, str], now: int) -> RateLimitInfo | None:
    matches = (_ENTRY.fullmatch(member) for member in _members(_value(headers, "ratelimit")))
    entries = {entry[1]: entry[2] for entry in matches if entry}
    names = ("limit", "remaining", "reset")
    in_one = {name: entries.get(name, "") for name in names}
    separate = {name: _value(headers, f"ratelimit-{name}") for name in names}
    infos = (
        _info(form["limit"], form["remaining"], read_reset(form["reset"], now))
        for form in (in_one, separate)
    )
    return next((info for info in infos if info), None)


def _policies(text: str) -> dict[str, dict[str, str]]:
    """Returns the unparsed parameters of a field's well-formed members, by policy name."""
    policies = {}
    for member in _members(text):
        if (parts := _MEMBER.fullmatch(member)) and (name := _unquoted(parts[1])):
            policies[name] = {key: value or "" for key, value in re.findall(_PARAMETER, parts[2])}
    return policies


def _members(text: str) -> Iterator[str]:
    return (match[0].strip(" \t") for match in _BETWEEN_COMMAS.finditer(text))


def _unquoted(name: str) -> str:
    return re.sub(r'\\(["\\])', r"\1", name[1:-1]) if name.startswith('"') else name

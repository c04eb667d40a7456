"""Verdicts: the meaning of a reply, by the provider's rules first and by its status last.

The rules come from a preset. What a verdict does to windows and jobs is in charging.py and
retry.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

# A message, known to no rule, that a day's allowance is spent, without naming a model.
_OF_A_DAY = re.compile(
    r"(?!.*\bmodel\b).*\b(today|tomorrow|daily|per[ -]day|a day)\b", re.IGNORECASE | re.DOTALL
)

# A price that depends on `max_tokens`: the remaining credits pay for a shorter answer.
_PAYMENT = 402
_FEWER_TOKENS = re.compile(
    r"(fewer|lower|less|reduce)\b.{0,20}\bmax_?(completion_?)?tokens", re.IGNORECASE
)
_AFFORDED = re.compile(r"\bafford (\d{1,9})\b", re.IGNORECASE)

# Messages, known to no rule, about an invalid token and about load.
_OF_TOKEN = re.compile(
    r"login fail"
    r"|(api.?key|access.?token|credential)s?\b.{0,30}\b(invalid|incorrect|not valid|expired)"
    r"|(invalid|incorrect|expired)\b.{0,20}(api.?key|access.?token|credential)|unauthori[sz]ed"
    r"|authentication (fail|error)",
    re.IGNORECASE,
)
_OF_LOAD = re.compile(
    r"too busy|overload|(server|system|service) (is )?busy|too many requests|rate.?limit"
    r"|(try|retry) again later",
    re.IGNORECASE,
)


class Kind(StrEnum):
    """The eight verdicts."""

    DONE = "done"  # an answer came back
    THROTTLED = "throttled"  # too fast, or overloaded: for seconds to minutes
    SPENT = "spent"  # an allowance is spent, until its reset
    TRANSIENT = "transient"  # the provider's fault, likely to pass
    REJECTED = "rejected"  # this request will never be accepted
    UNAUTHORISED = "unauthorised"  # the token or the account is refused
    GONE = "gone"  # the model is not served, or no longer
    LOCAL = "local"  # the call provably never left this machine


ANSWERED = frozenset({Kind.DONE, Kind.REJECTED})
"""The verdicts on calls that the provider accepted and judged."""


class Scope(StrEnum):
    """What a refusal or a quota applies to."""

    ACCOUNT = "account"
    MODEL = "model"  # one model on one account


class Finish(StrEnum):
    """How an answer ended."""

    WHOLE = ""  # complete, or unknown
    CUT = "cut"  # at a token limit
    FILTERED = "filtered"  # by the provider's content filter


@dataclass(frozen=True, slots=True)
class Reply:
    """The parts of an HTTP reply that a verdict and a report need."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    code: str = ""
    message: str = ""  # of the error, in any of the known envelopes
    content: str | None = None  # a chat's answer; None when the reply has none
    finish: Finish = Finish.WHOLE
    lacks: str = ""  # why it has no answer, as a clause
    # An embedding call's vectors as JSON texts, in the inputs' order; None for one that is missing.
    vectors: tuple[str | None, ...] = ()
    task_id: str = ""  # of images that are being made
    images: tuple[str, ...] = ()  # URLs of images that were made at once, ``data:`` URLs included
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    retry_after_ms: int | None = None  # from the headers, or from the error's message

    @property
    def refused(self) -> bool:
        """Whether the body names an error, as even a 200 may."""
        return bool(self.code or self.message)

    @property
    def answered(self) -> bool:
        """Whether the body has an answer of any kind."""
        return self.content is not None or bool(self.vectors or self.task_id or self.images)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The meaning of a reply.

    Attributes:
        kind: One of the eight.
        why: The reason in words, for the ledger and the user.
        scope: What it applies to; None if it applies to this job only.
        wait_ms: The wait that the provider asks for in ms; None if it asks for none.
        quota: The name of the quota that it is about; empty if it names none.
        ambiguous: Whether it is a 429 that may mean a burst or a spent allowance; see charging.py.
        remedy: What the user can do, where the program cannot.
        overloaded: Whether the server says that it is too busy or limits the rate (429, 503, 529,
            or a wait that it names), and not that an allowance is spent: fewer calls at a time, or
            slower ones, may help.
        perhaps_row: Whether the cause may as well be a row that cannot be answered.
    """

    kind: Kind
    why: str = ""
    scope: Scope | None = Scope.MODEL
    wait_ms: int | None = None
    ambiguous: bool = False
    remedy: str | None = None
    quota: str = ""
    overloaded: bool = False
    perhaps_row: bool = False


_DONE = Verdict(Kind.DONE)
_OVERLOADED = frozenset({429, 503, 529})
# Statuses about a connection, a gateway or a server behind it, and not about the request:
# time-outs, conflicts, misdirected (421), failed dependency (424), too early (425), and closed
# connections (444, 460, 499).
_PASSING = frozenset({408, 409, 421, 423, 424, 425, 444, 460, 499})
# Statuses that say little: the request is wrong, or comes at the wrong time.
_VAGUE = frozenset({400, 403, 404, 413, 422})
_CHECK_TOKEN = "check the account's token and its standing with the provider"  # noqa: S105 - words
_VERIFY = (
    "the token is good, for it shows the balance, but calls are refused: verify the account's "
    "e-mail on the provider's site, bind the account that it asks for, then run again"
)
_FORBIDDEN = "HTTP 403"
_SLOWER_MAY_HELP = frozenset({Kind.THROTTLED, Kind.TRANSIENT})


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule for a provider's errors; all conditions that are set must hold.

    `message` is a regular expression that is searched for in the error message, ignoring case;
    `code` must equal the error code, and `status` the HTTP status.
    """

    verdict: Verdict
    message: str | None = None
    code: str | None = None
    status: int | None = None

    def matches(self, reply: Reply) -> bool:
        """Whether this rule applies to `reply`."""
        return (
            (self.message is None or bool(re.search(self.message, reply.message, re.IGNORECASE)))
            and (self.code is None or self.code.lower() == reply.code.lower())
            and (self.status is None or self.status == reply.status)
        )


def classify(reply: Reply, rules: Sequence[Rule]) -> Verdict:
    """Returns the verdict of the first rule that matches, or else of the message or the status.

    A provider's messages are more precise than its codes, and its codes than HTTP's: presets list
    their rules in that order.
    """
    if succeeded(reply.status) and not reply.refused:
        return _of_success(reply)
    why = _in_words(reply)
    if reply.status == _PAYMENT and _FEWER_TOKENS.search(reply.message):
        return Verdict(Kind.REJECTED, why, remedy=_ask_for_less(reply.message))
    for rule in rules:
        if rule.matches(reply):
            return _with_wait(replace(rule.verdict, why=why), reply)
    return _with_wait(_of_message(reply, why) or _of_status(reply, why), reply)


def with_good_token(verdict: Verdict) -> Verdict:
    """Returns `verdict` with the remedy for an account whose token is known to be good.

    A remedy from a rule is kept.
    """
    vague = verdict.remedy in (None, _CHECK_TOKEN)
    if verdict.kind is Kind.UNAUTHORISED and vague and verdict.why.startswith(_FORBIDDEN):
        return replace(verdict, remedy=_VERIFY)
    return verdict


def is_of_calls(why: str) -> bool:
    """Whether the reason for which an account was refused concerns its calls, not its token."""
    return why.startswith(_FORBIDDEN)


def succeeded(status: int) -> bool:
    """Whether an HTTP status says that the request was carried out: any 2xx (RFC 9110, 15.3)."""
    return 200 <= status < 300  # noqa: PLR2004


def _is_answered_elsewhere(status: int) -> bool:
    """Whether the status is of a redirect or of a protocol: the request may well be right."""
    return status < 200 or 300 <= status < 400  # noqa: PLR2004


def _of_success(reply: Reply) -> Verdict:
    """Returns the verdict on a success that names no error.

    Some providers throttle with an empty success (ModelScope), and others refuse a prompt with it.
    If tokens are counted, the prompt was read and is charged, so the call was not throttled.
    """
    if reply.answered:
        return _DONE
    why = f"HTTP {reply.status}, {reply.lacks or 'the reply holds no answer'}"
    if reply.prompt_tokens or reply.completion_tokens:
        return Verdict(Kind.TRANSIENT, why, scope=None)
    wait = reply.retry_after_ms
    return Verdict(Kind.TRANSIENT, why, wait_ms=wait, overloaded=True, perhaps_row=True)


def _with_wait(verdict: Verdict, reply: Reply) -> Verdict:
    """Returns `verdict` with the wait that the reply asks for, which overrides a rule's own."""
    asked = reply.retry_after_ms
    wait = verdict.wait_ms if asked is None else asked
    if verdict.kind not in _SLOWER_MAY_HELP:
        return replace(verdict, wait_ms=wait)
    busy = reply.status in _OVERLOADED
    return replace(
        verdict,
        wait_ms=wait,
        overloaded=busy or bool(asked) or verdict.overloaded,
        perhaps_row=not busy and (bool(asked) or verdict.perhaps_row),
    )


def _of_status(reply: Reply, why: str) -> Verdict:
    match reply.status:
        case 429:
            scope = Scope.ACCOUNT if _OF_A_DAY.match(reply.message) else Scope.MODEL
            ambiguous = reply.retry_after_ms is None and not _is_page(reply)
            return Verdict(Kind.THROTTLED, why, scope, ambiguous=ambiguous)
        case status if status in _VAGUE and reply.retry_after_ms:  # it may be accepted later
            return Verdict(Kind.TRANSIENT, why)
        case 401 | 403:
            return Verdict(Kind.UNAUTHORISED, why, Scope.ACCOUNT, remedy=_CHECK_TOKEN)
        case 402:
            return Verdict(Kind.SPENT, why, Scope.ACCOUNT)
        case 404:
            return Verdict(Kind.GONE, why, remedy="check the model's name and the base URL")
        case status if status in _PASSING or status >= 500:  # noqa: PLR2004
            return Verdict(Kind.TRANSIENT, why)
        case status if succeeded(status) or _is_answered_elsewhere(status):
            return Verdict(Kind.TRANSIENT, why)
        case _:
            return Verdict(Kind.REJECTED, why)


def _is_page(reply: Reply) -> bool:
    """Whether the reply is an HTML page, as of a gateway, which does not count allowances."""
    return reply.headers.get("content-type", "").lower().startswith("text/html")


def _ask_for_less(message: str) -> str:
    """Returns the remedy where the credits would pay for fewer tokens."""
    match = _AFFORDED.search(message)
    most = f"at most {match[1]}" if match else "fewer"
    return f"set max_tokens to {most} under [parameters] in the job file, or add credits"


def _of_message(reply: Reply, why: str) -> Verdict | None:
    """Returns the verdict by an error's message where the status says little; None if unclear."""
    message = reply.message
    if not (succeeded(reply.status) or reply.status in _VAGUE):
        return None
    if succeeded(reply.status):
        if _OF_TOKEN.search(message):
            return Verdict(Kind.UNAUTHORISED, why, Scope.ACCOUNT, remedy=_CHECK_TOKEN)
        if _OF_A_DAY.match(message) and "limit" in message.lower():
            return Verdict(Kind.THROTTLED, why, Scope.ACCOUNT, ambiguous=True)
    if _OF_LOAD.search(message):
        return Verdict(Kind.TRANSIENT, why, overloaded=True, perhaps_row=True)
    return None


def _in_words(reply: Reply) -> str:
    error = ": ".join(part for part in (reply.code, reply.message) if part)
    return f"HTTP {reply.status}" + (f", {error}" if error else "")

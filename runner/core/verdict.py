"""What a reply means, by a provider's rules first and by its status last.

It knows the shapes of refusals, not the providers: rules come from a preset. It decides nothing
about windows or jobs; quota.py and retry.py do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

# A refusal in words that no rule knows, of a day's allowance, and of no model's in particular.
_OF_A_DAY = re.compile(
    r"(?!.*\bmodel\b).*\b(today|tomorrow|daily|per[ -]day|a day)\b", re.IGNORECASE | re.DOTALL
)

# A price that depends on how much may be answered: what is left pays for a shorter answer.
_PAYMENT = 402
_FEWER_TOKENS = re.compile(
    r"(fewer|lower|less|reduce)\b.{0,20}\bmax_?(completion_?)?tokens", re.IGNORECASE
)
_AFFORDED = re.compile(r"\bafford (\d{1,9})\b", re.IGNORECASE)

# What an error in words alone means, where no rule knows it: of a token, and of load.
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
    THROTTLED = "throttled"  # too fast, or too loaded: seconds to minutes
    SPENT = "spent"  # an allowance is gone: until its reset
    TRANSIENT = "transient"  # the provider's fault, likely to pass
    REJECTED = "rejected"  # this request will never be accepted
    UNAUTHORISED = "unauthorised"  # the token or the account is refused
    GONE = "gone"  # the model is not served (any more)
    LOCAL = "local"  # the call provably never left this machine


ANSWERED = frozenset({Kind.DONE, Kind.REJECTED})
"""The provider has taken the call in and judged it."""


class Scope(StrEnum):
    """Whom a refusal or a quota concerns."""

    ACCOUNT = "account"
    MODEL = "model"  # one model on one account


class Finish(StrEnum):
    """How an answer ended."""

    WHOLE = ""  # as far as is known
    CUT = "cut"  # at a limit of tokens
    FILTERED = "filtered"  # by the provider's filter of contents


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP reply, reduced to what a verdict and a report need."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    code: str = ""
    message: str = ""  # of the error, whatever its envelope
    content: str | None = None  # a chat's answer; None when the reply holds none
    finish: Finish = Finish.WHOLE
    lacks: str = ""  # why it holds no answer, as a clause
    # An embedding call's vectors as JSON texts, in the inputs' order; None for one that is missing.
    vectors: tuple[str | None, ...] = ()
    task_id: str = ""  # of images that are being made
    images: tuple[str, ...] = ()  # URLs of images that were made at once, ``data:`` URLs included
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    retry_after_ms: int | None = None  # as the headers ask, or the error's words

    @property
    def refused(self) -> bool:
        """Whether the body names an error (a 200 may)."""
        return bool(self.code or self.message)

    @property
    def answered(self) -> bool:
        """Whether the body holds an answer of any kind."""
        return self.content is not None or bool(self.vectors or self.task_id or self.images)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a reply means.

    Attributes:
        kind: One of the eight.
        why: In words, for the ledger and the user.
        scope: Whom it concerns; None where it is nobody but this one job.
        wait_ms: How long the provider asks to wait, where known.
        quota: The name of the quota it speaks of, where it names one.
        ambiguous: A 429 that may be a burst or a spent allowance; see charging.py.
        remedy: What the user can do, where the program cannot.
        overloaded: The server says that it is too busy or limits the rate (429, 503, 529, or a
            wait that it names), and not that an allowance is spent: fewer calls at a time, or
            slower ones, may help.
        perhaps_row: It may as well be this row that cannot be answered.
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
# Statuses of a request that is wrong, or comes at a wrong time.
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
    """One line of a provider's error dialect; all conditions that are set must hold.

    `message` is a regular expression searched in the error message, case ignored; `code` must
    equal the error code; `status` the HTTP status.
    """

    verdict: Verdict
    message: str | None = None
    code: str | None = None
    status: int | None = None

    def matches(self, reply: Reply) -> bool:
        """Whether this rule speaks of `reply`."""
        return (
            (self.message is None or bool(re.search(self.message, reply.message, re.IGNORECASE)))
            and (self.code is None or self.code.lower() == reply.code.lower())
            and (self.status is None or self.status == reply.status)
        )


def classify(reply: Reply, rules: Sequence[Rule]) -> Verdict:
    """The verdict of the first rule that matches, or else of the status.

    A provider's messages are more precise than its codes, and these than HTTP's: presets list
    their rules in that order.
    """
    if succeeded(reply.status) and not reply.refused:
        return _of_success(reply)
    why = _in_words(reply)
    if reply.status == _PAYMENT and _FEWER_TOKENS.search(reply.message):
        return Verdict(Kind.REJECTED, why, remedy=_ask_for_less(reply.message))
    for rule in rules:
        if rule.matches(reply):
            return _as_told(replace(rule.verdict, why=why), reply)
    return _as_told(_of_words(reply, why) or _of_status(reply, why), reply)


def with_good_token(verdict: Verdict) -> Verdict:
    """`verdict` on a call of an account whose token is known to be good: what else may be wrong.

    A rule that knows a remedy of its own knows better.
    """
    vague = verdict.remedy in (None, _CHECK_TOKEN)
    if verdict.kind is Kind.UNAUTHORISED and vague and verdict.why.startswith(_FORBIDDEN):
        return replace(verdict, remedy=_VERIFY)
    return verdict


def is_of_calls(why: str) -> bool:
    """Whether a refusal of an account, in words, is one of its calls rather than of its token."""
    return why.startswith(_FORBIDDEN)


def succeeded(status: int) -> bool:
    """Whether an HTTP status says that the request was carried out: any 2xx (RFC 9110, 15.3)."""
    return 200 <= status < 300  # noqa: PLR2004


def _redirects(status: int) -> bool:
    """Whether the reply came from a gateway or a login page: nothing is wrong with the request."""
    return 300 <= status < 400  # noqa: PLR2004


def _of_success(reply: Reply) -> Verdict:
    """The verdict on a success that names no error.

    One without an answer is how some providers throttle (ModelScope), and how others refuse a
    prompt. Where tokens are counted, the prompt was read and is charged: that is no throttle.
    """
    if reply.answered:
        return _DONE
    why = f"HTTP {reply.status}, {reply.lacks or 'the reply holds no answer'}"
    if reply.prompt_tokens or reply.completion_tokens:
        return Verdict(Kind.TRANSIENT, why, scope=None)
    wait = reply.retry_after_ms
    return Verdict(Kind.TRANSIENT, why, wait_ms=wait, overloaded=True, perhaps_row=True)


def _as_told(verdict: Verdict, reply: Reply) -> Verdict:
    """`verdict` with the wait that the reply asks for, which goes before a rule's own."""
    told = reply.retry_after_ms
    wait = verdict.wait_ms if told is None else told
    if verdict.kind not in _SLOWER_MAY_HELP:
        return replace(verdict, wait_ms=wait)
    busy = reply.status in _OVERLOADED
    return replace(
        verdict,
        wait_ms=wait,
        overloaded=busy or bool(told) or verdict.overloaded,
        perhaps_row=not busy and (bool(told) or verdict.perhaps_row),
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
        case 408 | 409 | 425:
            return Verdict(Kind.TRANSIENT, why)
        case status if status >= 500 or succeeded(status) or _redirects(status):  # noqa: PLR2004
            return Verdict(Kind.TRANSIENT, why)
        case _:
            return Verdict(Kind.REJECTED, why)


def _is_page(reply: Reply) -> bool:
    """Whether a gateway has answered, with a page: it counts requests and knows no allowance."""
    return reply.headers.get("content-type", "").lower().startswith("text/html")


def _ask_for_less(message: str) -> str:
    """The remedy where fewer tokens would be paid for."""
    found = _AFFORDED.search(message)
    most = f"at most {found[1]}" if found else "fewer"
    return f"set max_tokens to {most} under [parameters] in the job file, or add credits"


def _of_words(reply: Reply, why: str) -> Verdict | None:
    """What the words of an error mean whose status means little; None if they tell nothing."""
    said = reply.message
    if not (succeeded(reply.status) or reply.status in _VAGUE):
        return None
    if succeeded(reply.status):
        if _OF_TOKEN.search(said):
            return Verdict(Kind.UNAUTHORISED, why, Scope.ACCOUNT, remedy=_CHECK_TOKEN)
        if _OF_A_DAY.match(said) and "limit" in said.lower():
            return Verdict(Kind.THROTTLED, why, Scope.ACCOUNT, ambiguous=True)
    if _OF_LOAD.search(said):
        return Verdict(Kind.TRANSIENT, why, overloaded=True, perhaps_row=True)
    return None


def _in_words(reply: Reply) -> str:
    said = ": ".join(part for part in (reply.code, reply.message) if part)
    return f"HTTP {reply.status}" + (f", {said}" if said else "")

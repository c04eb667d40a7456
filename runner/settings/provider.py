"""The table of a provider, in the shipped presets and in midnight.toml.

Every field is optional here, because a table in midnight.toml may change only a part of a preset.
Whether a merged table is complete is checked by `runner.providers.presets`.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    StringConstraints,
    model_validator,
)

from runner.core.period import Calendar, read_length, read_period
from runner.core.verdict import Kind, Scope
from runner.language import _
from runner.settings.fields import BaseUrl, Name, PageUrl, one_line
from runner.tomlfile import TomlTable, did_you_mean, problem

MAX_CALLS_PER_SECOND = 1_000_000

_NOT_ERRORS = (Kind.DONE, Kind.LOCAL)  # verdicts that no error of a provider can have


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        near = did_you_mean(name, available_timezones())
        raise problem(
            _("this is not a known time zone"), near or _('name one as "Asia/Shanghai"')
        ) from None
    return name


def _period(text: str) -> str:
    try:
        period = read_period(text, "UTC")
    except ValueError as error:
        raise problem(_(str(error))) from None
    if isinstance(period, Calendar):
        _zone(period.zone)
    return text


def _length(text: str) -> str:
    try:
        read_length(text)
    except ValueError as error:
        raise problem(_(str(error))) from None
    return text


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise problem(_("this is not a regular expression ({error})").format(error=error)) from None
    return text


def _error_kind(kind: Kind) -> Kind:
    if kind in _NOT_ERRORS:
        known = ", ".join(f"'{other}'" for other in Kind if other not in _NOT_ERRORS)
        raise problem(_("an error's verdict is one of {known}").format(known=known))
    return kind


def _quota_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
        raise problem(_("a quota's name is letters, digits, - and _"))
    if name == "calls_per_second":
        remedy = _("write it beside the quotas: [providers.NAME] calls_per_second = 10")
        raise problem(_("calls_per_second is not a quota but a rate"), remedy)
    return name


def _no_limit(rate: object) -> object:
    """Let 0 stand for None, which TOML cannot express."""
    return None if rate == 0 and not isinstance(rate, bool) else rate


HeaderName = Annotated[str, StringConstraints(to_lower=True, pattern=r"^[!-9;-~]+$")]
ResponseFormat = Literal["json_object", "json_schema"]
DataUse = Literal["training", "no-training", "depends", "unknown"]
"""Whether a provider may use what is sent for training."""

OptionalUrl = Literal["/v1/completions", "/v1/responses"]
"""Addresses of OpenAI's API that only some providers have."""

QuotaName = Annotated[str, AfterValidator(_quota_name)]
Zone = Annotated[str, AfterValidator(_zone)]
_Scope = Annotated[Scope, Field(strict=False)]


class HeaderSettings(TomlTable):
    """``headers`` of a quota: the reply headers that report it; None: there is none.

    Attributes:
        limit: The header with the limit.
        remaining: The header with the remaining amount.
        reset: The header with the time of the reset, or the time until it.
        policy: Instead of the three: the quota's name in the IETF fields RateLimit and
            RateLimit-Policy.
    """

    limit: HeaderName | None = None
    remaining: HeaderName | None = None
    reset: HeaderName | None = None
    policy: Name | None = None


class QuotaSettings(TomlTable):
    """``[NAME.quotas.QUOTA]``: one quota; scope, unit and period are required in a complete table.

    Attributes:
        scope: Whether it applies to the ``account`` or to each ``model``.
        unit: The unit that it counts.
        period: ``day`` or ``month``, of the calendar in `zone`; ``rolling 1m``, what was spent in
            the last minute; ``refill 24h``, which drips and is full after that long; ``grant``,
            which comes back when somebody grants it. Lengths are in s, m, h or d.
        limit: A whole number of its unit; None: it is learned.
        headers: The reply headers that report it.
    """

    scope: _Scope | None = None
    unit: Literal["calls", "tokens", "credits"] | None = None
    period: Annotated[str, AfterValidator(_period)] | None = None
    limit: Annotated[int, Field(ge=1)] | None = None
    headers: HeaderSettings = HeaderSettings()


class GrantSettings(TomlTable):
    """``[NAME.grants]``: credits that the provider grants for some reason.

    Attributes:
        amount: The number of credits; None: any number, as for credits that are bought.
        lasts: The time until they expire, as ``24h``; required in a complete table.
    """

    amount: Annotated[float, Field(gt=0, le=1e9)] | None = None
    lasts: Annotated[str, AfterValidator(_length)] | None = None


class ErrorSettings(TomlTable):
    """``[[NAME.errors]]``: the meaning of one kind of error; all conditions that are set must hold.

    Attributes:
        message: A regular expression, searched in the error's message, ignoring case.
        code: The error's code, ignoring case.
        status: The HTTP status.
        verdict: The meaning: ``throttled`` for seconds or minutes; ``spent`` until the reset;
            ``transient``, likely to pass; ``rejected``, this request, always; ``unauthorised``,
            the token or the account; ``gone``, the model.
        scope: Whether the account or the model is affected; None: as its quota, or else only the
            one job.
        quota: The quota that is spent, or that throttles.
        wait_s: The seconds to wait, where neither the reply's ``Retry-After`` nor its words name a
            time.
        ambiguous: Whether it may be a burst or a spent allowance; the next probe decides.
        remedy: What the user can do.
    """

    message: Annotated[str, Field(min_length=1), AfterValidator(_pattern)] | None = None
    code: Annotated[str, Field(min_length=1)] | None = None
    status: Annotated[int, Field(ge=100, le=599)] | None = None
    verdict: Annotated[Kind, Field(strict=False), AfterValidator(_error_kind)]
    scope: _Scope | None = None
    quota: QuotaName | None = None
    wait_s: Annotated[float, Field(ge=0, le=31 * 24 * 3600)] | None = None
    ambiguous: bool = False
    remedy: str | None = None

    @model_validator(mode="after")
    def _has_a_condition(self) -> Self:
        if self.message is None and self.code is None and self.status is None:
            raise problem(_("a rule without a condition matches every error"), _("add message = …"))
        return self


class ProviderTable(TomlTable):
    """``[NAME]`` in the presets, ``[providers.NAME]`` in midnight.toml; every field is optional.

    Attributes:
        title: The provider's name, for people; by default the table's.
        base_url: The URL of the API; None: the account must name one.
        token_url: A page where its tokens are made, for people.
        balance_url: A URL that tells the balance, or checks a token, at no cost. It is asked with
            the token.
        price_url: A URL that tells a model's price; ``{model}`` stands for its name.
        as_of: When the facts were gathered, YYYY-MM.
        source: Where the facts are from.
        data_use: Whether what is sent may be used for training, which is told before anything is
            sent; None: the server is one's own.
        data_note: Of whom that is true, or where it is written.
        zone: The time zone of the quotas' days and months.
        start_concurrency: Calls in flight at the beginning.
        calls_per_second: The most calls that start in a second, at most 1,000,000; None, in the
            file 0: no limit.
        response_format: The types of ``response_format`` that every chat model supports.
        endpoints: Which optional addresses it has, for requests that somebody else has written.
        images: Whether a call for images returns them (``direct``), or the id of a task, in
            ModelScope's manner (``tasks``).
        quotas: By name, in the order of their windows; the first of each scope is its primary.
        prices: Credits per call, by model; ``default`` is any other model's.
        grants: Credits that expire, by the reason for which they are granted.
        errors: The meanings of errors; the first rule that matches decides.
    """

    title: Name | None = None
    base_url: BaseUrl | None = None
    token_url: PageUrl | None = None
    balance_url: BaseUrl | None = None
    price_url: PageUrl | None = None
    as_of: Annotated[str, StringConstraints(pattern=r"^20\d\d-(0[1-9]|1[0-2])$")] | None = None
    source: str | None = None
    data_use: DataUse | None = None
    data_note: Annotated[str, AfterValidator(one_line)] | None = None
    zone: Zone = "UTC"
    start_concurrency: Annotated[int, Field(ge=1, le=256)] = 2
    calls_per_second: Annotated[
        Annotated[int, Field(ge=1, le=MAX_CALLS_PER_SECOND)] | None, BeforeValidator(_no_limit)
    ] = 10
    response_format: Annotated[frozenset[ResponseFormat], Field(strict=False)] = frozenset()
    endpoints: Annotated[frozenset[OptionalUrl], Field(strict=False)] = frozenset()
    images: Literal["direct", "tasks"] = "direct"
    quotas: dict[QuotaName, QuotaSettings] = Field(default_factory=dict)
    prices: dict[Name, Annotated[float, Field(ge=0, le=1e6)]] = Field(default_factory=dict)
    grants: dict[Name, GrantSettings] = Field(default_factory=dict)
    errors: Annotated[tuple[ErrorSettings, ...], Field(strict=False)] = ()


T = TypeVar("T", bound=BaseModel)


def laid_over(base: T, over: T) -> T:
    """Return `base` with the fields that are set in `over`.

    Tables are merged key by key at every depth, and keep the order of `base`. A list of `over`
    precedes that of `base`: of the error rules, the first that matches decides.
    """
    changes = {
        key: _merged(getattr(base, key), getattr(over, key)) for key in over.model_fields_set
    }
    return base.model_copy(update=changes)


def _merged(old: Any, new: Any) -> Any:
    if isinstance(old, BaseModel) and isinstance(new, BaseModel):
        return laid_over(old, new)
    if isinstance(old, dict) and isinstance(new, dict):
        return old | {key: _merged(old.get(key), value) for key, value in new.items()}
    if isinstance(old, tuple) and isinstance(new, tuple):
        return new + old
    return new

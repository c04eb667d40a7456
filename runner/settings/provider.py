"""The schema of a provider's table, in the shipped presets and in midnight.toml.

Every field is optional here, because a table in midnight.toml may change only a part of a preset.
`runner.providers.presets` checks that a merged table is complete.
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

from runner.core.period import read_length, read_period
from runner.core.verdict import Kind, Scope
from runner.language import _
from runner.settings.fields import BaseUrl, Name, PageUrl, one_line
from runner.tomlfile import TomlTable, did_you_mean, problem

MAX_CALLS_PER_SECOND = 1_000_000

_NOT_ERRORS = (Kind.DONE, Kind.LOCAL)  # verdicts that a provider's error cannot have


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
    if period.zone is not None:
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
    """Converts 0 to None, which TOML cannot express."""
    return None if rate == 0 and not isinstance(rate, bool) else rate


HeaderName = Annotated[str, StringConstraints(to_lower=True, pattern=r"^[!-9;-~]+$")]
ResponseFormat = Literal["json_object", "json_schema"]
DataUse = Literal["training", "no-training", "depends", "unknown"]
"""Whether a provider may use requests for training."""

OptionalUrl = Literal["/v1/completions", "/v1/responses"]
"""The endpoints of OpenAI's API that only some providers have."""

QuotaName = Annotated[str, AfterValidator(_quota_name)]
Zone = Annotated[str, AfterValidator(_zone)]
_Scope = Annotated[Scope, Field(strict=False)]


class HeaderSettings(TomlTable):
    """``headers`` of a quota: the names of the reply headers that report it, if there are any.

    Attributes:
        limit: The header with the limit.
        remaining: The header with the remaining amount.
        reset: The header with the time of the reset, or the time until it.
        policy: The quota's name in the IETF fields RateLimit and RateLimit-Policy, which replaces
            the three.
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
        period: ``day`` or ``month``, a calendar period in `zone`; ``rolling 1m``, a sliding window
            of a minute; ``refill 24h``, a token bucket that refills continuously and is full after
            24 hours; ``grant``, an amount that is renewed only by a grant. Lengths are in s, m, h
            or d.
        limit: The limit, a whole number of the unit; by default it is learned.
        headers: The reply headers that report it.
    """

    scope: _Scope | None = None
    unit: Literal["calls", "tokens", "credits"] | None = None
    period: Annotated[str, AfterValidator(_period)] | None = None
    limit: Annotated[int, Field(ge=1)] | None = None
    headers: HeaderSettings = HeaderSettings()


class GrantSettings(TomlTable):
    """``[NAME.grants]``: credits that the provider grants for one reason.

    Attributes:
        amount: The number of credits; leave it out if it varies, as for credits that are bought.
        lasts: The time until they expire, as ``24h``; required in a complete table.
    """

    amount: Annotated[float, Field(gt=0, le=1e9)] | None = None
    lasts: Annotated[str, AfterValidator(_length)] | None = None


class ErrorSettings(TomlTable):
    """``[[NAME.errors]]``: the meaning of one kind of error; all given conditions must hold.

    Attributes:
        message: A regular expression, searched in the error's message, ignoring case.
        code: The error's code, ignoring case.
        status: The HTTP status.
        verdict: The meaning: ``throttled`` for seconds or minutes; ``spent`` until the reset;
            ``transient``, a retry may succeed; ``rejected``, this request always fails;
            ``unauthorised``, the token or the account is refused; ``gone``, the model is not
            served.
        scope: Whether the account or the model is affected; by default that of the quota, or only
            the job.
        quota: The quota that is spent, or that throttles.
        wait_s: The seconds to wait if neither the reply's ``Retry-After`` nor its message names a
            time.
        ambiguous: Whether it may be a burst or a spent allowance; the next probe decides.
        remedy: Advice for the user.
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
        base_url: The base URL of the API; without it, the account must name one.
        token_url: The web page on which tokens are created.
        balance_url: The endpoint that returns the balance, or checks a token, for free. The token
            is sent to it.
        price_url: The endpoint that returns a model's price; ``{model}`` is replaced by its name.
        as_of: The month of the facts, YYYY-MM.
        source: The source of the facts.
        data_use: Whether requests may be used for training, which the user is told before any is
            sent; leave it out for a server of your own.
        data_note: The accounts to which that applies, or its source.
        zone: The time zone of the quotas' days and months.
        start_concurrency: The initial limit of calls in flight.
        calls_per_second: The most calls that start in a second, at most 1,000,000; 0 in the file
            means no limit.
        response_format: The types of ``response_format`` that every chat model supports.
        endpoints: The optional endpoints that it has, for requests that clients have written.
        images: Whether a call for images returns them (``direct``), or the id of a task, as at
            ModelScope (``tasks``).
        quotas: The quotas by name, in the order of their windows; the first of each scope is its
            primary.
        prices: The credits of a call, by model; ``default`` is the price of other models.
        grants: The credits that expire, by the reason for which they are granted.
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
    start_concurrency: Annotated[int, Field(ge=1, le=4096)] = 2
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


def merge_tables(base: T, over: T) -> T:
    """Returns `base` with the fields that are set in `over`.

    Tables are merged key by key at every depth, and keep the order of `base`. A list in `over` is
    put before that in `base`, because the first error rule that matches decides.
    """
    changes = {
        key: _merged(getattr(base, key), getattr(over, key)) for key in over.model_fields_set
    }
    return base.model_copy(update=changes)


def _merged(old: Any, new: Any) -> Any:
    if isinstance(old, BaseModel) and isinstance(new, BaseModel):
        return merge_tables(old, new)
    if isinstance(old, dict) and isinstance(new, dict):
        return old | {key: _merged(old.get(key), value) for key, value in new.items()}
    if isinstance(old, tuple) and isinstance(new, tuple):
        return new + old
    return new

"""What a provider's table may say: in the shipped presets, and in midnight.toml, laid over them.

It knows that each value is possible; whether a table is whole, and what it means, the presets say.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, model_validator

from runner.core.period import Calendar, read_length, read_period
from runner.core.verdict import Kind, Scope
from runner.settings.fields import BaseUrl, Name, PageUrl, Table
from runner.tomlfile import did_you_mean, problem

_NOT_TOLD = (Kind.DONE, Kind.LOCAL)  # what no error can mean


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        near = did_you_mean(name, available_timezones())
        raise problem("this is no known time zone", near or 'name one as "Asia/Shanghai"') from None
    return name


def _period(text: str) -> str:
    try:
        period = read_period(text, "UTC")
    except ValueError as error:
        raise problem(str(error)) from None
    if isinstance(period, Calendar):
        _zone(period.zone)
    return text


def _length(text: str) -> str:
    try:
        read_length(text)
    except ValueError as error:
        raise problem(str(error)) from None
    return text


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise problem(f"this is no regular expression ({error})") from None
    return text


def _meaning(kind: Kind) -> Kind:
    if kind in _NOT_TOLD:
        known = ", ".join(f"'{other}'" for other in Kind if other not in _NOT_TOLD)
        raise problem(f"an error's verdict is one of {known}")
    return kind


def _quota_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
        raise problem("a quota's name is letters, digits, - and _")
    if name == "calls_per_second":
        remedy = "write it beside the quotas: [providers.NAME] calls_per_second = 10"
        raise problem("calls_per_second is no quota, but a pace", remedy)
    return name


HeaderName = Annotated[str, StringConstraints(to_lower=True, pattern=r"^[!-9;-~]+$")]
ResponseFormat = Literal["json_object", "json_schema"]
QuotaName = Annotated[str, AfterValidator(_quota_name)]
Zone = Annotated[str, AfterValidator(_zone)]
_Scope = Annotated[Scope, Field(strict=False)]


class HeaderSettings(Table):
    """``headers`` of a quota: in which reply headers its figures are. None: not told.

    Attributes:
        limit: The header with the limit.
        remaining: The header with what is left.
        reset: The header with the moment, or the time until, the reset.
        policy: Instead of the three: the quota's name in the IETF fields RateLimit and
            RateLimit-Policy.
    """

    limit: HeaderName | None = None
    remaining: HeaderName | None = None
    reset: HeaderName | None = None
    policy: Name | None = None


class QuotaSettings(Table):
    """``[NAME.quotas.QUOTA]``: one rule; scope, unit and period are required of a whole one.

    Attributes:
        scope: Whom it concerns: ``account`` or ``model``.
        unit: What it counts.
        period: As `runner.core.period.read_period` reads it.
        limit: A whole number of its unit; None: only the provider knows.
        headers: Where a reply tells of it.
    """

    scope: _Scope | None = None
    unit: Literal["calls", "tokens", "credits"] | None = None
    period: Annotated[str, AfterValidator(_period)] | None = None
    limit: Annotated[int, Field(ge=1)] | None = None
    headers: HeaderSettings = HeaderSettings()


class GrantSettings(Table):
    """``[NAME.grants]``: credits that are given, by what for; it says nothing of when.

    Attributes:
        amount: How many; None: any number, as of those that are bought.
        lasts: How long, as ``24h``; required of a whole one.
    """

    amount: Annotated[float, Field(gt=0, le=1e9)] | None = None
    lasts: Annotated[str, AfterValidator(_length)] | None = None


class ErrorSettings(Table):
    """``[[NAME.errors]]``: what one kind of refusal means; all conditions that are set must hold.

    Attributes:
        message: A regular expression, searched in the error's message, case ignored.
        code: The error's code, case ignored.
        status: The HTTP status.
        verdict: What it means.
        scope: Whom it concerns; None: whom its quota concerns, or else nobody but the one job.
        quota: Which quota is spent, or throttles.
        wait_s: How long to wait, in seconds, where the provider is known to mean it.
        ambiguous: It may be a burst or a spent allowance: the next probe tells.
        remedy: What the user can do.
    """

    message: Annotated[str, Field(min_length=1), AfterValidator(_pattern)] | None = None
    code: Annotated[str, Field(min_length=1)] | None = None
    status: Annotated[int, Field(ge=100, le=599)] | None = None
    verdict: Annotated[Kind, Field(strict=False), AfterValidator(_meaning)]
    scope: _Scope | None = None
    quota: QuotaName | None = None
    wait_s: Annotated[float, Field(ge=0, le=31 * 24 * 3600)] | None = None
    ambiguous: bool = False
    remedy: str | None = None

    @model_validator(mode="after")
    def _has_a_condition(self) -> Self:
        if self.message is None and self.code is None and self.status is None:
            raise problem("a rule without a condition fits everything", "add message = …")
        return self


class ProviderTable(Table):
    """``[NAME]`` in the presets, ``[providers.NAME]`` in midnight.toml; every field is optional.

    Attributes:
        title: The provider's name, for people; None: the table's.
        base_url: Of the API; None: the account must name one.
        balance_url: Where a token can be checked at no cost.
        price_url: Where a model's price is told; ``{model}`` stands for its name.
        as_of: When the facts were gathered, YYYY-MM.
        source: Where from.
        zone: Whose midnight ends the days and months of the quotas.
        start_concurrency: Calls in flight to begin with.
        calls_per_second: Starts a second that are surely not a burst.
        response_format: Which kinds of ``response_format`` every chat model there takes.
        images: Whether a call for images is answered with them, or with the id of a task.
        quotas: By name, in the order of their windows; the first of each scope is its primary.
        prices: Credits a call, by model; ``default`` is any other's.
        grants: By what they are given for, credits that expire.
        errors: The error dialect; the first rule that fits decides.
    """

    title: Name | None = None
    base_url: BaseUrl | None = None
    balance_url: BaseUrl | None = None
    price_url: PageUrl | None = None
    as_of: Annotated[str, StringConstraints(pattern=r"^20\d\d-(0[1-9]|1[0-2])$")] | None = None
    source: str | None = None
    zone: Zone = "UTC"
    start_concurrency: Annotated[int, Field(ge=1, le=256)] = 2
    calls_per_second: Annotated[int, Field(ge=1, le=1000)] = 10
    response_format: Annotated[frozenset[ResponseFormat], Field(strict=False)] = frozenset()
    images: Literal["direct", "tasks"] = "direct"
    quotas: dict[QuotaName, QuotaSettings] = Field(default_factory=dict)
    prices: dict[Name, Annotated[float, Field(ge=0, le=1e6)]] = Field(default_factory=dict)
    grants: dict[Name, GrantSettings] = Field(default_factory=dict)
    errors: Annotated[tuple[ErrorSettings, ...], Field(strict=False)] = ()


Laid = TypeVar("Laid", bound=BaseModel)


def laid_over(base: Laid, over: Laid) -> Laid:
    """`base`, save for what `over` sets.

    Tables are merged key by key, whatever the depth, and keep the order of `base`. Lists go
    before those of `base`: of the error rules, the first that fits decides.
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

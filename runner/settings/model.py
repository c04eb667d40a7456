"""What midnight.toml may say, as frozen values that refuse anything else.

It knows neither files nor the environment, and never shows a value that it refuses: it may be a
token in the wrong place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, PlainValidator, model_validator

from runner.core.hours import read_hours
from runner.core.pacing import Pace
from runner.settings.fields import BaseUrl, Name, Table
from runner.settings.provider import ProviderTable, Zone
from runner.tomlfile import problem

NAMING_EXAMPLE = 'token = "env:MODELSCOPE_API_KEY"'

_NAMED_TOKEN = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|(?:keyring|file):\S(?:.*\S)?")
_NOT_NAMED = "a token is never written here, only named"
_NAME_IT = (
    "put the token in an environment variable, a file or the keyring, and name it: "
    f'{NAMING_EXAMPLE} (or "file:PATH", "keyring:NAME")'
)


def _named(token: str) -> str:
    if not _NAMED_TOKEN.fullmatch(token):
        raise problem(_NOT_NAMED, _NAME_IT)
    return token


def _reserve(value: object) -> int | str:
    whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    part = isinstance(value, str) and re.fullmatch(r"[1-9]?[0-9]%", value)
    if not whole and not part:
        raise problem("must be a whole number of calls, or a part of them", 'write 200, or "10%"')
    return value if isinstance(value, int) else str(value)


def _hours(text: str) -> str:
    try:
        read_hours(text, UTC)
    except ValueError as error:
        raise problem(str(error), 'write the stretch as "22:00-08:00"') from None
    return text


class AccountLimits(Table):
    """``limits`` of an account: what the user knows better than the preset.

    Any quota of the provider may be named, each with a whole number of its unit; whether there
    is such a quota, the preset knows.

    Attributes:
        calls_per_day: Of the whole account; None: the preset's, or the provider's word.
        calls_per_day_per_model: Of each model on it; None: as above.
        calls_per_second: Starts a second at most; None: the preset's.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Annotated[int, Field(ge=1)]] = Field(init=False)

    calls_per_day: Annotated[int, Field(ge=1)] | None = None
    calls_per_day_per_model: Annotated[int, Field(ge=1)] | None = None
    calls_per_second: Annotated[int, Field(ge=1, le=1000)] | None = None

    def by_quota(self) -> Mapping[str, int]:
        """The limits that are set, by the name of their quota."""
        limits: dict[str, int | None] = self.model_dump(exclude={"calls_per_second"})
        return {name: limit for name, limit in limits.items() if limit is not None}


class AccountSettings(Table):
    """``[accounts.NAME]``: one credential at a provider.

    Attributes:
        provider: The name of a preset.
        token: Where the token is: ``env:NAME``, ``keyring:NAME`` or ``file:PATH``; never itself.
        base_url: Replaces the preset's; without a trailing slash.
        reserve: Calls a day left to the user, less than ``limits.calls_per_day``; or a part of
            the day's, as ``"10%"``.
        limits: Replace the preset's.
        max_calls_per_day: Calls a day that may be spent, whatever the provider allows; None: all.
        max_calls: Calls that may be spent in all; None: any number.
        models: What the models of job files are called here; with it, no others are served.
        prices: Credits a call, by model; before the preset's and what the provider says.
    """

    provider: str = "modelscope"
    token: Annotated[str, AfterValidator(_named)] | None = None
    base_url: BaseUrl | None = None
    reserve: Annotated[int | str, PlainValidator(_reserve)] = 0
    limits: AccountLimits = AccountLimits()
    max_calls_per_day: Annotated[int, Field(ge=1)] | None = None
    max_calls: Annotated[int, Field(ge=1)] | None = None
    models: dict[Name, Name] = Field(default_factory=dict)
    prices: dict[Name, Annotated[float, Field(ge=0, le=1e6)]] = Field(default_factory=dict)

    @property
    def reserved_calls(self) -> int:
        """The reserve as a number of calls; 0 if it is a part."""
        return self.reserve if isinstance(self.reserve, int) else 0

    @property
    def reserved_percent(self) -> int:
        """The reserve as a part of the day's calls; 0 if it is a number."""
        return 0 if isinstance(self.reserve, int) else int(self.reserve.removesuffix("%"))

    @model_validator(mode="after")
    def _reserve_leaves_calls(self) -> Self:
        limit = self.limits.calls_per_day
        if limit is not None and self.reserved_calls >= limit:
            raise problem("reserve leaves none of limits.calls_per_day", "lower the reserve")
        return self


class RunSettings(Table):
    """``[run]``: how a run spends.

    Attributes:
        accounts: The accounts that are used, the preferred one first; empty: the first of all.
        pace: How a day's budget is spread.
        hours: When calls may start, as ``22:00-08:00``; None: always.
        zone: Whose hours these are; None: this machine's.
        max_concurrency: Calls in flight at most, 1 to 256; how many of them, the runner learns.
        transport: The HTTP client: ``pyreqwest``, ``httpx``, or ``auto`` for the fastest of them
            that is installed.
    """

    accounts: Annotated[tuple[str, ...], Field(strict=False)] = ()
    pace: Annotated[Pace, Field(strict=False)] = Pace.AUTO
    hours: Annotated[str, AfterValidator(_hours)] | None = None
    zone: Zone | None = None
    max_concurrency: Annotated[int, Field(ge=1, le=256)] = 32
    transport: Literal["auto", "pyreqwest", "httpx"] = "auto"


class ConfigFile(Table):
    """A whole midnight.toml; the accounts are in the file's order.

    ``[providers.NAME]`` says what a preset says, or only the part of it that is to be otherwise.
    """

    accounts: dict[Name, AccountSettings] = Field(default_factory=dict)
    providers: dict[Name, ProviderTable] = Field(default_factory=dict)
    run: RunSettings = RunSettings()

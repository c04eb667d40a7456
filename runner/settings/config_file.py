"""The schema of midnight.toml.

No error shows the refused value, because it may be a misplaced token.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationInfo,
    field_validator,
    model_validator,
)

from runner.core.hours import read_hours
from runner.core.pacing import Pace
from runner.language import _
from runner.settings.fields import BaseUrl, Name, names_secret
from runner.settings.notify import NotifySettings
from runner.settings.provider import MAX_CALLS_PER_SECOND, ProviderTable, Zone
from runner.settings.serve import ServeSettings
from runner.tomlfile import TomlTable, problem

_WINDOWS_PATH_WITH_ESCAPES = re.compile(r"file:[A-Za-z]:.*[\t\n\x08\f\r]", re.DOTALL)
# Providers whose documentation names the variable differently from PROVIDER_API_KEY.
_VARIABLES = {
    "cloudflare": "CLOUDFLARE_API_TOKEN",
    "model-studio": "DASHSCOPE_API_KEY",
    "zhipu": "ZHIPUAI_API_KEY",
}


def token_example(provider: str) -> str:
    """Returns an example line of midnight.toml that names a token of `provider`."""
    words = re.findall("[A-Z0-9]+", provider.upper())
    if not words or words[0][0].isdigit():  # a variable's name starts with a letter
        words.insert(0, "MY")
    variable = _VARIABLES.get(provider) or "_".join((*words, "API_KEY"))
    return f'token = "env:{variable}"'


def _reserve(value: object) -> int | str:
    whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    part = isinstance(value, str) and re.fullmatch(r"[1-9]?[0-9]%", value)
    if not whole and not part:
        raise problem(
            _("must be a whole number of calls, or a percentage"), _('write 200, or "10%"')
        )
    return value if isinstance(value, int) else str(value)


def _hours(text: str) -> str:
    try:
        read_hours(text, UTC)
    except ValueError as error:
        raise problem(_(str(error)), _('write the hours as "22:00-08:00"')) from None
    return text


class AccountLimits(TomlTable):
    """``limits`` of an account, which replace those of the preset.

    Any quota of the provider may be named, with a whole number of its unit. The preset checks
    that the quota exists.

    Attributes:
        calls_per_day: The most calls of the whole account; by default those of the preset or the
            provider.
        calls_per_day_per_model: The most calls of each model; the default is the same.
        calls_per_second: The most calls that start in a second; by default those of the preset.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Annotated[int, Field(ge=1)]] = Field(init=False)

    calls_per_day: Annotated[int, Field(ge=1)] | None = None
    calls_per_day_per_model: Annotated[int, Field(ge=1)] | None = None
    calls_per_second: Annotated[int, Field(ge=1, le=MAX_CALLS_PER_SECOND)] | None = None

    def by_quota(self) -> Mapping[str, int]:
        """Returns the limits that are set, by quota name."""
        limits: dict[str, int | None] = self.model_dump(exclude={"calls_per_second"})
        return {name: limit for name, limit in limits.items() if limit is not None}


class AccountSettings(TomlTable):
    """``[accounts.NAME]``: one credential at a provider.

    Attributes:
        provider: The name of a preset, or of a table in ``[providers]``.
        token: The place of the token, as ``env:NAME``, ``keyring:NAME`` or ``file:PATH``; never
            the token itself. Leave it out if the server needs none.
        base_url: The base URL that replaces the preset's, without a trailing slash.
        reserve: The calls a day that are left to the user, fewer than ``limits.calls_per_day``; or
            a percentage of them, as ``"10%"``.
        limits: The limits that replace the preset's.
        max_concurrency: The most calls in flight on all its models; None: no limit.
        max_calls_per_day: The most calls a day, also if the provider allows more; None: no limit.
        max_calls: The most calls in all; None: no limit.
        models: The provider's names of models, by their names in job files; if there are any, no
            other models are served.
        prices: The credits of a call, by model; they override the preset's and the provider's.
    """

    provider: str = "modelscope"
    token: str | None = None
    base_url: BaseUrl | None = None
    reserve: Annotated[int | str, PlainValidator(_reserve)] = 0
    limits: AccountLimits = AccountLimits()
    max_concurrency: Annotated[int, Field(ge=1)] | None = None
    max_calls_per_day: Annotated[int, Field(ge=1)] | None = None
    max_calls: Annotated[int, Field(ge=1)] | None = None
    models: dict[Name, Name] = Field(default_factory=dict)
    prices: dict[Name, Annotated[float, Field(ge=0, le=1e6)]] = Field(default_factory=dict)

    @property
    def reserved_calls(self) -> int:
        """The reserve as a number of calls; 0 if it is a percentage."""
        return self.reserve if isinstance(self.reserve, int) else 0

    @property
    def reserved_percent(self) -> int:
        """The reserve as a percentage of the day's calls; 0 if it is a number."""
        return 0 if isinstance(self.reserve, int) else int(self.reserve.removesuffix("%"))

    @field_validator("token")
    @classmethod
    def _token_is_named(cls, token: str | None, info: ValidationInfo) -> str | None:
        if token is not None and _WINDOWS_PATH_WITH_ESCAPES.match(token):
            what = _("the path holds a tab, a line break or another control")
            raise problem(
                what,
                _("in double quotes a backslash begins an escape: write '...' in single quotes"),
            )
        if token is not None and not names_secret(token):
            example = token_example(info.data.get("provider", ""))
            remedy = _(
                "put the token in an environment variable, a file or the keyring, and name "
                'it: {example} (or "file:PATH", "keyring:NAME")'
            ).format(example=example)
            raise problem(_("a token is never written here, only named"), remedy)
        return token

    @model_validator(mode="after")
    def _reserve_leaves_calls(self) -> Self:
        limit = self.limits.calls_per_day
        if limit is not None and self.reserved_calls >= limit:
            raise problem(_("reserve leaves none of limits.calls_per_day"), _("lower the reserve"))
        return self


class RunSettings(TomlTable):
    """``[run]``: the options of a run.

    Attributes:
        accounts: The accounts to use, the preferred one first; by default only the first account.
        pace: The pacing of a day's budget: ``auto`` spreads it evenly when the work needs more
            than the remaining budget; ``asap`` never spreads it; ``even`` always does.
        hours: The hours in which calls may start, in `zone`, as ``22:00-08:00``; by default any.
        zone: The time zone of `hours`; by default this machine's.
        max_concurrency: The most calls in flight of the whole process. The runner learns the limit
            of each provider.
        max_failed: The share of failed rows above which a batch is paused, as ``"50%"``, once
            fifty rows have ended in a run; ``"100%"`` never pauses.
        transport: The HTTP client: ``pyreqwest``, ``httpx``, or ``auto`` for the fastest one that
            is installed.
    """

    accounts: Annotated[tuple[str, ...], Field(strict=False)] = ()
    pace: Annotated[Pace, Field(strict=False)] = Pace.AUTO
    hours: Annotated[str, AfterValidator(_hours)] | None = None
    zone: Zone | None = None
    max_concurrency: Annotated[int, Field(ge=1, le=4096)] = 256
    max_failed: Annotated[str, Field(pattern=r"^([1-9][0-9]?|100)%$")] = "50%"
    transport: Literal["auto", "pyreqwest", "httpx"] = "auto"

    @property
    def most_failed(self) -> float:
        """The share of `max_failed`, from 0 to 1."""
        return int(self.max_failed.removesuffix("%")) / 100


class ConfigFile(TomlTable):
    """A whole midnight.toml; the accounts are in the file's order.

    ``[providers.NAME]`` describes a whole provider, or changes parts of the preset of that name.
    """

    accounts: dict[Name, AccountSettings] = Field(default_factory=dict)
    providers: dict[Name, ProviderTable] = Field(default_factory=dict)
    run: RunSettings = RunSettings()
    serve: ServeSettings = ServeSettings()
    notify: NotifySettings = NotifySettings()

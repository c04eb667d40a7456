"""What midnight.toml may say, as frozen values that refuse anything else.

It knows neither files nor the environment, and never shows a value that it refuses: it may be a
token in the wrong place.
"""

from __future__ import annotations

import re
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from runner.core.pacing import Pace
from runner.tomlfile import problem

NAMING_EXAMPLE = 'token = "env:MODELSCOPE_API_KEY"'

_NAMED_TOKEN = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|(?:keyring|file):\S(?:.*\S)?")
_NOT_NAMED = "a token is never written here, only named"
_NAME_IT = (
    "put the token in an environment variable, a file or the keyring, and name it: "
    f'{NAMING_EXAMPLE} (or "file:PATH", "keyring:NAME")'
)


def _one_line(name: str) -> str:
    if name != name.strip() or not name or not name.isprintable():
        raise problem("an account's name must be one line of printable text")
    return name


def _named(token: str) -> str:
    if not _NAMED_TOKEN.fullmatch(token):
        raise problem(_NOT_NAMED, _NAME_IT)
    return token


def _http_url(url: str) -> str:
    """Check a base URL; what could hold a secret is refused, for URLs are shown and logged."""
    try:
        parts = urlsplit(url)
        fits = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        fits = False
    if not fits or not url.isprintable() or " " in url:
        raise problem("must be a URL that starts with http:// or https:// and names a host")
    if "@" in parts.netloc or "?" in url or "#" in url:
        remedy = "name the token with `token`, and leave it out of the URL"
        raise problem("must be a URL without a user, a query or a fragment", remedy)
    return url.rstrip("/")


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class AccountLimits(_Table):
    """``limits`` of an account: what the user knows better than the preset.

    Attributes:
        calls_per_day: Of the whole account; None: the preset's, or the provider's word.
        calls_per_day_per_model: Of each model on it; None: as above.
        calls_per_second: Starts a second at most; None: the preset's.
    """

    calls_per_day: Annotated[int, Field(ge=1)] | None = None
    calls_per_day_per_model: Annotated[int, Field(ge=1)] | None = None
    calls_per_second: Annotated[int, Field(ge=1, le=1000)] | None = None


class AccountSettings(_Table):
    """``[accounts.NAME]``: one credential at a provider.

    Attributes:
        provider: The name of a preset.
        token: Where the token is: ``env:NAME``, ``keyring:NAME`` or ``file:PATH``; never itself.
        base_url: Replaces the preset's; without a trailing slash.
        reserve: Calls a day left to the user; less than ``limits.calls_per_day``.
        limits: Replace the preset's.
    """

    provider: str = "modelscope"
    token: Annotated[str, AfterValidator(_named)] | None = None
    base_url: Annotated[str, AfterValidator(_http_url)] | None = None
    reserve: Annotated[int, Field(ge=0)] = 0
    limits: AccountLimits = AccountLimits()

    @model_validator(mode="after")
    def _reserve_leaves_calls(self) -> Self:
        limit = self.limits.calls_per_day
        if limit is not None and self.reserve >= limit:
            raise problem("reserve leaves none of limits.calls_per_day", "lower the reserve")
        return self


class RunSettings(_Table):
    """``[run]``: how a run spends.

    Attributes:
        pace: How a day's budget is spread.
        max_concurrency: Calls in flight at most, 1 to 256; how many of them, the runner learns.
    """

    pace: Annotated[Pace, Field(strict=False)] = Pace.AUTO
    max_concurrency: Annotated[int, Field(ge=1, le=256)] = 32


class ConfigFile(_Table):
    """A whole midnight.toml; the accounts are in the file's order."""

    accounts: dict[Annotated[str, AfterValidator(_one_line)], AccountSettings] = Field(
        default_factory=dict
    )
    run: RunSettings = RunSettings()

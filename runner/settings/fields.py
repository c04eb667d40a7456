"""What the fields of several tables have in common.

It refuses to know the tables, and never shows a value that it refuses: it may be a token in the
wrong place.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict

from runner.tomlfile import problem


class Table(BaseModel):
    """A frozen table that refuses unknown keys and values of another type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


def _one_line(name: str) -> str:
    if name != name.strip() or not name or not name.isprintable():
        raise problem("a name must be one line of printable text")
    return name


def _base(url: str) -> str:
    """Check a base URL; what could hold a secret is refused, for URLs are shown and logged."""
    parts = _http(url)
    if "@" in parts.netloc or "?" in url or "#" in url:
        remedy = "name the token with `token`, and leave it out of the URL"
        raise problem("must be a URL without a user, a query or a fragment", remedy)
    return url.rstrip("/")


def _page(url: str) -> str:
    if "@" in _http(url).netloc or "#" in url:
        raise problem("must be a URL without a user or a fragment")
    return url


def _http(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        fits = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        fits = False
    if not fits or not url.isprintable() or " " in url:
        raise problem("must be a URL that starts with http:// or https:// and names a host")
    return parts


Name = Annotated[str, AfterValidator(_one_line)]
BaseUrl = Annotated[str, AfterValidator(_base)]
"""Without a trailing slash, a user, a query or a fragment."""

PageUrl = Annotated[str, AfterValidator(_page)]
"""May have a query."""

"""The types of the texts in midnight.toml: names and URLs.

No error shows the refused value, which may be a token in the wrong place.
"""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator

from runner.language import _, gettext_noop
from runner.tomlfile import problem


def one_line(name: str) -> str:
    """Refuse what is more than a line of text, or cannot be shown."""
    if name != name.strip() or not name or not name.isprintable():
        raise problem(_("a name must be one line of printable text"))
    return name


_ROUTE = re.compile(r"/+(chat/completions|completions|responses|embeddings|images/generations)$")


def _base_url(url: str) -> str:
    """Refuse the parts of a URL that could hold a secret, because URLs are shown and logged.

    Many copy the full address of a route: what calls append themselves is removed.
    """
    parts = _http(url)
    if "@" in parts.netloc or "?" in url or "#" in url:
        remedy = _("name the token with `token`, and remove it from the URL")
        raise problem(_("must be a URL without a user, a query or a fragment"), remedy)
    return _ROUTE.sub("", url.rstrip("/"))


def page(url: str) -> str:
    """Refuse the parts of the address of a page that could hold a secret."""
    if "@" in _http(url).netloc or "#" in url:
        raise problem(_("must be a URL without a user or a fragment"))
    return url


def _http(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        fits = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        fits = False
    if not fits or not url.isprintable() or " " in url:
        raise problem(_("must be a URL that starts with http:// or https:// and names a host"))
    return parts


Name = Annotated[str, AfterValidator(one_line)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
"""Without a trailing slash, a user, a query or a fragment."""

PageUrl = Annotated[str, AfterValidator(page)]
"""May have a query."""


SAID_BY_CORE = (
    gettext_noop('must be "day", "month", "grant", or as "rolling 1m" or "refill 24h"'),
    gettext_noop('must be a length, as "24h" or "90d"'),
    gettext_noop('must be as "22:00-08:00"'),
    gettext_noop("must begin and end at different times"),
)
"""What the core says of a value of the configuration: it knows no language but English."""

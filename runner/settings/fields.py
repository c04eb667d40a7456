"""Pydantic types for the texts in midnight.toml: names, URLs, and names of secrets.

No error shows the refused value, because it may be a misplaced token.
"""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator

from runner.language import _, gettext_noop
from runner.one_line import is_one_line
from runner.tomlfile import problem


def one_line(name: str) -> str:
    """Validates a name: one line, without white space around it."""
    if name != name.strip() or not name or not is_one_line(name):
        raise problem(_("a name must be one line of printable text"))
    return name


_SECRET_NAME = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|(?:keyring|file):\S(?:.*\S)?")


def names_secret(text: str) -> bool:
    """Whether a text names where a secret is: ``env:NAME``, ``keyring:NAME`` or ``file:PATH``."""
    return _SECRET_NAME.fullmatch(text) is not None


_ROUTE = re.compile(r"/+(chat/completions|completions|responses|embeddings|images/generations)$")


def _base_url(url: str) -> str:
    """Validates a base URL, and removes the path of an endpoint, which many users copy with it.

    The parts of a URL that may contain a secret are refused, because URLs are shown and logged.
    """
    parts = _http(url)
    if "@" in parts.netloc or "?" in url or "#" in url:
        remedy = _("name the token with `token`, and remove it from the URL")
        raise problem(_("must be a URL without a user, a query or a fragment"), remedy)
    return _ROUTE.sub("", url.rstrip("/"))


def page(url: str) -> str:
    """Validates the URL of a page; a user and a fragment are refused, as they may be secrets."""
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
"""A URL without a trailing slash, a user, a query or a fragment."""

PageUrl = Annotated[str, AfterValidator(page)]
"""A URL that may have a query."""


SAID_BY_CORE = (
    gettext_noop('must be "day", "month", "grant", or as "rolling 1m" or "refill 24h"'),
    gettext_noop('must be a length, as "24h" or "90d"'),
    gettext_noop('must be as "22:00-08:00"'),
    gettext_noop("must begin and end at different times"),
)
"""The core's messages about configuration values, which are in English, for the translations."""

"""Describes the redirect in a reply; redirects of calls are never followed."""

from __future__ import annotations

from urllib.parse import urlsplit

from runner.providers.transport import Response

_REDIRECTS = range(300, 400)


def redirect_note(response: Response) -> str:
    """Returns a note about the target of a redirect, to be appended to an error message.

    It is empty if the reply does not redirect. The query is removed, because it may be a secret.
    """
    location = response.headers.get("location", "")
    if response.status not in _REDIRECTS or not location:
        return ""
    try:
        parts = urlsplit(location)
    except ValueError:
        return ""
    return f" (it redirects to {parts._replace(query='', fragment='').geturl()})"

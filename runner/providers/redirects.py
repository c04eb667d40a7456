"""Where a reply redirects to, which is never followed, in words."""

from __future__ import annotations

from urllib.parse import urlsplit

from runner.providers.transport import Response

_REDIRECTS = range(300, 400)


def redirected(response: Response) -> str:
    """Where a reply redirects to, to stand after its message; its query may be a secret."""
    place = response.headers.get("location", "")
    if response.status not in _REDIRECTS or not place:
        return ""
    try:
        parts = urlsplit(place)
    except ValueError:
        return ""
    return f" (it redirects to {parts._replace(query='', fragment='').geturl()})"

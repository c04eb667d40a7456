"""Downloads of generated images, with a limit on their size and on redirects.

No token is sent, and no message repeats a URL, which may be signed with a secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from runner import magic
from runner.providers.images import Unreachable
from runner.providers.transport import Response, TooLarge, Transport

MOST_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_PASSING = (408, 425, 429)
_OK = 200
_FAILING = 500


@dataclass(frozen=True, slots=True)
class Image:
    """An image, by its first bytes; whether it is complete is not checked."""

    data: bytes
    media_type: str

    @property
    def suffix(self) -> str:
        """The suffix of a file that holds it: ``.png``."""
        return magic.SUFFIXES[self.media_type]


@dataclass(frozen=True, slots=True)
class Unfit:
    """What the URL holds is no image, or a too large one. Asking again would not help."""

    why: str


@dataclass(frozen=True, slots=True)
class Expired:
    """The URL holds nothing, or access is denied. The task may tell another URL."""

    why: str


Download = Image | Unfit | Expired | Unreachable


async def download(transport: Transport, url: str, limit_bytes: int, timeout_s: float) -> Download:
    """The image at `url`, through at most `MOST_REDIRECTS` redirects of `timeout_s` each."""
    if magic.is_data_url(url):
        return _unpacked(url, limit_bytes)
    for _ in range(MOST_REDIRECTS + 1):
        if not _scheme(url):
            return Unfit("its URL is none of http or https")
        reply = await transport.download(url, limit_bytes, timeout_s)
        if isinstance(reply, TooLarge):
            return _too_large(reply.limit_bytes)
        if not isinstance(reply, Response):
            return Unreachable(reply.why)
        if reply.status not in _REDIRECTS:
            return _judged(reply)
        following = _target(url, reply.headers.get("location", ""))
        if following is None:
            return Unfit("its URL redirects to what is no https URL")
        url = following
    return Unfit(f"its URL redirects more than {MOST_REDIRECTS} times")


def _target(url: str, location: str) -> str | None:
    """Where a redirect leads; None if nowhere, or from https to plain http."""
    try:
        target = urljoin(url, location)
    except ValueError:
        return None
    allowed = ("https",) if _scheme(url) == "https" else ("http", "https")
    return target if location and _scheme(target) in allowed else None


def _scheme(url: str) -> str:
    """``http`` or ``https`` if the URL names a host; else empty."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return parts.scheme if parts.scheme in {"http", "https"} and parts.hostname else ""


def _judged(reply: Response) -> Download:
    if reply.status == _OK:
        return _checked(reply.body)
    why = f"HTTP {reply.status} instead of the image"
    passing = reply.status in _PASSING or reply.status >= _FAILING
    return Unreachable(why) if passing else Expired(why)


def _unpacked(url: str, limit_bytes: int) -> Image | Unfit:
    data = magic.from_data_url(url)
    if data is None:
        return Unfit("its base64 is broken")
    return _too_large(limit_bytes) if len(data) > limit_bytes else _checked(data)


def _checked(data: bytes) -> Image | Unfit:
    media_type = magic.image_type(data)
    if media_type is not None:
        return Image(data, media_type)
    what = f"it begins {data[:16]!r}" if data else "it is empty"
    return Unfit(f"this is no {magic.KNOWN}: {what}")


def _too_large(limit_bytes: int) -> Unfit:
    return Unfit(f"the image is larger than {limit_bytes:,} bytes")

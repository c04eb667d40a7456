"""Downloads generated images, with limits on their size and on redirects.

No token is sent, and no message contains the URL, because its signature is a secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from runner import magic
from runner.providers.images import Unreachable
from runner.providers.transport import Response, TooLarge, Transport

MOST_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_TRANSIENT = (408, 425, 429)
_OK = 200
_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class Image:
    """An image, recognised by its first bytes; it may be truncated."""

    data: bytes
    media_type: str

    @property
    def suffix(self) -> str:
        """The suffix of a file with the image, such as ``.png``."""
        return magic.SUFFIXES[self.media_type]


@dataclass(frozen=True, slots=True)
class Unfit:
    """The URL has no image, or one that is too large; a retry would not help."""

    why: str


@dataclass(frozen=True, slots=True)
class Expired:
    """The URL does not exist, or access is denied; a new poll of the task may give another URL."""

    why: str


Download = Image | Unfit | Expired | Unreachable


async def download(transport: Transport, url: str, limit_bytes: int, timeout_s: float) -> Download:
    """Downloads the image at `url`; follows at most `MOST_REDIRECTS` redirects.

    Args:
        transport: Sends the requests.
        url: An http, https or ``data:`` URL.
        limit_bytes: The size limit of the image.
        timeout_s: The time-out of each request.
    """
    if magic.is_data_url(url):
        return _of_data_url(url, limit_bytes)
    for _ in range(MOST_REDIRECTS + 1):
        if not _scheme(url):
            return Unfit("its URL is none of http or https")
        reply = await transport.download(url, limit_bytes, timeout_s)
        if isinstance(reply, TooLarge):
            return _too_large(reply.limit_bytes)
        if not isinstance(reply, Response):
            return Unreachable(reply.why)
        if reply.status not in _REDIRECTS:
            return _of_response(reply)
        target = _target(url, reply.headers.get("location", ""))
        if target is None:
            return Unfit("its URL redirects to what is no https URL")
        url = target
    return Unfit(f"its URL redirects more than {MOST_REDIRECTS} times")


def _target(url: str, location: str) -> str | None:
    """Returns the target of a redirect; None if it is invalid or leads from https to http."""
    try:
        target = urljoin(url, location)
    except ValueError:
        return None
    allowed = ("https",) if _scheme(url) == "https" else ("http", "https")
    return target if location and _scheme(target) in allowed else None


def _scheme(url: str) -> str:
    """Returns ``http`` or ``https``; empty for other schemes or a URL without a host."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return parts.scheme if parts.scheme in {"http", "https"} and parts.hostname else ""


def _of_response(reply: Response) -> Download:
    if reply.status == _OK:
        return _checked(reply.body)
    why = f"HTTP {reply.status} instead of the image"
    transient = reply.status in _TRANSIENT or reply.status >= _SERVER_ERROR
    return Unreachable(why) if transient else Expired(why)


def _of_data_url(url: str, limit_bytes: int) -> Image | Unfit:
    data = magic.from_data_url(url)
    if data is None:
        return Unfit("its base64 is broken")
    return _too_large(limit_bytes) if len(data) > limit_bytes else _checked(data)


def _checked(data: bytes) -> Image | Unfit:
    media_type = magic.image_type(data)
    if media_type is not None:
        return Image(data, media_type)
    what = f"it begins {data[:16]!r}" if data else "it is empty"
    return Unfit(f"this is not a {magic.KNOWN} image: {what}")


def _too_large(limit_bytes: int) -> Unfit:
    return Unfit(f"the image is larger than {limit_bytes:,} bytes")

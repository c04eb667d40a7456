"""Detects the media type of images by their first bytes, and converts them to ``data:`` URLs.

Names, suffixes and headers are not trusted. A truncated image is not detected.
"""

from __future__ import annotations

import base64
import binascii
from urllib.parse import unquote_to_bytes

SUFFIXES = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "image/gif": ".gif",
}
"""The supported media types, and the suffix of their files."""

KNOWN = "PNG, JPEG, WebP or GIF"

# W3C PNG 5.2; ITU-T T.81 B.1.1.3 (start of image, then any marker); GIF89a 17.
_BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


def image_type(data: bytes) -> str | None:
    """Returns the media type of an image by its first 12 bytes; None for other data."""
    for beginning, media_type in _BEGINNINGS:
        if data.startswith(beginning):
            return media_type
    # RFC 9649, 2.4: a RIFF container of the form WEBP.
    return "image/webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def to_data_url(data: bytes, media_type: str) -> str:
    """Returns the ``data:`` URL (RFC 2397) with `data` in base64."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"


def from_data_url(url: str) -> bytes | None:
    """Returns the data in a ``data:`` URL; None if it is not one, or its base64 is invalid."""
    scheme, colon, rest = url.partition(":")
    kind, comma, data = rest.partition(",")
    if scheme.lower() != "data" or not colon or not comma:
        return None
    if not kind.lower().endswith(";base64"):
        return unquote_to_bytes(data)
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return None


def is_data_url(text: str) -> bool:
    """Whether `text` has the scheme ``data:``; the URL may be invalid."""
    return text[:5].lower() == "data:"

"""What kind of image some bytes are, told by how they begin; and how a ``data:`` URL holds them.

It refuses to believe a name, a suffix or a header, and does not look whether the image is whole.
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
"""The media types that are known, and how a file of each is called."""

KNOWN = "PNG, JPEG, WebP or GIF"

# W3C PNG 5.2; ITU-T T.81 B.1.1.3 (start of image, then any marker); GIF89a 17.
_BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


def image_type(data: bytes) -> str | None:
    """The media type of an image by its first bytes (12 are enough); None: it is none of these."""
    for beginning, media_type in _BEGINNINGS:
        if data.startswith(beginning):
            return media_type
    # RFC 9649, 2.4: a RIFF container of the form WEBP.
    return "image/webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def to_data_url(data: bytes, media_type: str) -> str:
    """A ``data:`` URL (RFC 2397) that holds `data`."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"


def from_data_url(url: str) -> bytes | None:
    """What a ``data:`` URL holds; None: it is none, or its base64 is broken."""
    scheme, colon, rest = url.partition(":")
    kind, comma, held = rest.partition(",")
    if scheme.lower() != "data" or not colon or not comma:
        return None
    if not kind.lower().endswith(";base64"):
        return unquote_to_bytes(held)
    try:
        return base64.b64decode(held, validate=True)
    except (binascii.Error, ValueError):
        return None


def is_data_url(text: str) -> bool:
    """Whether `text` is meant to be a ``data:`` URL."""
    return text[:5].lower() == "data:"

"""Images made smaller and turned upright, with Pillow.

It knows pixels; it refuses those whose decoding would take more memory than any photograph.
"""

from __future__ import annotations

import io
from threading import Lock
from typing import TYPE_CHECKING

from runner.errors import ConfigError, InputError

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

# A third of a gigabyte, decoded. Pillow's own limit, which it only warns of.
MOST_PIXELS = 89_478_485
_ORIENTATION, _UPRIGHT = 0x0112, 1  # EXIF 2.32, 4.6.4 A
_QUALITY = 90
_PLAIN_MODES = frozenset({"L", "RGB", "RGBA"})
# What an image becomes: photographs stay lossy, drawings stay sharp, films become their beginning.
_BECOMES = {
    "image/jpeg": ("JPEG", "image/jpeg"),
    "image/webp": ("WEBP", "image/webp"),
    "image/png": ("PNG", "image/png"),
    "image/gif": ("PNG", "image/png"),
}
# Decoding takes memory for every pixel: one image at a time, however many calls are prepared.
_DECODING = Lock()


def require_pillow() -> None:
    """Make sure that images can be made smaller.

    Raises:
        ConfigError: Pillow is not installed.
    """
    try:
        import PIL.ImageOps  # noqa: F401, PLC0415 - an extra, loaded by those who need it
    except ImportError as error:
        remedy = "pip install 'midnight-runner[vision]'"
        raise ConfigError("images are made smaller with Pillow", remedy=remedy) from error


def shrunk(data: bytes, media_type: str, where: str, longest_side: int) -> tuple[bytes, str]:
    """The image within the limit, and its media type; the same bytes if it is, and is upright.

    Raises:
        InputError: It is broken, or has more pixels than can be decoded.
        ConfigError: Pillow is not installed.
    """
    require_pillow()
    with _DECODING:
        try:
            return _shrunk(data, media_type, where, longest_side)
        except InputError:
            raise
        except Exception as error:  # a decoder raises anything when the image is broken
            what = f"the image is broken ({type(error).__name__}: {error})"
            raise InputError(what, where=where, remedy="save it anew, or leave it out") from error


def _shrunk(data: bytes, media_type: str, where: str, longest_side: int) -> tuple[bytes, str]:
    from PIL import ImageOps  # noqa: PLC0415 - as above

    with _opened(data, media_type) as image:
        width, height = image.size
        if width * height > MOST_PIXELS:
            what = f"the image has {width} x {height} pixels, more than can be decoded safely"
            raise InputError(what, where=where, remedy="make it smaller yourself")
        upright = image.getexif().get(_ORIENTATION, _UPRIGHT) == _UPRIGHT
        size = _size(width, height, longest_side)
        if upright and size == (width, height):
            return data, media_type
        image.draft("RGB", size)  # a JPEG is decoded no larger than needed
        smaller = _plain(image).resize(size, reducing_gap=3.0)
        return _encoded(ImageOps.exif_transpose(smaller), media_type)


def _size(width: int, height: int, longest_side: int) -> tuple[int, int]:
    """Width and height within the limit, their ratio kept as well as whole pixels allow."""
    scale = min(1.0, longest_side / max(width, height))
    # A hair is added: 300 * (100 / 300) must not become 99.
    return max(1, int(width * scale + 1e-6)), max(1, int(height * scale + 1e-6))


def _opened(data: bytes, media_type: str) -> ImageFile:
    """The image, its header read.

    Not by `PIL.Image.open`, which warns of what is refused here, and tries formats that it is not.
    """
    from PIL import (  # noqa: PLC0415 - as above
        GifImagePlugin,
        JpegImagePlugin,
        PngImagePlugin,
        WebPImagePlugin,
    )

    readers: dict[str, type[ImageFile]] = {
        "image/png": PngImagePlugin.PngImageFile,
        "image/jpeg": JpegImagePlugin.JpegImageFile,
        "image/webp": WebPImagePlugin.WebPImageFile,
        "image/gif": GifImagePlugin.GifImageFile,
    }
    return readers[media_type](io.BytesIO(data))


def _plain(image: ImageFile) -> Image:
    """The image in colours that can be blended: a palette's cannot, and printers' are not seen."""
    if image.mode in _PLAIN_MODES:
        return image
    if image.mode.startswith("I"):  # 16 bits of grey, which convert() would cut off at 8
        return image.point(lambda grey: grey * (1 / 256)).convert("L")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _encoded(image: Image, media_type: str) -> tuple[bytes, str]:
    form, becomes = _BECOMES[media_type]
    buffer = io.BytesIO()
    image.save(buffer, form, quality=_QUALITY)
    return buffer.getvalue(), becomes

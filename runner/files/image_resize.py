"""Resizes images and turns them upright according to EXIF, with Pillow.

Images with more than `MAX_PIXELS` pixels are refused, to bound the memory for decoding.
"""

from __future__ import annotations

import io
from threading import Lock
from typing import TYPE_CHECKING

from runner.errors import ConfigError, InputError

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

# A third of a gigabyte when decoded. Pillow has the same limit, but only warns above it.
MAX_PIXELS = 89_478_485
_ORIENTATION, _UPRIGHT = 0x0112, 1  # EXIF 2.32, 4.6.4 A
_QUALITY = 90
_PLAIN_MODES = frozenset({"L", "RGB", "RGBA"})
# The output format: JPEG and WebP keep their lossy format, PNG stays lossless, and the first frame
# of a GIF becomes a PNG.
_OUTPUT_FORMATS = {
    "image/jpeg": ("JPEG", "image/jpeg"),
    "image/webp": ("WEBP", "image/webp"),
    "image/png": ("PNG", "image/png"),
    "image/gif": ("PNG", "image/png"),
}
# Decoding takes memory for every pixel, so only one image is decoded at a time.
_DECODING = Lock()


def require_pillow() -> None:
    """Checks that Pillow is installed.

    Raises:
        ConfigError: Pillow is not installed.
    """
    try:
        import PIL.ImageOps  # noqa: F401 - an extra
    except ImportError as error:
        remedy = "pip install 'midnight-runner[vision]'"
        raise ConfigError("resizing images needs Pillow", remedy=remedy) from error


def resized(data: bytes, media_type: str, where: str, longest_side: int) -> tuple[bytes, str]:
    """Returns the image, upright and with no side longer than the limit, and its media type.

    An image that already meets both is returned unchanged.

    Raises:
        InputError: The image is damaged, or has more than `MAX_PIXELS` pixels.
        ConfigError: Pillow is not installed.
    """
    require_pillow()
    with _DECODING:
        try:
            return _resized(data, media_type, where, longest_side)
        except InputError:
            raise
        except Exception as error:  # a decoder may raise anything for a damaged image
            what = f"the image is damaged ({type(error).__name__}: {error})"
            remedy = "save the image again, or leave the row out"
            raise InputError(what, where=where, remedy=remedy) from error


def _resized(data: bytes, media_type: str, where: str, longest_side: int) -> tuple[bytes, str]:
    from PIL import ImageOps  # as above

    with _opened(data, media_type) as image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            what = f"the image has {width} x {height} pixels, more than can be decoded safely"
            raise InputError(what, where=where, remedy="resize it before you submit")
        upright = image.getexif().get(_ORIENTATION, _UPRIGHT) == _UPRIGHT
        size = _size(width, height, longest_side)
        if upright and size == (width, height):
            return data, media_type
        image.draft("RGB", size)  # lets the JPEG decoder scale down while it decodes
        smaller = _plain(image).resize(size, reducing_gap=3.0)
        return _encoded(ImageOps.exif_transpose(smaller), media_type)


def _size(width: int, height: int, longest_side: int) -> tuple[int, int]:
    """Returns width and height within the limit, with the same ratio as far as possible."""
    scale = min(1.0, longest_side / max(width, height))
    # The small amount makes up for rounding: 300 * (100 / 300) must not become 99.
    return max(1, int(width * scale + 1e-6)), max(1, int(height * scale + 1e-6))


def _opened(data: bytes, media_type: str) -> ImageFile:
    """Opens the image and reads its header.

    `PIL.Image.open` is not used, because it only warns of too many pixels and tries every format.
    """
    from PIL import (  # as above
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
    """Returns the image in a mode that can be resampled: greyscale, RGB or RGBA."""
    if image.mode in _PLAIN_MODES:
        return image
    if image.mode.startswith("I"):  # 16-bit grey: convert() would clip the values at 255
        return image.point(lambda grey: grey * (1 / 256)).convert("L")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _encoded(image: Image, media_type: str) -> tuple[bytes, str]:
    form, output_type = _OUTPUT_FORMATS[media_type]
    buffer = io.BytesIO()
    image.save(buffer, form, quality=_QUALITY)
    return buffer.getvalue(), output_type

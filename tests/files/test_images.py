"""The image that a row names, as it is sent along; and all that may be wrong with it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from runner import magic
from runner.errors import ConfigError, InputError, RunnerError
from runner.files.image_resize import resized
from runner.files.image_urls import ImageLimits, image_identity, image_url, read_image_url

HERE = Path(__file__).parent
ROOMY = ImageLimits(max_bytes=20_000_000)
SMALL = replace(ROOMY, longest_side=100)


def picture(
    size: tuple[int, int] = (300, 200), form: str = "PNG", mode: str = "RGB", **options: Any
) -> bytes:
    """An image whose left half is red."""
    image = Image.new("RGB", size, "blue")
    image.paste("red", (0, 0, size[0] // 2, size[1]))
    buffer = io.BytesIO()
    image.convert(mode).save(buffer, form, **options)
    return buffer.getvalue()


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def saved(folder: Path, data: bytes, name: str = "1.png") -> str:
    (folder / name).write_bytes(data)
    return name


def opened(url: str) -> Image.Image:
    data = magic.from_data_url(url)
    assert data is not None
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def refusal(text: str, folder: Path = HERE, fit: ImageLimits = ROOMY) -> InputError:
    with pytest.raises(InputError) as caught:
        read_image_url(text, folder, fit)
    assert caught.value.remedy
    return caught.value


# What is named


@pytest.mark.parametrize("url", ["https://a.example/1.png", "HTTP://a.example/x?y", " https://x "])
def test_a_url_that_the_provider_can_fetch_stays_as_it_is(url: str) -> None:
    assert read_image_url(url, HERE, ROOMY) == url.strip()
    assert anyio.run(image_url, url, HERE, ROOMY) == url.strip()


@pytest.mark.parametrize(
    ("form", "media_type"),
    [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp"), ("GIF", "image/gif")],
)
def test_a_file_is_sent_whole_as_what_it_is_whatever_its_name(
    tmp_path: Path, form: str, media_type: str
) -> None:
    data = picture(form=form)
    name = saved(tmp_path, data, "photo.txt")
    expected = magic.to_data_url(data, media_type)
    assert read_image_url(name, tmp_path, ROOMY) == expected
    assert read_image_url(str(tmp_path / name), HERE, ROOMY) == expected
    assert anyio.run(image_url, name, tmp_path, ROOMY) == expected


@pytest.mark.parametrize("host", ["", "localhost"])
def test_a_file_url_names_a_file(tmp_path: Path, host: str) -> None:
    name = saved(tmp_path, picture(), "a photo.png")
    url = (tmp_path / name).as_uri().replace("file://", f"file://{host}")
    assert "%20" in url
    assert read_image_url(url, HERE, ROOMY) == read_image_url(name, tmp_path, ROOMY)


def test_an_image_in_a_url_stays_as_it_is() -> None:
    url = magic.to_data_url(picture(), "image/png")
    assert read_image_url(url, HERE, ROOMY) == url


def test_an_image_in_a_url_is_told_by_what_it_is() -> None:
    url = magic.to_data_url(picture(), "application/octet-stream")
    assert read_image_url(url, HERE, ROOMY).startswith("data:image/png;base64,")


# What is wrong with it


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "no image is named"),
        ("  ", "no image is named"),
        ("none.png", "no such image file"),
        ("s3://bucket/1.png", "cannot be read from s3://"),
        ("file://elsewhere/1.png", "another machine"),
        (".", "this is not a file"),
        ("a\0b", "cannot be read"),
        ("x" * 5000, "cannot be read"),
        ("data:image/png;base64,iVBO*", "invalid"),
        ("data:image/png", "invalid"),
        ("data:image/png;base64,", "not a PNG, JPEG, WebP or GIF image"),
        (__file__, "not a PNG, JPEG, WebP or GIF image"),
    ],
)
def test_what_is_no_image_is_one_clear_error(text: str, what: str) -> None:
    assert what in str(refusal(text))


def test_an_error_names_the_file_and_not_what_is_in_it(tmp_path: Path) -> None:
    assert refusal("no.png", tmp_path).where == str(tmp_path / "no.png")
    where = refusal(f"data:image/png;base64,{'A' * 1000}").where
    assert where is not None
    assert len(where) < 50


def test_an_image_that_is_too_large_is_refused_with_its_size(tmp_path: Path) -> None:
    data = picture()
    name = saved(tmp_path, data)
    error = refusal(name, tmp_path, ImageLimits(max_bytes=len(data) - 1))
    assert f"has {len(data):,} bytes, and at most {len(data) - 1:,}" in error.what
    assert read_image_url(name, tmp_path, ImageLimits(max_bytes=len(data)))
    refusal(magic.to_data_url(data, "image/png"), fit=ImageLimits(max_bytes=len(data) - 1))


def test_a_film_is_not_read_only_because_images_are_made_smaller(tmp_path: Path) -> None:
    with (tmp_path / "film.png").open("wb") as file:
        file.truncate(65_000_000)
    assert "65,000,000 bytes" in refusal("film.png", tmp_path, SMALL).what


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in this file system")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert refusal("pipe", tmp_path).what == "this is not a file"


# Made smaller


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
@pytest.mark.parametrize(
    ("longest_side", "size"), [(100, (100, 66)), (300, (300, 200)), (1, (1, 1))]
)
def test_an_image_is_made_as_small_as_is_asked_for(
    tmp_path: Path, form: str, longest_side: int, size: tuple[int, int]
) -> None:
    fit = replace(ROOMY, longest_side=longest_side)
    image = opened(read_image_url(saved(tmp_path, picture(form=form)), tmp_path, fit))
    assert image.size == size


def test_an_image_that_fits_is_sent_as_it_is(tmp_path: Path) -> None:
    data = picture((100, 50), "JPEG")
    name = saved(tmp_path, data)
    assert read_image_url(name, tmp_path, SMALL) == magic.to_data_url(data, "image/jpeg")


def test_a_file_may_be_larger_than_what_is_sent_of_it(tmp_path: Path) -> None:
    name = saved(tmp_path, picture((2000, 2000), "PNG", compress_level=0))
    fit = ImageLimits(max_bytes=20_000, longest_side=50)
    assert opened(read_image_url(name, tmp_path, fit)).size == (50, 50)
    refusal(name, tmp_path, ImageLimits(max_bytes=500, longest_side=1500))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("size", [(300, 200), (90, 60)])
def test_a_photograph_is_turned_upright_also_where_it_is_small(
    tmp_path: Path, form: str, size: tuple[int, int]
) -> None:
    """Orientation 6: the camera was held upright, so red is at the top."""
    data = picture(size, form, exif=turned(6))
    image = opened(read_image_url(saved(tmp_path, data), tmp_path, SMALL)).convert("RGB")
    width, height = image.size
    assert width < height <= 100
    assert image.getexif().get(0x0112, 1) == 1
    top, bottom = (image.getpixel((width // 2, y)) for y in (height // 5, height * 4 // 5))
    assert isinstance(top, tuple)
    assert isinstance(bottom, tuple)
    assert top[0] > 100 + top[2]
    assert bottom[2] > 100 + bottom[0]


@pytest.mark.parametrize(
    ("form", "mode"),
    [
        ("PNG", "P"),
        ("PNG", "1"),
        ("PNG", "L"),
        ("PNG", "LA"),
        ("PNG", "RGBA"),
        ("JPEG", "CMYK"),
        ("JPEG", "L"),
        ("GIF", "P"),
        ("WEBP", "RGBA"),
    ],
)
def test_colours_of_every_kind_are_made_smaller(tmp_path: Path, form: str, mode: str) -> None:
    name = saved(tmp_path, picture(form=form, mode=mode))
    assert max(opened(read_image_url(name, tmp_path, SMALL)).size) == 100


def test_sixteen_bits_of_grey_stay_grey(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("I;16", (300, 200), 128 * 256).save(buffer, "PNG")
    image = opened(read_image_url(saved(tmp_path, buffer.getvalue()), tmp_path, SMALL))
    assert (image.size, image.getpixel((50, 30))) == ((100, 66), 128)


def test_transparency_stays(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGBA", (300, 200), (255, 0, 0, 0)).save(buffer, "PNG")
    image = opened(read_image_url(saved(tmp_path, buffer.getvalue()), tmp_path, SMALL))
    assert image.mode == "RGBA"
    assert image.getchannel("A").getextrema() == (0, 0)


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    """A few kilobytes that would unfold to ten thousand million pixels."""
    data = bytearray(picture((1, 1)))
    data[16:24] = (100_000).to_bytes(4) * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4)
    error = refusal(saved(tmp_path, bytes(data)), tmp_path, SMALL)
    assert "100000 x 100000 pixels" in error.what


def test_half_an_image_is_damaged(tmp_path: Path) -> None:
    for form in ("PNG", "JPEG", "WEBP", "GIF"):
        data = picture((3000, 200), form)
        name = saved(tmp_path, data[: len(data) // 2])
        assert "damaged" in refusal(name, tmp_path, SMALL).what


BEGINNINGS = [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"RIFF\x20\x00\x00\x00WEBP"]


@given(st.sampled_from(BEGINNINGS), st.binary(max_size=100), st.integers(0, 1000))
@settings(max_examples=200)
def test_no_image_raises_anything_but_an_input_error(
    beginning: bytes, junk: bytes, place: int
) -> None:
    whole = {b"\x89": "PNG", b"\xff": "JPEG", b"G": "GIF", b"R": "WEBP"}[beginning[:1]]
    data = bytearray(picture((30, 20), whole))
    at = place % len(data)
    data[at : at + len(junk)] = junk
    for broken in (beginning + junk, bytes(data)):
        media_type = magic.image_type(broken)
        if media_type is not None:
            try:
                resized(broken, media_type, "1.png", 10)
            except InputError as error:
                assert error.where == "1.png"  # noqa: PT017 - it need not be raised


@given(st.text(max_size=30) | st.text(max_size=30).map(lambda text: f"data:{text}"))
@settings(max_examples=300)
def test_no_text_raises_anything_but_an_error_of_ours(text: str) -> None:
    image_identity(text, HERE)
    try:
        read_image_url(text, HERE, SMALL)
    except RunnerError as error:
        assert error.remedy  # noqa: PT017 - it need not be raised


def test_without_pillow_the_remedy_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = saved(tmp_path, picture())
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert read_image_url(name, tmp_path, ROOMY)
    with pytest.raises(ConfigError) as caught:
        read_image_url(name, tmp_path, SMALL)
    assert caught.value.remedy == "pip install 'midnight-runner[vision]'"


def test_only_those_who_make_images_smaller_load_pillow() -> None:
    program = "import sys, runner.files.image_urls; sys.exit('PIL' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


# What tells one from another


def test_a_local_image_is_told_by_its_path_size_and_time(tmp_path: Path) -> None:
    name = saved(tmp_path, b"1")
    os.utime(tmp_path / name, ns=(5, 7_000))
    before = image_identity(name, tmp_path)
    assert before == f"{tmp_path / name} 1 7000"
    assert image_identity((tmp_path / name).as_uri(), HERE) == before
    os.utime(tmp_path / name, ns=(5, 8_000))
    assert image_identity(name, tmp_path) != before


@pytest.mark.parametrize("text", ["https://a.example/1.png", "data:image/png;base64,AA", "no.png"])
def test_all_else_is_told_by_itself(text: str) -> None:
    assert image_identity(text, HERE) == text

"""What is fetched from the URL of an image, over transports and hosts of every kind."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Callable

import anyio
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner import magic
from runner.providers.account import Account
from runner.providers.downloads import Download, Expired, Image, Unfit
from runner.providers.endpoint import Endpoint
from runner.providers.images import TaskPending, TaskStatus, Unreachable
from runner.providers.presets import preset
from runner.providers.transport import open_transport

TOKEN = "ms-0123456789abcdef"  # noqa: S105 - nobody's
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
HTML = b"<html><body>log in first</body></html>"
Handler = Callable[[httpx.Request], httpx.Response]


def fetch(handler: Handler, url: str = "https://oss.example/1.png", limit: int = 1000) -> Download:
    async def main() -> Download:
        account = Account("mine", preset("modelscope"), "https://provider/v1", ())
        async with open_transport(httpx.MockTransport(handler)) as transport:
            return await Endpoint(account, TOKEN, transport).fetch(url, limit, 5)

    return anyio.run(main)


def poll(handler: Handler) -> TaskStatus:
    async def main() -> TaskStatus:
        account = Account("mine", preset("modelscope"), "https://provider/v1", ())
        async with open_transport(httpx.MockTransport(handler)) as transport:
            return await Endpoint(account, TOKEN, transport).task("2/5", 5)

    return anyio.run(main)


def reply(body: bytes = PNG, status: int = 200, **headers: str) -> httpx.Response:
    """A reply that has not been read yet, as from a socket."""
    return httpx.Response(status, stream=httpx.ByteStream(body), headers=headers)


def serving(body: bytes, status: int = 200, **headers: str) -> Handler:
    return lambda _request: reply(body, status, **headers)


def nobody(_request: httpx.Request) -> httpx.Response:
    raise AssertionError("nobody is asked")


@pytest.mark.parametrize(
    ("data", "media_type", "suffix"),
    [
        (PNG, "image/png", ".png"),
        (b"\xff\xd8\xff\xe0 jpeg", "image/jpeg", ".jpg"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp", ".webp"),
        (b"GIF89a....", "image/gif", ".gif"),
    ],
)
def test_an_image_is_known_by_its_first_bytes(data: bytes, media_type: str, suffix: str) -> None:
    """Whatever its header claims."""
    found = fetch(serving(data, **{"content-type": "text/html"}))
    assert found == Image(data, media_type)
    assert isinstance(found, Image)
    assert found.suffix == suffix


@pytest.mark.parametrize("body", [b"", HTML, b"RIFF\x00\x00\x00\x00WAVE", b"\x89PNG", b"{}"])
def test_what_is_no_image_is_unfit_whatever_its_header_claims(body: bytes) -> None:
    assert isinstance(fetch(serving(body, **{"content-type": "image/png"})), Unfit)


def test_the_token_goes_to_nobody_for_an_image() -> None:
    """Not to another host, not to a host that another one names, and not to the provider's own."""
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if request.url.host == "provider":
            return reply(HTML, 302, location="https://oss.example/1.png")
        return reply()

    assert isinstance(fetch(handler, "https://provider/v1/files/1"), Image)
    assert [request.url.host for request in seen] == ["provider", "oss.example"]
    for request in seen:
        assert TOKEN not in repr(request.headers.raw) + str(request.url)
        assert "authorization" not in request.headers


def test_an_image_larger_than_the_limit_is_not_read() -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        yield PNG
        while True:
            read += 1
            yield bytes(500)

    found = fetch(lambda _request: httpx.Response(200, content=endless()))
    assert found == Unfit("the image is larger than 1,000 bytes")
    assert read <= 2
    assert isinstance(fetch(serving(PNG, **{"content-length": "4000000000"})), Unfit)
    assert isinstance(fetch(serving(PNG), limit=len(PNG)), Image)


def test_a_body_that_is_compressed_against_orders_is_not_unfolded() -> None:
    asked: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers["accept-encoding"])
        return reply(gzip.compress(PNG), **{"content-encoding": "gzip"})

    assert isinstance(fetch(handler), Unfit)
    assert asked == ["identity"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(status: int) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/1.png":
            return reply(HTML, status, location="../b/2.png?x=1")
        assert str(request.url) == "https://oss.example/b/2.png?x=1"
        return reply()

    assert isinstance(fetch(handler), Image)


@pytest.mark.parametrize("location", ["http://oss.example/1.png", "file:///etc/passwd", "", "//["])
def test_redirects_that_lead_astray_are_not_followed(location: str) -> None:
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return reply(HTML, 302, location=location)

    assert isinstance(fetch(handler), Unfit)
    assert len(seen) == 1


def test_redirects_in_a_circle_come_to_an_end() -> None:
    found = fetch(lambda request: reply(HTML, 302, location=str(request.url)))
    assert found == Unfit("its URL redirects more than 5 times")


@pytest.mark.parametrize(("status", "kind"), [(403, Expired), (404, Expired), (400, Expired)])
def test_a_url_that_has_expired_is_told_from_a_failing_host(status: int, kind: type) -> None:
    assert isinstance(fetch(serving(HTML, status)), kind)


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_failing_host_is_asked_again_later(status: int) -> None:
    assert isinstance(fetch(serving(HTML, status)), Unreachable)


@pytest.mark.parametrize("error", [httpx.ConnectError("no"), httpx.RemoteProtocolError("cut")])
def test_a_broken_transport_is_asked_again_later(error: Exception) -> None:
    def handler(_request: httpx.Request) -> httpx.Response:
        raise error

    assert isinstance(fetch(handler), Unreachable)
    assert isinstance(poll(handler), Unreachable)


def test_an_image_that_came_with_the_reply_asks_nobody() -> None:
    assert fetch(nobody, magic.to_data_url(PNG, "application/octet-stream")) == Image(
        PNG, "image/png"
    )
    for url in ("data:;base64,*", "data:image/png", "data:image/png;base64,AAAA"):
        assert isinstance(fetch(nobody, url), Unfit)
    assert isinstance(fetch(nobody, magic.to_data_url(PNG, "image/png"), limit=50), Unfit)


@pytest.mark.parametrize("url", ["", "1.png", "file:///etc/passwd", "ftp://x/1.png", "http://["])
def test_what_is_no_url_asks_nobody(url: str) -> None:
    assert isinstance(fetch(nobody, url), Unfit)


@given(st.text(max_size=20), st.text(max_size=20))
@settings(max_examples=150)
def test_no_url_and_no_redirect_raises(url: str, location: str) -> None:
    def handler(_request: httpx.Request) -> httpx.Response:
        headers = {b"location": location.encode("utf-8", "replace")}
        return httpx.Response(302, headers=headers, stream=httpx.ByteStream(HTML))

    for asked in (url, f"http://{url}", f"https://{url}", f"data:{url}"):
        assert isinstance(fetch(handler, asked), Unfit | Unreachable | Expired)


def test_a_task_is_asked_for_with_the_token_and_what_comes_back_is_clean() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"task_status": f"PENDING {TOKEN}"})

    assert poll(handler) == TaskPending("PENDING [token]")
    (request,) = seen
    assert request.url.raw_path == b"/v1/tasks/2%2F5"
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.headers["x-modelscope-task-type"] == "image_generation"

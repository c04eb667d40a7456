"""The proxies and the certificates that the environment names, read and used."""

from __future__ import annotations

import ssl
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from providers.transport.conftest import OK, Connection, Server, run, serving

from runner.errors import ConfigError
from runner.providers.transport import NotSent, Response, Transport, open_transport
from runner.providers.transport.network import read_network

pytestmark = pytest.mark.skipif(
    sys.platform in {"darwin", "win32"}, reason="the system's own settings count there"
)

CERTIFICATES = Path(__file__).with_name("certificates")
AUTHORITY = str(CERTIFICATES / "authority.pem")
PROXY = "http://proxy:3128"


def proxy(url: str, **environ: str) -> str | None:
    return read_network(environ).proxy_for(url)


@pytest.mark.parametrize(
    ("environ", "http", "https"),
    [
        ({}, None, None),
        ({"http_proxy": PROXY}, PROXY, None),
        ({"HTTPS_PROXY": PROXY}, None, PROXY),
        ({"ALL_PROXY": PROXY}, PROXY, PROXY),
        ({"all_proxy": PROXY, "https_proxy": "http://other:1"}, PROXY, "http://other:1"),
        ({"HTTP_PROXY": PROXY, "http_proxy": "http://lower:1"}, "http://lower:1", None),
        ({"HTTP_PROXY": PROXY, "REQUEST_METHOD": "GET"}, None, None),
        ({"HTTP_PROXY": ""}, None, None),
        ({"HTTP_PROXY": " proxy:3128 "}, PROXY, None),
        ({"ALL_PROXY": "socks://127.0.0.1:7890/"}, *["socks5://127.0.0.1:7890/"] * 2),
        ({"ALL_PROXY": "SOCKS5H://127.0.0.1:7890"}, *["socks5h://127.0.0.1:7890"] * 2),
        ({"HTTP_PROXY": "http://user:pass@proxy:1"}, "http://user:pass@proxy:1", None),
    ],
)
def test_each_scheme_has_the_proxy_that_its_variable_names(
    environ: Mapping[str, str], http: str | None, https: str | None
) -> None:
    assert proxy("http://provider/v1", **environ) == http
    assert proxy("https://provider/v1", **environ) == https


@pytest.mark.parametrize(
    ("no_proxy", "host", "direct"),
    [
        ("*", "example.org", True),
        ("example.org", "example.org", True),
        ("example.org", "api.example.org", True),
        (".example.org", "api.example.org", True),
        (".example.org", "example.org", True),
        ("*.example.org", "api.example.org", True),
        ("example.org", "notexample.org", False),
        ("EXAMPLE.org", "Example.ORG", True),
        ("example.org:8000", "example.org:8000", True),
        ("example.org:8000", "example.org:9000", False),
        ("example.org:443", "example.org", True),
        ("localhost, 127.0.0.1 ,::1", "127.0.0.1", True),
        ("localhost,127.0.0.1", "localhost:8000", True),
        ("127.0.0.1:8000", "127.0.0.1:8000", True),
        ("127.0.0.1:8000", "127.0.0.1", False),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("[::1]", "[::1]:80", True),
        ("[::1]:81", "[::1]:80", False),
        ("::1", "[::1]", True),
        ("localhost,127.0.0.1,fd07:b51a:cc66:f0::/64", "[fd07:b51a:cc66:f0::7]", True),
        ("fd07:b51a:cc66:f0::/64", "127.0.0.1", False),
        ("https://example.org", "example.org", True),
        ("", "example.org", False),
        (",,", "example.org", False),
        ("10.0.0.0/99", "10.0.0.1", False),
    ],
)
def test_no_proxy_covers_names_addresses_and_networks(
    no_proxy: str,
    host: str,
    direct: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    found = proxy(f"https://{host}/v1", ALL_PROXY=PROXY, NO_PROXY=no_proxy)
    assert (found is None) is direct


@pytest.mark.parametrize("url", ["", "http://[", "http://a:b/", "data:x", "http://"])
def test_what_is_no_url_has_no_proxy(url: str) -> None:
    assert proxy(url, NO_PROXY="x", HTTPS_PROXY=PROXY) is None


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ALL_PROXY", "quic://secret@proxy:1"),
        ("https_proxy", "http://"),
        ("HTTP_PROXY", "http://secret:x@proxy:port"),
        ("HTTP_PROXY", "http://[::1"),
        ("SSL_CERT_FILE", "/no/such/file.pem"),
        ("SSL_CERT_DIR", "/no/such/folder"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_variable(variable: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_network({variable: value})
    assert caught.value.where == f"environment {variable}"
    assert variable in (caught.value.remedy or "")
    assert "secret" not in str(caught.value)


async def answer(connection: Connection) -> None:
    while True:
        await connection.request()
        await connection.send(OK)


def through(kind: str, url: str, environ: Mapping[str, str]) -> tuple[Any, list[bytes]]:
    """How a call to `url` ends through a proxy, and the request lines that it saw."""

    async def main(_transport: Transport, server: Server) -> tuple[Any, list[bytes]]:
        port = server.url.split(":")[2].split("/")[0]
        named = {name: value.format(port=port) for name, value in environ.items()}
        async with open_transport(kind=kind, environ=named) as transport:
            outcome = await transport.post(url.format(port=port), {"A": "b"}, b"{}", 10)
        return outcome, [head.split(b"\r\n")[0] for head, _ in server.requests]

    return run(kind, answer, main)


def test_a_plain_request_is_sent_through_the_proxy(kind: str) -> None:
    environ = {"http_proxy": "http://127.0.0.1:{port}"}
    outcome, seen = through(kind, "http://provider.invalid/v1", environ)
    assert outcome == Response(200, {"content-length": "2"}, b"{}")
    assert seen == [b"POST http://provider.invalid/v1 HTTP/1.1"]


def test_an_exempted_host_is_asked_without_the_proxy(kind: str) -> None:
    environ = {"ALL_PROXY": "http://127.0.0.1:1", "NO_PROXY": "localhost,127.0.0.0/8,[::1]"}
    outcome, seen = through(kind, "http://127.0.0.1:{port}/v1", environ)
    assert isinstance(outcome, Response)
    assert seen == [b"POST /v1 HTTP/1.1"]


def test_a_proxy_that_is_not_there_is_named_and_not_its_password(kind: str) -> None:
    environ = {"ALL_PROXY": "http://me:secret@127.0.0.1:1"}
    for scheme in ("http", "https"):
        outcome, _ = through(kind, f"{scheme}://provider.invalid/", environ)
        assert isinstance(outcome, NotSent)
        assert "(by the proxy http://127.0.0.1:1 of ALL_PROXY)" in outcome.why
        assert "secret" not in outcome.why


@pytest.mark.parametrize(
    ("variable", "value", "shown"),
    [
        ("all_proxy", "socks://127.0.0.1:1/", "socks5://127.0.0.1:1 of all_proxy"),
        ("HTTPS_PROXY", "127.0.0.1:1", "http://127.0.0.1:1 of HTTPS_PROXY"),
        ("https_proxy", "HTTP://Me:Pw@[::1]:1", "http://[::1]:1 of https_proxy"),
    ],
)
def test_the_variable_that_names_a_proxy_is_told(variable: str, value: str, shown: str) -> None:
    network = read_network({variable: value})
    assert network.path_to("https://provider.invalid/") == f" (by the proxy {shown})"


def test_a_proxy_that_opens_no_tunnel_is_not_sent(kind: str) -> None:
    async def refuse(connection: Connection) -> None:
        await connection.request()
        await connection.send(b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n")
        connection.close()

    async def main(_transport: Transport, server: Server) -> Any:
        named = {"https_proxy": server.url.removesuffix("/v1/chat/completions")}
        async with open_transport(kind=kind, environ=named) as transport:
            return await transport.post("https://provider.invalid/v1", {}, b"{}", 10)

    assert isinstance(run(kind, refuse, main), NotSent)


def test_a_proxys_name_and_password_are_given_to_it_alone(kind: str) -> None:
    async def main(_transport: Transport, server: Server) -> bytes:
        port = server.url.split(":")[2].split("/")[0]
        named = {"http_proxy": f"http://me:pw@127.0.0.1:{port}"}
        async with open_transport(kind=kind, environ=named) as transport:
            await transport.post("http://provider.invalid/v1", {}, b"{}", 10)
        return server.requests[0][0].lower()

    assert b"proxy-authorization: basic bwu6chc=" in run(kind, answer, main)


def secure(kind: str, environ: Mapping[str, str]) -> Any:
    """How a call ends to a server whose certificate is of the tests' own authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / "server.pem", CERTIFICATES / "server.key")

    async def main(_transport: Transport, _server: Server) -> Any:
        async with (
            serving(answer, context) as server,
            open_transport(kind=kind, environ=environ) as transport,
        ):
            return await transport.post(server.url, {}, b"{}", 10)

    return run(kind, answer, main)


def test_a_certificate_of_an_unknown_authority_is_not_trusted(kind: str) -> None:
    outcome = secure(kind, {})
    assert isinstance(outcome, NotSent)
    assert "certificate" in outcome.why


def test_the_authority_in_ssl_cert_file_is_trusted(kind: str) -> None:
    assert isinstance(secure(kind, {"SSL_CERT_FILE": AUTHORITY}), Response)


def test_a_file_without_certificates_is_told_with_its_variable(kind: str, tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    with pytest.raises(ConfigError) as caught:
        secure(kind, {"SSL_CERT_FILE": str(empty)})
    assert caught.value.where == "environment SSL_CERT_FILE"

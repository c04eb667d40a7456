"""What no client should do, and some will."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path
from threading import get_ident
from typing import Any

import pytest
from support.waiting import PATIENCE_S

from runner import listening
from runner.server import batch_routes, upload
from runner.server.batch_routes import BatchRoutes
from runner.server.upload import UploadLimits
from tests.server.conftest import MODEL, Served, Serving

FORM = {"Content-Type": "multipart/form-data; boundary=x"}
HEAD = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'


def test_an_upload_that_is_announced_too_large_is_refused_before_it_comes(served: Served) -> None:
    port = int(served.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as one:
        lines = ["POST /v1/files HTTP/1.1", "Host: localhost", "Content-Length: 5000000000"]
        lines.append(f"Content-Type: {FORM['Content-Type']}")
        one.sendall("\r\n".join([*lines, "", ""]).encode())
        assert one.recv(100).startswith(b"HTTP/1.1 413")


def test_an_upload_that_grows_too_large_is_refused_and_leaves_nothing(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_routes, "_MOST", UploadLimits(files=1_000))
    body = HEAD + b"y" * 2_000 + b"\r\n--x--\r\n"
    with served.http() as http:
        assert http.post("/v1/files", content=body, headers=FORM).status_code == 413
    assert list((tmp_path / "queue.db-files").glob("*")) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a disk that is full")  # noqa: PTH110
def test_a_full_disk_ends_an_upload_with_an_error(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.open

    def opened(self: Path, *args: Any, **more: Any) -> Any:
        if self.suffix == ".part":
            return open("/dev/full", "wb")  # noqa: PTH123
        return real(self, *args, **more)

    monkeypatch.setattr(Path, "open", opened)
    body = HEAD + b"y" * 2_000_000 + b"\r\n--x--\r\n"
    with served.http() as http:
        found = http.post("/v1/files", content=body, headers=FORM)
    assert found.status_code == 503
    assert "no room" in found.json()["error"]["message"]


@pytest.mark.parametrize("boundary", ["z" * 5_000, '"', "\N{LATIN SMALL LETTER E WITH ACUTE}"])
def test_a_boundary_that_cannot_be_is_told(served: Served, boundary: str) -> None:
    kind = f"multipart/form-data; boundary={boundary}".encode("latin-1")
    with served.http() as http:
        found = http.post("/v1/files", content=b"--x--\r\n", headers={b"Content-Type": kind})
    assert found.status_code == 400
    assert found.json()["error"]["type"] == "invalid_request_error"


def test_a_defect_is_told_in_the_envelope_too(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(BatchRoutes, "answer")
    with served.http() as http:
        found = http.get("/v1/files")
    assert found.status_code == 500
    assert found.json()["error"]["type"] == "server_error"


def test_an_upload_is_written_by_another_thread_than_the_one_that_serves(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, writers = Path.open, set[int]()

    def opened(self: Path, *args: Any, **more: Any) -> Any:
        if self.suffix == ".part" and args == ("xb",):
            writers.add(get_ident())
        return real(self, *args, **more)

    async def ident() -> int:
        return get_ident()

    monkeypatch.setattr(Path, "open", opened)
    with served.http() as http:
        http.post("/v1/files", content=HEAD + b"{}\r\n--x--\r\n", headers=FORM)
    assert writers
    assert served.do(ident) not in writers


def test_an_upload_is_on_the_disk_before_its_client_is_told(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, synced = os.fsync, set[int]()

    def fsync(handle: int) -> None:
        synced.add(os.fstat(handle).st_ino)
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    purpose = b'\r\n--x\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--x--\r\n'
    with served.http() as http:
        found = http.post("/v1/files", content=HEAD + b"{}" + purpose, headers=FORM).json()
    assert (tmp_path / "queue.db-files" / f"{found['id']}.jsonl").stat().st_ino in synced


def test_an_upload_that_stalls_is_given_up_and_leaves_nothing(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "LONGEST_PIECE_S", 0.1)
    port = int(served.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as one:
        lines = ["POST /v1/files HTTP/1.1", "Host: localhost", "Content-Length: 5000"]
        lines.append(f"Content-Type: {FORM['Content-Type']}")
        one.sendall("\r\n".join([*lines, "", ""]).encode() + HEAD)
        assert one.recv(100).startswith(b"HTTP/1.1 408")
    assert list((tmp_path / "queue.db-files").glob("*")) == []


def connected(served: Served, *sent: bytes) -> socket.socket:
    port = int(served.url.rpartition(":")[2])
    one = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
    for data in sent:
        one.sendall(data)
    return one


def test_connections_that_bring_no_request_are_closed_and_others_are_not(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "LONGEST_HEAD_S", 1.0)
    monkeypatch.setattr(listening, "CHECK_EVERY_S", 0.05)
    chat = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}]}
    with (
        serving(latency_ms=(2_500, 2_500)) as served,
        served.http() as http,
        connected(served) as silent,
        connected(served, b"GET /v1/models HTTP/1.1\r\nHost: loc") as half,
        connected(served, b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n") as done,
    ):
        assert done.recv(20).startswith(b"HTTP/1.1 200")
        done.sendall(b"GET /v1/models HTTP/1.1\r\n")
        assert http.post("/v1/chat/completions", json=chat).status_code == 200
        assert silent.recv(1) == b""
        assert half.recv(1) == b""
        while done.recv(65_536):
            pass


@pytest.mark.parametrize("endless", [b"X-A: a\r\n", b"a"], ids=["headers", "a header"])
def test_an_endless_head_of_a_request_is_refused(served: Served, endless: bytes) -> None:
    begun = b"GET /v1/models HTTP/1.1\r\nX-B: "
    with connected(served, begun) as one, pytest.raises(ConnectionError):
        one.sendall(endless * 10_000_000)


def test_a_head_of_many_headers_is_read_and_the_next_is_bounded_anew(served: Served) -> None:
    large = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\nX-B: " + b"a" * 40_000
    with connected(served) as one:
        for _ in range(3):
            one.sendall(large + b"\r\n\r\n")
            assert one.recv(100).startswith(b"HTTP/1.1 200")
            one.settimeout(0.5)
            with contextlib.suppress(TimeoutError):
                while one.recv(65_536):
                    pass


def test_where_connections_are_few_those_without_a_request_give_way(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "CROWDED_S", 0.2)
    monkeypatch.setattr(listening, "CHECK_EVERY_S", 0.05)
    monkeypatch.setattr(listening, "allowed_connections", lambda: 60)
    with serving() as served, served.http() as http:
        slow = [connected(served, b"POST /v1/files HTTP/1.1\r\n") for _ in range(40)]
        assert all(one.recv(1) == b"" for one in slow[:10])
        assert http.get("/v1/models").status_code == 200
        for one in slow:
            one.close()


@pytest.mark.slow
def test_a_thousand_slow_connections_hold_nobody_up(served: Served) -> None:
    begun = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n"
    slow = [connected(served, begun, b"\r\n" * (n % 2)) for n in range(1_000)]
    with served.http() as http:
        body = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}]}
        assert http.post("/v1/chat/completions", json=body).status_code == 200
    for one in slow:
        one.close()


def test_two_servers_cannot_have_one_port(served: Served, tmp_path: Path) -> None:
    import anyio

    from runner.app.application import open_application
    from runner.errors import ConfigError
    from runner.server.serve import serve
    from runner.settings import load_settings

    port = int(served.url.rpartition(":")[2])

    async def main() -> None:
        settings = load_settings(
            db=tmp_path / "other.db",
            config=tmp_path / "midnight.toml",
            account=None,
            environ={},
            cwd=tmp_path,
        )
        async with open_application(settings, environ={"MY_TOKEN": "x"}) as midnight:
            await serve(midnight, "127.0.0.1", port, ready=print, attended=False)

    with pytest.raises(ConfigError, match="cannot listen"):
        anyio.run(main)


def test_beyond_this_machine_a_key_is_needed(serving: Serving) -> None:
    from runner.errors import ConfigError
    from runner.server.serve import serve

    with serving() as served:

        async def beyond() -> None:
            await serve(served.application, "0.0.0.0", 0, ready=print, attended=False)  # noqa: S104

        with pytest.raises(ConfigError, match="only clients with a key"):
            served.do(beyond)


def test_values_of_any_shape_get_an_answer_in_the_envelope(served: Served) -> None:
    odd: list[Any] = [
        {"model": MODEL, "messages": [{"role": None}]},
        {"model": MODEL, "messages": 7, "stream": "yes"},
        {"model": MODEL, "stream": True, "stream_options": 3, "messages": []},
        {"model": ["a"]},
        {"model": "m" * 100_000, "messages": []},
    ]
    with served.http() as http:
        for body in odd:
            found = http.post("/v1/chat/completions", json=body)
            assert 400 <= found.status_code < 500, (body, found.text)
            assert found.json()["error"]["message"]
        for method, path in (
            ("PUT", "/v1/files"),
            ("GET", "/v1/nothing"),
            ("DELETE", "/v1/models"),
        ):
            assert http.request(method, path).status_code == 404

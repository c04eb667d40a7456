"""Presets without a release: from a file or an https URL, checked as a whole, shown with ages."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from support.waiting import PATIENCE_S

CERTIFICATES = Path(__file__).parents[1] / "providers" / "transport" / "certificates"

FRESH = """
[groq]
title = "Groq"
base_url = "https://api.groq.com/openai/v2"
as_of = "2027-01"
source = "https://console.groq.com/docs/rate-limits"
data_use = "training"

[groq.quotas]
calls_per_day = { scope = "account", unit = "calls", period = "day", limit = 7 }

[[groq.errors]]
message = "come back tomorrow"
verdict = "spent"
quota   = "calls_per_day"

[nightowl]
base_url = "https://api.nightowl.example/v1"
as_of = "2026-12"
source = "https://nightowl.example/limits"
"""


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A file of two presets: a newer one and one of a provider nobody had heard of."""
    path = tmp_path / "fresh.toml"
    path.write_text(FRESH)
    return path


def shown(midnight: Any, name: str) -> Any:
    return midnight("presets", "show", name, "--json").json


def test_every_preset_is_shown_with_its_age_and_data_use(midnight: Any) -> None:
    said = midnight("presets", "show")
    assert said.code == 0
    (line,) = [line for line in said.out.splitlines() if line.startswith("gemini")]
    assert line.split()[1].startswith("2026-")
    assert "yes" in line
    assert "shipped" in line
    found = {one["name"]: one for one in midnight("presets", "show", "--json").json}
    assert {"nvidia", "cohere", "zai", "groq"} <= found.keys()
    assert found["groq"]["quotas"]["tokens_per_day"]["limit"] == 200_000
    assert found["nvidia"]["quotas"]["calls_per_day"]["limit"] == 10_000


def test_one_preset_is_shown_in_full(midnight: Any) -> None:
    said = " ".join(midnight("presets", "show", "groq").out.split())
    assert "groq: Groq" in said
    assert "200,000 tokens in any 24 h of each model" in said
    assert "Groq does not use what you send for training" in said
    assert "did you mean" in midnight("presets", "show", "grok").err


def test_a_file_of_presets_is_installed_and_used(midnight: Any, fresh: Path) -> None:
    said = midnight("presets", "update", fresh)
    assert said.code == 0, said
    assert "groq      changed" in said.out
    assert "nightowl  new" in said.out
    found = shown(midnight, "groq")
    assert (found["base_url"], found["as_of"]) == ("https://api.groq.com/openai/v2", "2027-01")
    assert found["quotas"]["calls_per_day"]["limit"] == 7
    assert found["error_rules"] == 1, "a preset replaces the older one as a whole"
    assert found["origin"] == str(fresh)
    assert shown(midnight, "nightowl")["title"] == "nightowl"
    again = midnight("presets", "update", fresh, "--json").json
    assert again["presets"] == {"groq": "unchanged", "nightowl": "unchanged"}


def test_one_is_told_where_tokens_go_from_now_on(midnight: Any, fresh: Path) -> None:
    said = " ".join(midnight("presets", "update", fresh).out.split())
    assert "groq: the tokens of its accounts go to https://api.groq.com/openai/v2" in said


def test_an_account_uses_what_was_installed(midnight: Any, fresh: Path, tmp_path: Path) -> None:
    assert midnight("presets", "update", fresh).code == 0
    (tmp_path / "midnight.toml").write_text('[accounts.a]\nprovider = "nightowl"\n')
    checks = {one["name"]: one for one in midnight("doctor", "--json").json}
    assert checks["token of a"]["remedy"].startswith("add token")
    (line,) = midnight("quota", "--json", "--account", "a").json[:1]
    assert line["account"] == "a"


def test_what_midnight_toml_says_still_goes_first(
    midnight: Any, fresh: Path, tmp_path: Path
) -> None:
    (tmp_path / "midnight.toml").write_text("[providers.groq.quotas.calls_per_day]\nlimit = 3\n")
    assert midnight("presets", "update", fresh).code == 0
    found = shown(midnight, "groq")
    assert (found["quotas"]["calls_per_day"]["limit"], found["corrected"]) == (3, True)


def test_an_older_preset_is_kept_and_not_used(midnight: Any, fresh: Path) -> None:
    """So a later release of the program, with newer facts, is not held back by it."""
    fresh.write_text(FRESH.replace("2027-01", "2020-01"))
    assert midnight("presets", "update", fresh, "--json").json["presets"]["groq"] == "older"
    assert shown(midnight, "groq")["origin"] == "shipped"


def test_presets_of_another_file_are_added_to_those_of_the_first(
    midnight: Any, fresh: Path
) -> None:
    assert midnight("presets", "update", fresh).code == 0
    fresh.write_text('[third]\nas_of = "2026-12"\nsource = "https://third.example"\n')
    assert midnight("presets", "update", fresh).code == 0
    names = {one["name"] for one in midnight("presets", "show", "--json").json}
    assert {"nightowl", "third"} <= names
    assert shown(midnight, "groq")["origin"] == str(fresh)


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ("limit = 7", "limit = 0", 10, "[groq.quotas.calls_per_day] limit"),
        ("limit = 7", "limt = 7", 10, 'did you mean "limit"?'),
        ('period = "day", ', "", 10, "[groq.quotas.calls_per_day] period: this key is required"),
        ('verdict = "spent"', 'verdict = "spend"', 14, "[groq] errors item 1 verdict"),
        ('quota   = "calls_per_day"', 'quota = "calls"', 15, 'there is no quota "calls"'),
        ('as_of = "2027-01"', "", 2, "[groq] as_of: this key is required"),
        ('as_of = "2026-12"', 'as_of = "soon"', 19, "[nightowl] as_of"),
        ('"training"', '"yes"', 7, "[groq] data_use"),
        ("[nightowl]", "[nightowl", 17, "this is not TOML"),
        ("[groq.quotas]", "[groq.quotas]\nx = 1", 10, "[groq.quotas.x]: must be a table"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line_and_field_and_changes_nothing(
    midnight: Any, fresh: Path, old: str, new: str, line: int, told: str
) -> None:
    assert old in FRESH
    fresh.write_text(FRESH.replace(old, new))
    said = midnight("presets", "update", fresh)
    assert said.code == 2
    assert f"{fresh}:{line}" in said.err
    assert told in said.err
    assert "Traceback" not in said.err
    assert shown(midnight, "groq")["origin"] == "shipped"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "describes no provider"),
        (b"\xff\xfe", "UTF-8"),
        (b"PK\3\4\0\0", "binary file"),
        (b"x = 1\n" * 200_000, "has more"),
        (b"x = 1\n", "[x]: must be a table"),
        (b"[x]\ny = " + b"[" * 2000, "nested too deeply"),
    ],
)
def test_what_is_no_file_of_presets_is_told(
    midnight: Any, fresh: Path, content: bytes, told: str
) -> None:
    fresh.write_bytes(content)
    said = midnight("presets", "update", fresh)
    assert (said.code, told in said.err) == (2, True), said.err


def test_a_file_that_is_not_there_is_told(midnight: Any, tmp_path: Path) -> None:
    assert "No such file" in midnight("presets", "update", "nowhere.toml").err
    assert midnight("presets", "update", tmp_path).code == 2
    assert midnight("presets", "update").code == 2


def test_damaged_installed_presets_are_told_with_the_remedy(midnight: Any, fresh: Path) -> None:
    path = Path(midnight("presets", "update", fresh, "--json").json["path"])
    for damaged in (b"{", b"[]", b'{"groq": {}}', b'{"groq": {"from": "x", "table": {"zone": 1}}}'):
        path.write_bytes(damaged)
        said = midnight("quota")
        assert (said.code, "delete the file" in said.err) == (2, True), said.err


def test_installed_presets_that_the_disk_does_not_give_are_not_to_be_deleted(
    midnight: Any, fresh: Path
) -> None:
    path = Path(midnight("presets", "update", fresh, "--json").json["path"])
    path.unlink()
    path.mkdir()
    said = midnight("quota")
    assert (said.code, "cannot be read (Is a directory)" in said.err) == (2, True), said.err
    assert "delete" not in said.err


# From a URL


@contextmanager
def https(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[tuple[str, list[Any]]]:
    """A server whose answers `answer` writes, and the headers of what it was asked."""
    seen: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(dict(self.headers))
            answer(self)

        def log_message(self, *_words: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / "server.pem", CERTIFICATES / "server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}/presets.toml", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join(PATIENCE_S)


@pytest.fixture(autouse=True)
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATES / "authority.pem"))


def sending(
    body: bytes, status: int = 200, **headers: str
) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def test_presets_are_read_from_a_url_without_a_token(
    midnight: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELSCOPE_API_KEY", "ms-secret")
    with https(sending(FRESH.encode())) as (url, seen):
        said = midnight("presets", "update", url)
    assert said.code == 0, said.err
    assert shown(midnight, "groq")["origin"] == url
    assert "ms-secret" not in str(seen)
    assert "Authorization" not in seen[0]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (sending(b"", 404), "HTTP 404"),
        (sending(b"", 302, Location="https://elsewhere.example/x"), "redirects to https://else"),
        (sending(b"#" * (1 << 20) + b"#"), "has more"),
        (sending(b"[groq]\nlimit = 1\n"), "presets.toml:2: [groq] limit: unknown key"),
    ],
)
def test_a_url_that_holds_no_presets_is_told(midnight: Any, answer: Any, told: str) -> None:
    with https(answer) as (url, _):
        said = midnight("presets", "update", url)
    assert (said.code, told in said.err) == (2, True), said.err


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/p.toml", "ftp://x/p.toml", "https://", "https://me:pw@host/p.toml"]
)
def test_only_https_is_read(midnight: Any, url: str) -> None:
    said = midnight("presets", "update", url)
    assert (said.code, "over https only" in said.err) == (2, True)


def test_an_unreachable_url_is_told(midnight: Any) -> None:
    said = midnight("presets", "update", "https://127.0.0.1:1/p.toml")
    assert (said.code, "cannot be read" in said.err) == (2, True)


# What a provider does with what is sent


def test_what_is_done_with_inputs_is_told_before_any_is_sent(
    midnight: Any, work: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "k")
    (tmp_path / "midnight.toml").write_text(
        '[accounts.g]\nprovider = "gemini"\ntoken = "env:GEMINI_API_KEY"\n'
    )
    told = "Gemini API may use what you send for training"
    said = midnight("plan", *work)
    assert said.err.count(told) == 1
    (use,) = midnight("plan", *work, "--json").json["data_use"]
    assert (use["provider"], use["use"]) == ("gemini", "training")
    assert midnight("submit", *work).err.count(told) == 1


def test_nothing_is_said_of_a_server_of_ones_own(midnight: Any, work: Any, provider: Any) -> None:
    provider()
    assert "training" not in midnight("run", *work).err

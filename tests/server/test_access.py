"""Web pages of other sites spend nothing of a server without keys; programs are let in."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.errors import ConfigError
from runner.settings import load_settings
from tests.server.conftest import MODEL, Served, Serving

CHAT = f'{{"model": "{MODEL}", "messages": [{{"role": "user", "content": "hi there"}}]}}'
SIMPLE = {"Content-Type": "text/plain"}  # a browser sends it without a preflight
BEARER = {"Authorization": "Bearer any"}
EVIL = {"Origin": "https://evil.example"}


def asked(served: Served, headers: dict[str, str]) -> int:
    with served.http() as http:
        return http.post("/v1/chat/completions", content=CHAT, headers=SIMPLE | headers).status_code


@pytest.mark.parametrize(
    "headers",
    [
        EVIL,
        EVIL | {"Sec-Fetch-Site": "cross-site"},
        EVIL | BEARER,
        {"Origin": "null"},
        {"Origin": "file://"},
        {"Origin": "http://127.0.0.1.evil.example"},
        {"Origin": "http://notlocalhost"},
        {"Origin": "http://["},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_page_of_another_site_spends_nothing(served: Served, headers: dict[str, str]) -> None:
    assert asked(served, headers) == 403
    form = b'--x\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--x--\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    with served.http(headers=headers) as http:
        found = http.post("/v1/files", content=form, headers=kind)
        assert (found.status_code, found.json()["error"]["code"]) == (403, "origin_not_allowed")
    assert served.simulator.stats().calls == 0


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://127.0.0.1:3000"},
        {"Origin": "http://localhost:5173", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://tauri.localhost"},
        {"Origin": "http://[::1]:80"},
        BEARER | {"Origin": "null"},
        BEARER | {"Origin": "file://", "Sec-Fetch-Site": "cross-site"},
        BEARER | {"Origin": "app://obsidian.md"},
        BEARER | {"Origin": "tauri://localhost"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_programs_and_pages_of_this_machine_are_answered(
    served: Served, headers: dict[str, str]
) -> None:
    assert asked(served, headers) == 200


def test_a_browser_is_not_permitted_to_send_a_bearer_token_for_another_site(
    served: Served,
) -> None:
    wanted = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    with served.http() as http:
        for origin in ("https://evil.example", "null", "file://"):
            found = http.options("/v1/chat/completions", headers=wanted | {"Origin": origin})
            assert not [name for name in found.headers if name.startswith("access-control")]


def test_an_origin_that_is_allowed_and_the_servers_own_name_are_answered(serving: Serving) -> None:
    config = '[serve]\ncors_origins = ["https://chat.example.org/", "file://", "app://a/"]'
    with serving(config) as served:
        for origin in ("https://chat.example.org", "file://", "app://a"):
            assert asked(served, {"Origin": origin}) == 200
        own = {"Origin": "http://192.168.0.7:3000", "Host": "192.168.0.7:8765"}
        assert asked(served, own) == 200
        assert asked(served, EVIL) == 403


def test_an_origin_that_any_page_can_send_is_no_setting(tmp_path: Path) -> None:
    config = tmp_path / "midnight.toml"
    config.write_text('[serve]\ncors_origins = ["null"]')
    with pytest.raises(ConfigError, match="an origin starts with"):
        load_settings(db=None, config=config, account=None, environ={}, cwd=tmp_path)


@pytest.mark.parametrize(
    ("origin", "remedy"),
    [("https://my.example", "[serve] cors_origins"), ("null", "API key"), ("file://", "API key")],
)
def test_who_is_refused_is_told_what_lets_them_in(served: Served, origin: str, remedy: str) -> None:
    with served.http(headers={"Origin": origin}) as http:
        message = http.get("/v1/models").json()["error"]["message"]
    assert repr(origin) in message
    assert remedy in message


def test_where_a_key_is_required_it_decides_alone(served: Served) -> None:
    key = {"Authorization": f"Bearer {served.add_key('laptop')}"}
    assert asked(served, EVIL | key) == 200
    assert asked(served, EVIL | BEARER) == 401

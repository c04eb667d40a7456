"""The files of other programs: the server is added, and everything else stays as it was."""

from __future__ import annotations

import base64
import json
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from ruamel.yaml import YAML

from runner.app.setup import client_files
from runner.app.setup.client_setups import Connection, cherry_link, connection, setup
from runner.errors import ConfigError

OURS = connection("http://127.0.0.1:8765", "mn-key", ["a/one", "a/two"])
CONTINUE = """# mine
name: Home
version: 2.0.0
schema: v1
models:
{pad}- name: big   # the good one
{pad}  provider: anthropic
{pad}  model: "claude"
{pad}  apiKey: sk-secret
context:
{pad}- provider: file   # keep

rules: ["be short", 'please']
"""


def loaded(text: str) -> Any:
    return YAML(typ="safe").load(text)


def written(program: str, path: Path, to: Connection = OURS) -> client_files.WrittenSettings:
    return client_files.write(program, to, path)


@pytest.mark.parametrize("pad", ["", "  ", "    "])
def test_what_stands_in_a_yaml_file_stays_to_the_letter(tmp_path: Path, pad: str) -> None:
    path, before = tmp_path / "config.yaml", CONTINUE.format(pad=pad)
    path.write_text(before)
    found = written("continue", path)
    after = path.read_text()
    assert [line for line in after.splitlines() if line in before.splitlines()] == [
        *before.splitlines()
    ]
    names = [one["name"] for one in loaded(after)["models"]]
    assert names == ["big", "a/one", "a/two"]
    assert found.backup is not None
    assert found.backup.read_text() == before


@pytest.mark.parametrize(
    "before", ["a: 7 # b\n", "a:\n    b:\n        c: 7\n", "a:\n- b\n", "models:\n", "models: []\n"]
)
def test_a_file_without_models_gets_them_and_is_read_again(tmp_path: Path, before: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(before)
    written("continue", path)
    assert written("continue", path).diff == ""
    assert loaded(path.read_text())["models"] == loaded(setup("continue", OURS).snippet)["models"]


@pytest.mark.parametrize(("program", "key"), [("continue", "models"), ("litellm", "model_list")])
def test_a_file_that_is_not_there_is_made_as_the_program_wants_it(
    tmp_path: Path, program: str, key: str
) -> None:
    path = tmp_path / "folder" / "config.yaml"
    found = written(program, path)
    assert found.backup is None
    data = loaded(path.read_text())
    shown = loaded(setup(program, OURS).snippet)
    assert data[key] == shown[key], "it is what is shown"
    if program == "continue":
        assert {"name", "version", "schema"} <= data.keys()
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, "there is a key in it"


@pytest.mark.parametrize("program", ["continue", "litellm", "open-webui"])
def test_written_twice_it_is_there_once_and_a_new_key_replaces_the_old(
    tmp_path: Path, program: str
) -> None:
    path = tmp_path / "settings"
    written(program, path)
    once = path.read_text()
    assert written(program, path) == client_files.WrittenSettings(path, "", None)
    assert path.read_text() == once
    written(program, path, connection("http://127.0.0.1:8765/v1/", "mn-new", OURS.models))
    assert path.read_text() == once.replace("mn-key", "mn-new")


def test_a_name_that_the_user_gave_to_a_model_stays(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    written("continue", path)
    path.write_text(path.read_text().replace("name: a/one", "name: My one"))
    written("continue", path, connection("http://127.0.0.1:8765", "mn-new", ["a/one"]))
    first = loaded(path.read_text())["models"][0]
    assert (first["name"], first["apiKey"]) == ("My one", "mn-new")


@pytest.mark.parametrize(
    ("before", "urls", "keys"),
    [
        ("", "{ours}", "mn-key"),
        (
            "OPENAI_API_KEY='k'\nOPENAI_API_BASE_URL=https://x/v1\n",
            "'https://x/v1;{ours}'",
            "'k;mn-key'",
        ),
        (
            "export OPENAI_API_BASE_URLS=https://x;https://y\n",
            "'https://x;https://y;{ours}'",
            "';;mn-key'",
        ),
        (
            "OPENAI_API_BASE_URLS=https://x\nOPENAI_API_KEYS=k\nPORT=1",
            "'https://x;{ours}'",
            "'k;mn-key'",
        ),
        ("#OPENAI_API_KEYS=no\r\nPORT=1\r\n", "{ours}", "mn-key"),
        (
            'OPENAI_API_BASE_URLS="https://x;https://x"\nOPENAI_API_KEYS="k1;k2"\n',
            '"https://x;https://x;{ours}"',
            '"k1;k2;mn-key"',
        ),
        (
            "OPENAI_API_BASE_URLS=https://x # mine\nOPENAI_API_KEYS='k#1' # and its key\n",
            "'https://x;{ours}' # mine",
            "'k#1;mn-key' # and its key",
        ),
        ("OPENAI_API_BASE_URLS= # none yet\n", "{ours} # none yet", "mn-key"),
        (
            "OPENAI_API_BASE_URLS='https://x;{ours};{ours}'\nOPENAI_API_KEYS='k;old;other'\n",
            "'https://x;{ours};{ours}'",
            "'k;mn-key;other'",
        ),
    ],
)
def test_connections_of_open_webui_are_added_to(
    tmp_path: Path, before: str, urls: str, keys: str
) -> None:
    path, before = tmp_path / ".env", before.replace("{ours}", OURS.base)
    path.write_bytes(before.encode())
    written("open-webui", path)
    after = path.read_bytes().decode()
    lines = after.splitlines()
    wanted = urls.replace("{ours}", OURS.base)
    assert any(one.endswith(f"OPENAI_API_BASE_URLS={wanted}") for one in lines)
    assert f"OPENAI_API_KEYS={keys}" in lines
    kept = [one for one in before.splitlines() if "URLS" not in one and "KEY" not in one]
    assert set(kept) <= set(lines)
    assert ("\r\n" in after) is ("\r\n" in before)
    assert written("open-webui", path).diff == ""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
def test_a_shell_reads_every_connection(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("OPENAI_API_BASE_URLS=https://x\nOPENAI_API_KEYS='k1'\n")
    written("open-webui", path)
    script = '. "$1"; printf %s "$OPENAI_API_BASE_URLS $OPENAI_API_KEYS"'
    read = subprocess.run(["sh", "-ec", script, "sh", path], capture_output=True, check=True)
    assert read.stdout.decode() == f"https://x;{OURS.base} k1;mn-key"
    assert read.stderr == b""


def test_what_is_shown_of_a_change_has_nobodys_keys(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(CONTINUE.format(pad="  "))
    shown = written("continue", path).diff
    assert "+    model: a/one" in shown
    assert "sk-secret" not in shown
    assert "mn-key" not in shown


def test_nothing_of_other_programs_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "models:\n  - name: other\n    headers:\n        Authorization: Bearer sk-1\n"
        "        Cookie: plain\n          sk-2\n        Long: >-\n          sk-3\n"
    )
    shown = [written("continue", path).diff]
    path.write_text("OPENAI_API_BASE_URLS=https://sk-4@x\nOPENAI_API_KEYS=sk-5\nPORT=1 # sk-6")
    shown.append(written("open-webui", path).diff)
    assert f"+    apiBase: {OURS.base}" in shown[0]
    assert shown[1] == f"+OPENAI_API_BASE_URLS=…;{OURS.base}\n+OPENAI_API_KEYS=…;…"
    assert all("sk-" not in one and "mn-key" not in one for one in shown)


def test_every_copy_is_kept(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    for text in ("A=1\n", "B=1\n", "C=1\n"):
        path.write_text(text)
        written("open-webui", path)
    copies = sorted(tmp_path.glob(".env.bak*"))
    assert [copy.read_text() for copy in copies] == ["A=1\n", "B=1\n", "C=1\n"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("models: [", "not YAML, line 1"),
        ("- a\n- b\n", "not a mapping"),
        ("models: 7\n", "models is not a list"),
        ("models: &a [*b]\n", "not YAML"),
    ],
)
def test_a_file_that_is_not_understood_is_left_alone(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=told):
        written("continue", path)
    assert path.read_text() == text
    assert list(tmp_path.iterdir()) == [path]


def test_a_yaml_file_does_not_take_the_place_of_continues_json(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ConfigError, match="would no more"):
        written("continue", tmp_path / "config.yaml")
    assert not (tmp_path / "config.yaml").exists()


def test_entries_of_any_shape_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("model_list:\n- 7\n- model_name: a/one\n- litellm_params: no\n")
    written("litellm", path)
    assert len(loaded(path.read_text())["model_list"]) == 5


def test_the_link_for_cherry_studio_holds_the_provider() -> None:
    link = cherry_link(OURS)
    [data] = parse_qs(urlsplit(link).query)["data"]
    found: dict[str, Any] = json.loads(base64.b64decode(data, validate=True))
    assert (found["baseUrl"], found["apiKey"], found["type"]) == (OURS.base, "mn-key", "openai")
